"""`freerun clean [NAME --yes]`: remove what is left over, or a whole study."""

from __future__ import annotations

from freerun.cli.arguments import Parser, place, shared_parser
from freerun.errors import ConfigError


def parser() -> Parser:
    """What the command takes."""
    examples = ("freerun clean", "freerun clean first_look --yes")
    made = shared_parser("clean", "[NAME]", examples=examples)
    text = "with NAME: do it; without: remove also what was set aside, and jobs"
    made.add_argument("--yes", action="store_true", help=text)
    made.add_argument(
        "name", metavar="NAME", nargs="?", help="a study, to remove with its records (default: what is left over)"
    )
    return made


def main(words: list[str]) -> int:
    """Without a name: what can be made again; with --yes also what was set aside, and jobs. With one: a study."""
    options = parser().read(words)
    from freerun.sweeps import cleaning

    where = place(options)
    if not where.store.root.is_dir():
        raise ConfigError(f"{where.results}: there are no results here")
    from freerun.store.claims import locked

    with locked(where.store):  # no sweep begins meanwhile
        found = cleaning.of_study(options.name, where) if options.name else cleaning.left_over(where, everything=options.yes)
        if not found.paths:
            print("nothing to remove")
            return 0
        print(f"{found.what}: {len(found.paths)} {'file' if len(found.paths) == 1 else 'files'}, {found.size / 2**20:.1f} MB")
        if options.name and not options.yes:
            print("nothing was removed: add --yes")
            return 0
        found.remove()
    print("removed")
    return 0
