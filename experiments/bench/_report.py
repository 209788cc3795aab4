"""Report of a benchmark: Markdown for people, JSON for programs."""

from __future__ import annotations

import csv
import json
import platform
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from freerun import arithmetic
from freerun.store.provenance import commit


def made_on(program: str) -> str:
    """The line that says on what the numbers were taken.

    Args:
        program: what matters beside the machine, with its version.
    """
    return f"{platform.system()} {platform.machine()}, {program}, {arithmetic.in_force()}, commit {commit() or 'unknown'}."


def write(folder: Path, lines: Sequence[str], numbers: Mapping[str, Any] | Sequence[Mapping[str, Any]]) -> None:
    """Print the text and write it as benchmark.md; the numbers go beside it.

    Args:
        folder: where to.
        lines: of the text.
        numbers: rows, for benchmark.csv; or anything by name, for benchmark.json.
    """
    text = "\n".join(lines) + "\n"
    print(text, end="")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "benchmark.md").write_text(text)
    if isinstance(numbers, Mapping):
        (folder / "benchmark.json").write_text(json.dumps(numbers, indent=1) + "\n")
    else:
        with open(folder / "benchmark.csv", "w", newline="") as file:
            writer = csv.DictWriter(file, list(numbers[0]), lineterminator="\n")
            writer.writeheader()
            writer.writerows(numbers)
