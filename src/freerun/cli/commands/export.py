"""`freerun export NAME [--to FORMAT] [--out PATH]`: a study for other tools."""

from __future__ import annotations

from pathlib import Path

from freerun.cli.arguments import Parser, place, shared_parser
from freerun.errors import ConfigError
from freerun.io.suggestions import nearest

#: The formats, and the file or the folder of each in the folder of the study.
FORMATS = {"parquet": "export.parquet", "csv": "csv", "tensorboard": "tensorboard", "mlflow": "mlflow"}


def parser() -> Parser:
    """Make the parser of the command."""
    examples = ("freerun export first_look --to csv --out first_look_tables", "freerun export first_look --to tensorboard")
    command = shared_parser("export", "NAME", examples=examples)
    text = "parquet (default: one tidy file), csv (a folder of all tables), tensorboard, mlflow (both need the extra track)"
    command.add_argument("--to", metavar="FORMAT", default="parquet", help=text)
    text = "the file or folder to write (default: DIR/NAME/export.parquet, or a folder of the format's name there)"
    command.add_argument("--out", metavar="PATH", help=text)
    command.add_argument("name", metavar="NAME", help="the study")
    return command


def main(words: list[str]) -> int:
    """Write one tidy file of everything that was measured, each table as CSV, or the runs for a tracker."""
    options = parser().read(words)
    if options.to not in FORMATS:
        raise ConfigError(f"--to {options.to}: unknown format; {nearest(options.to, FORMATS)}")
    if options.out is not None:
        _demand_room(options.out, options.to)
    from freerun.analysis import outputs
    from freerun.analysis.tables import export

    results = outputs.of(options.name, place(options))
    target = results.folder / FORMATS[options.to] if options.out is None else Path(options.out)
    with outputs.writing(results.folder):
        print(f"export: {export.WRITERS[options.to](results.frames, target)}")
    return 0


def _demand_room(out: str, to: str) -> None:
    """Refuse a place where nothing can be written.

    Raises:
        ConfigError: if it is no name, a folder where a file is to be written, a file where a folder is, or in a folder that is
            not there.
    """
    if not out.strip():
        raise ConfigError(f"--out {out!r}: must name what is to be written, for example --out {FORMATS[to]}")
    target = Path(out)
    if to == "parquet" and target.is_dir():
        raise ConfigError(f"--out {out}: is a folder; name a file, for example --out {target / FORMATS[to]}")
    if to == "csv" and target.exists() and not target.is_dir():
        raise ConfigError(f"--out {out}: is a file; --to csv writes a folder of tables, for example --out {FORMATS[to]}")
    if not target.parent.is_dir():
        raise ConfigError(f"--out {out}: there is no folder {target.parent}; make it first")
