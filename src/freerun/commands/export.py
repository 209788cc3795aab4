"""`freerun export NAME [--to FORMAT] [--out PATH]`: a study for other tools."""

from __future__ import annotations

from pathlib import Path

from freerun.commands import parser, place
from freerun.errors import ConfigError, nearest

FORMATS = ("parquet", "csv", "tensorboard", "mlflow")


def main(words: list[str]) -> int:
    """Write one tidy file of everything that was measured, or the runs for a tracker."""
    parsed = parser("export")
    parsed.add_argument("--to", default="parquet")
    parsed.add_argument("--out", type=Path)
    parsed.add_argument("name")
    options = parsed.parse_intermixed_args(words)
    if options.to not in FORMATS:
        raise ConfigError(f"--to {options.to}: unknown format; {nearest(options.to, FORMATS)}")
    from freerun import export, products

    results = products.of(options.name, place(options))
    target = options.out or results.folder / {"parquet": "export.parquet", "csv": "export.csv"}.get(options.to, options.to)
    with products.writing(target):
        print(f"export: {export.WRITERS[options.to](results.frames, target)}")
    return 0
