"""Log as runs of Weights & Biases, offline unless ``WANDB_MODE`` says otherwise: ``wandb sync`` uploads them."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from freerun.execution.run_logs import Logged, RunLog


class WandB(RunLog):
    """Values by update, and the settings as the configuration; the run is known by its identity there too."""

    needs: ClassVar[tuple[str, str] | None] = ("wandb", "wandb")

    def __init__(self, folder: Path, logged: Logged) -> None:
        import wandb

        folder.mkdir(parents=True, exist_ok=True)
        for before in folder.glob(f"wandb/offline-run-*-{logged.run}"):
            shutil.rmtree(before)
        mode = os.environ.get("WANDB_MODE") or "offline"
        self._run = wandb.init(
            project=os.environ.get("WANDB_PROJECT") or "freerun", id=logged.run, name=logged.name, config=logged.settings,
            dir=str(folder), mode=mode, reinit="create_new", resume="allow" if mode == "online" else None,
            settings=wandb.Settings(silent=True, console="off", disable_git=True, save_code=False, x_disable_stats=True),
        )  # fmt: skip

    def write(self, points: Sequence[tuple[int, dict[str, float]]]) -> None:
        for update, values in points:
            self._run.log(values, step=update)

    def close(self, status: str) -> None:
        self._run.summary["status"] = status
        self._run.finish(exit_code=int(status == "failed"))
