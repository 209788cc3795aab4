"""`freerun table [NAME] [--out FILE] [--format md|latex|csv|parquet]`: the results of a study, its frames, a paper's table."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from freerun.cli.arguments import Parser, add_study, place, shared_parser
from freerun.errors import ConfigError
from freerun.io.suggestions import nearest

if TYPE_CHECKING:
    from freerun.analysis.tables.tidy import Tables


def parser() -> Parser:
    """Make the parser of the command."""
    examples = ("freerun table", "freerun table first_look --out table.tex")
    command = shared_parser("table", "[NAME]", examples=examples)
    text = "write the table of a paper to a file: .md, .tex, .csv or .parquet"
    command.add_argument("--out", metavar="FILE", type=Path, help=text)
    command.add_argument("--format", metavar="FORMAT", help="write it to the folder of the study: md, latex, csv or parquet")
    add_study(command)
    return command


def main(words: list[str]) -> int:
    """Print the results of a study and build its frames, from its records; without them, print what its folder holds."""
    options = parser().read(words)
    from freerun.analysis import outputs
    from freerun.analysis.report import paper_table

    if options.format and options.format not in paper_table.FORMATS:
        raise ConfigError(f"--format {options.format}: unknown; {nearest(options.format, paper_table.FORMATS)}")
    asked = paper_table.format_of(options.out) if options.out else ""
    where = place(options)
    results = outputs.of(options.name, where)
    frames = results.frames
    results.write_tables()
    if frames.gaps.empty:
        ends = ", ".join(f"{count} {status}" for status, count in Counter(frames.runs["status"]).items())
        why = where.command("status", options.name)
        print(f"table: none, for no run has a measurement ({ends}); {why} says why")
    else:
        _print_and_write(frames, where.folder(options.name), options.format, options.out, asked)
    if not results.kept:
        from freerun.analysis.tables.tidy import NAMES

        print(f"tables: {results.folder}/{{{','.join(NAMES)}}}.parquet, {results.folder}/runs.csv")
    return 0


def _print_and_write(frames: Tables, folder: Path, file_format: str | None, out: Path | None, asked: str) -> None:
    from freerun.analysis import outputs
    from freerun.analysis.report import paper_table, summary
    from freerun.cli.terminal import show_results
    from freerun.errors import refused
    from freerun.io.writing import demand_own, write_atomic

    show_results(summary(frames)[0])
    if out is not None:
        content = paper_table.written(frames, asked)
        demand_own(out, content)
        try:
            write_atomic(out, content)
        except OSError as fault:
            raise refused(out, "cannot be written", fault) from None
        print(f"table: {out}")
    if file_format:
        with outputs.writing(folder):
            print(f"table: {paper_table.write(frames, folder, file_format)}")
