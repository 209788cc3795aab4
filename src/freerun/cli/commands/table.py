"""`freerun table [NAME] [--format md|latex|csv|parquet]`: the frames of a study, and the table of a paper."""

from __future__ import annotations

from collections import Counter

from freerun.cli.arguments import Parser, add_study, place, shared_parser
from freerun.errors import ConfigError
from freerun.io.suggestions import nearest


def parser() -> Parser:
    """Make the parser of the command."""
    command = shared_parser("table", "[NAME]", examples=("freerun table", "freerun table first_look --format latex"))
    command.add_argument("--format", metavar="FORMAT", help="write also the table of a paper: md, latex, csv or parquet")
    add_study(command)
    return command


def main(words: list[str]) -> int:
    """Build the tables from the records alone."""
    options = parser().read(words)
    from freerun.analysis import outputs
    from freerun.analysis.tables.tidy import NAMES

    results = outputs.of(options.name, place(options))
    if options.format:
        from freerun.analysis.report import paper_table

        if options.format not in paper_table.FORMATS:
            raise ConfigError(f"--format {options.format}: unknown; {nearest(options.format, paper_table.FORMATS)}")
    results.write_tables()
    print(f"tables: {results.folder}/{{{','.join(NAMES)}}}.parquet, {results.folder}/runs.csv")
    if options.format and results.frames.gaps.empty:
        ends = Counter(results.frames.runs["status"])
        counts = ", ".join(f"{count} {status}" for status, count in ends.items())
        print(
            f"table: none, for no run has a measurement ({counts}); {place(options).command('status', results.name)} says why"
        )
    elif options.format:
        with outputs.writing(results.folder):
            print(f"table: {paper_table.write(results.frames, results.folder, options.format)}")
    return 0
