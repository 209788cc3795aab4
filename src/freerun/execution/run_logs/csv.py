"""Log as a CSV file for each run, with the columns update, quantity, value."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from freerun.execution.run_logs import Logged, RunLog


class CSV(RunLog):
    """Lines of a file, ``NAME.csv``, in full precision."""

    def __init__(self, folder: Path, logged: Logged) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._path = folder / f"{logged.name}.csv"
        self._path.write_text("update,quantity,value\n", encoding="utf-8")

    def write(self, points: Sequence[tuple[int, dict[str, float]]]) -> None:
        lines = [f"{update},{name},{value!r}\n" for update, values in points for name, value in values.items()]
        with self._path.open("a", encoding="utf-8") as file:
            file.write("".join(lines))

    def close(self, status: str) -> None:
        pass
