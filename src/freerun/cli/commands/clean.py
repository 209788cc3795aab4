"""`freerun clean [NAME --yes]`: remove what is left over, or a whole study."""

from __future__ import annotations

from freerun.cli.arguments import Parser, place, shared_parser
from freerun.errors import ConfigError


def parser() -> Parser:
    """Make the parser of the command."""
    examples = ("freerun clean", "freerun clean first_look --yes")
    command = shared_parser("clean", "[NAME]", examples=examples)
    text = "with NAME: do it; without: remove also what was set aside, and jobs"
    command.add_argument("--yes", action="store_true", help=text)
    command.add_argument(
        "name", metavar="NAME", nargs="?", help="a study, to remove with its records (default: what is left over)"
    )
    return command


def main(words: list[str]) -> int:
    """Remove leftovers that can be made again, with --yes also what was set aside and jobs; with a name, remove a study."""
    options = parser().read(words)
    from freerun.sweeps import cleaning

    results = place(options)
    if not results.store.root.is_dir():
        raise ConfigError(f"{results.results}: there are no results here")
    from freerun.store.claims import locked

    with locked(results.store):  # no sweep begins meanwhile
        if options.name:
            removable = cleaning.of_study(options.name, results)
        else:
            removable = cleaning.left_over(results, everything=options.yes)
        if not removable.paths:
            print("nothing to remove")
            return 0
        count = len(removable.paths)
        print(f"{removable.what}: {count} {'file' if count == 1 else 'files'}, {removable.size / 2**20:.1f} MB")
        if options.name and not options.yes:
            print("nothing was removed: add --yes")
            return 0
        removable.remove()
    print("removed")
    return 0
