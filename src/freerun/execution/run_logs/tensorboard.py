"""Log as event files of TensorBoard, a folder for each run: ``tensorboard --logdir results/.logs/tensorboard``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from freerun.execution.run_logs import Logged, RunLog


class TensorBoard(RunLog):
    """Scalars by update, and the settings as a text."""

    needs: ClassVar[tuple[str, str] | None] = ("tensorboard", "track")

    def __init__(self, folder: Path, logged: Logged) -> None:
        from torch.utils.tensorboard import SummaryWriter

        place = folder / logged.name
        for path in place.glob("events.out.tfevents.*"):
            path.unlink()
        self._writer = SummaryWriter(str(place))
        text = "\n".join(f"    {key}: {value}" for key, value in logged.settings.items())
        self._writer.add_text("settings", text)

    def write(self, points: Sequence[tuple[int, dict[str, float]]]) -> None:
        for update, values in points:
            for name, value in values.items():
                self._writer.add_scalar(f"training/{name}", value, update)
        self._writer.flush()

    def close(self, status: str) -> None:
        self._writer.add_text("status", status)
        self._writer.close()
