"""`freerun report [NAME]`: figures and report of a study."""

from __future__ import annotations

from freerun.cli.arguments import Parser, add_study, place, shared_parser


def parser() -> Parser:
    """Make the parser of the command."""
    examples = ("freerun report", "freerun report path_star --results elsewhere")
    command = shared_parser("report", "[NAME]", examples=examples)
    add_study(command)
    return command


def main(words: list[str]) -> int:
    """Build figures and report from the records alone."""
    options = parser().read(words)
    from freerun.analysis import outputs

    outputs.of(options.name, place(options)).write_report()
    return 0
