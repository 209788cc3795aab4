"""`freerun report [NAME | A B]`: figures and report of a study, or a report on two."""

from __future__ import annotations

from freerun.cli.arguments import DEFAULT_STUDY, Parser, add_plugin, place, plugins, shared_parser
from freerun.errors import ConfigError
from freerun.io.text import brief


def parser() -> Parser:
    """Make the parser of the command."""
    examples = ("freerun report path_star --pdf", "freerun report first_look more")
    command = shared_parser("report", "[NAME | A B]", examples=examples)
    command.add_argument(
        "names",
        metavar="NAME",
        nargs="*",
        help="the study (default: first_look), or two, which are compared where both trained alike",
    )
    add_plugin(command)
    command.add_argument("--pdf", action="store_true", help="write it as PDF too (needs the extra pdf)")
    return command


def main(words: list[str]) -> int:
    """Build figures and report from the records alone, or from the tables of the folder where there are none."""
    options = parser().read(words)
    names = options.names or [DEFAULT_STUDY]
    if len(names) > 2:
        raise ConfigError(f"report takes one study, or two that are compared; got {len(names)}")
    if len(set(names)) < len(names):
        raise ConfigError(f"report {brief(names[0])} {brief(names[1])}: the two are the same")
    if len(names) > 1 and options.plugin:
        raise ConfigError(
            f"--plugin {brief(options.plugin[0])}: figures of your own are in the report of one study, not of two"
        )
    from freerun.analysis import outputs

    plugins(options)
    if options.pdf:
        from freerun.analysis.report import pdf

        pdf.demand()
    studies = [outputs.of(name, place(options)) for name in names]
    if len(studies) == 1:
        studies[0].write_report(on_paper=options.pdf)
    else:
        outputs.write_report_on_two(studies[0], studies[1], on_paper=options.pdf)
    return 0
