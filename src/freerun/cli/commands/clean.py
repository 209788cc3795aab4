"""`freerun clean [NAME] --yes`: remove what is left over, or a whole study."""

from __future__ import annotations

from freerun.cli.arguments import Parser, place, shared_parser
from freerun.errors import ConfigError

#: Files that are listed by name before they are removed.
SHOWN = 10


def parser() -> Parser:
    """Make the parser of the command."""
    examples = ("freerun clean --yes", "freerun clean first_look --yes")
    command = shared_parser("clean", "[NAME]", examples=examples)
    command.add_argument("--yes", action="store_true", help="remove it; without, only say what it is")
    command.add_argument("--all", action="store_true", help="also what was set aside, and scripts and logs of cluster jobs")
    command.add_argument(
        "name", metavar="NAME", nargs="?", help="a study, to remove with its records (default: what is left over)"
    )
    return command


def main(words: list[str]) -> int:
    """Remove leftovers that can be made again, with --all also what was set aside and jobs; with a name, remove a study."""
    options = parser().read(words)
    from freerun.store import results_folder
    from freerun.sweeps import cleaning

    if options.name is not None and (options.all or not options.name.strip()):
        raise ConfigError("clean takes the name of a study, or no name for what is left over, with --all for more of that")
    results = place(options)
    if not results.store.root.is_dir() and options.name not in results_folder.names(results):
        raise ConfigError(f"{results.results}: there are no results here")
    results.store.open()  # for the lock, also where a study has come without records
    from freerun.store.claims import locked

    with locked(results.store):  # no sweep begins meanwhile
        if options.name is not None:
            removable = cleaning.of_study(options.name, results)
        else:
            removable = cleaning.left_over(results, everything=options.all)
        if not removable.paths:
            print("nothing to remove")
            return 0
        count = len(removable.paths)
        print(f"{removable.what}: {count} {'file' if count == 1 else 'files'}, {removable.size / 2**20:.1f} MB")
        if not options.yes:
            shown = [path.relative_to(results.results) for path in removable.paths[:SHOWN]]
            print("\n".join(f"  {path}" for path in shown) + (f"\n  and {count - SHOWN} more" if count > SHOWN else ""))
            print("nothing was removed: add --yes")
            return 0
        removable.remove()
    print("removed")
    return 0
