"""`freerun table [NAME] [--format md|latex|csv|parquet]`: the frames of a study, and the table of a paper."""

from __future__ import annotations

from freerun.commands import DEFAULT_STUDY, parser, place


def main(words: list[str]) -> int:
    """Build the tables from the records alone."""
    parsed = parser("table")
    parsed.add_argument("--format")
    parsed.add_argument("name", nargs="?", default=DEFAULT_STUDY)
    options = parsed.parse_intermixed_args(words)
    from freerun import products

    results = products.of(options.name, place(options))
    results.write_tables()
    print(f"tables: {results.folder}/{{runs,curves,gaps,compared}}.{{parquet,csv}}")
    if options.format:
        from freerun.report import paper

        with products.writing(results.folder):
            print(f"table: {paper.write(results.frames, results.folder, options.format)}")
    return 0
