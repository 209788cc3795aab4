"""`freerun figures [STUDY] [NAME ...]`: the figures of a study, all or some, for a report or for a paper."""

from __future__ import annotations

from pathlib import Path

from freerun.cli.arguments import Parser, add_paper, add_plugin, add_study, place, plugins, shared_parser
from freerun.errors import ConfigError
from freerun.io.suggestions import nearest


def parser() -> Parser:
    """Make the parser of the command."""
    examples = (
        "freerun figures path_star --format pdf",
        "freerun figures first_look gap_over_lead --select regime=teacher_forcing,free_running --width column --style neurips",
    )
    command = shared_parser("figures", "[STUDY] [NAME ...]", examples=examples)
    command.add_argument("--format", metavar="FORMAT", help="svg, png or pdf: this alone (default: svg and png)")
    add_plugin(command)
    add_paper(command)
    command.add_argument("--style", metavar="STYLE", help="plain, neurips, icml, or a file *.mplstyle: fonts and their sizes")
    text = "where figures go (default: DIR/STUDY/figures, or chosen_figures there with --select, --labels, --width or --style)"
    command.add_argument("--out", metavar="FOLDER", type=Path, help=text)
    add_study(command)
    command.add_argument("figures", metavar="FIGURE", nargs="*", help="names of figures (default: those of the report)")
    return command


def main(words: list[str]) -> int:
    """Draw figures from the records alone, or from the tables that are kept of a study."""
    options = parser().read(words)
    from freerun.analysis import figures, outputs

    plugins(options)
    if options.format is not None and options.format not in figures.FORMATS:
        raise ConfigError(f"--format {options.format}: unknown; {nearest(options.format, figures.FORMATS)}")
    formats = figures.USUAL_FORMATS if options.format is None else (options.format,)
    changed = any((options.select, options.labels, options.width, options.style))
    if not (changed or options.out or options.figures):
        outputs.of(options.name, place(options)).write_figures(formats)
        return 0
    paper = figures.paper(options.style, options.width)
    study = outputs.of(options.name, place(options))
    target = options.out or study.folder / ("chosen_figures" if changed else "figures")
    study.write_chosen_figures(study.material(options.select, options.labels, paper), options.figures, formats, target)
    return 0
