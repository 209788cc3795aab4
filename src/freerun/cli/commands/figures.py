"""`freerun figures [NAME]`: the figures of a study."""

from __future__ import annotations

from freerun.cli.arguments import Parser, add_study, place, shared_parser
from freerun.errors import ConfigError
from freerun.io.suggestions import nearest


def parser() -> Parser:
    """Make the parser of the command."""
    examples = ("freerun figures", "freerun figures path_star --format pdf --plugin my_figure.py")
    command = shared_parser("figures", "[NAME]", examples=examples)
    command.add_argument("--format", metavar="FORMAT", help="svg, png or pdf: this alone (default: svg and png)")
    command.add_argument("--plugin", metavar="FILE.py", action="append", default=[], help="a figure of your own, drawn too")
    add_study(command)
    return command


def main(words: list[str]) -> int:
    """Draw the figures from the records alone."""
    options = parser().read(words)
    from freerun.analysis import figures, outputs
    from freerun.parts.plugins import load_plugin

    for path in options.plugin:
        load_plugin(path)
    if options.format is not None and options.format not in figures.FORMATS:
        raise ConfigError(f"--format {options.format}: unknown; {nearest(options.format, figures.FORMATS)}")
    formats = figures.USUAL_FORMATS if options.format is None else (options.format,)
    outputs.of(options.name, place(options)).write_figures(formats)
    return 0
