"""`freerun paper STUDY --venue VENUE`: a folder for a paper, with figures, tables, their data, and LaTeX that shows them."""

from __future__ import annotations

import shlex
from pathlib import Path

from freerun.cli.arguments import Parser, add_paper, add_plugin, add_study, place, plugins, shared_parser
from freerun.errors import ConfigError
from freerun.io import key_value
from freerun.io.suggestions import nearest


def parser() -> Parser:
    """Make the parser of the command."""
    examples = (
        "freerun paper first_look --venue neurips",
        "freerun paper first_look gap_over_lead --venue icml --select task=text --metrics loss --rows 'teacher forcing'",
    )
    command = shared_parser("paper", "[STUDY] [FIGURE ...]", examples=examples)
    command.add_argument("--venue", metavar="VENUE", default="plain", help="neurips, icml or plain (default): widths and fonts")
    add_paper(command)
    add_plugin(command)
    text = "a method or a model of the tables; give it once for each (default: all, and the reference players)"
    command.add_argument("--rows", metavar="NAME", action="append", default=[], help=text)
    text = "the measures of the tables, M1,M2: a table for each (default: the own error of each task)"
    command.add_argument("--metrics", metavar="NAMES", help=text)
    command.add_argument("--out", metavar="FOLDER", type=Path, help="where the folder is made (default: DIR/STUDY/paper)")
    add_study(command)
    command.add_argument("figures", metavar="FIGURE", nargs="*", help="names of figures (default: all)")
    return command


def main(words: list[str]) -> int:
    """Write the folder from the records alone, or from the tables that are kept of a study."""
    options = parser().read(words)
    from freerun.analysis import figures, outputs
    from freerun.analysis.report import paper_folder

    plugins(options)
    if options.venue not in figures.VENUES:
        raise ConfigError(f"--venue {options.venue}: unknown; {nearest(options.venue, figures.VENUES)}")
    study = outputs.of(options.name, place(options))
    material = study.material(options.select, options.labels, figures.paper(options.venue, options.width))
    metrics = tuple(key_value.listed(options.metrics)) if options.metrics else ()
    command = shlex.join(["freerun", "paper", *words])
    asked = paper_folder.Asked(figures=tuple(options.figures), rows=tuple(options.rows), metrics=metrics, command=command)
    target = options.out or study.folder / "paper"
    with outputs.writing(study.folder, target):
        for line in paper_folder.write(study.name, material, asked, target):
            print(line)
    return 0
