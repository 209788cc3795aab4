"""Log as runs of MLflow, in its own database or at ``MLFLOW_TRACKING_URI``; their experiment is called `freerun`."""

from __future__ import annotations

import fcntl
import logging
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import ClassVar

from freerun.execution.run_logs import Logged, RunLog

_EXPERIMENT = "freerun"
#: How many times a server at which another worker makes the experiment is asked again, and the seconds between.
_TRIES, _PAUSE = 20, 0.5


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Keep the other workers of this machine waiting: two that make the tables of one database at once break it."""
    with (folder / "mlflow.lock").open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


class MLflow(RunLog):
    """Metrics by update, and the settings as parameters."""

    needs: ClassVar[tuple[str, str] | None] = ("mlflow", "track")

    def __init__(self, folder: Path, logged: Logged) -> None:
        from mlflow.entities import Param, RunTag
        from mlflow.tracking import MlflowClient

        for name in ("mlflow", "alembic"):  # which the import has set otherwise
            logging.getLogger(name).setLevel(logging.ERROR)
        folder.mkdir(parents=True, exist_ok=True)
        with _alone(folder):
            self._client = MlflowClient(os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{folder}/mlflow.db")
            experiment = self._experiment(folder)
        for before in self._client.search_runs([experiment], f"tags.run = '{logged.run}'"):
            self._client.delete_run(before.info.run_id)
        self._run = self._client.create_run(experiment, run_name=logged.name).info.run_id
        params = [Param(key, str(value)[:500]) for key, value in logged.settings.items()]
        self._client.log_batch(self._run, params=params[:100], tags=[RunTag("run", logged.run)])

    def _experiment(self, folder: Path) -> str:
        """Return the identity of the experiment, which several workers may make at once."""
        for _ in range(_TRIES):
            try:
                known = self._client.get_experiment_by_name(_EXPERIMENT)
                if known is not None:
                    return str(known.experiment_id)
                return str(self._client.create_experiment(_EXPERIMENT, artifact_location=folder.as_uri()))
            except Exception as fault:  # another worker was first: whatever the database calls that
                last = fault
                time.sleep(_PAUSE)
        raise last

    def write(self, points: Sequence[tuple[int, dict[str, float]]]) -> None:
        from mlflow.entities import Metric

        now = round(time.time() * 1000)
        metrics = [Metric(name, value, now, update) for update, values in points for name, value in values.items()]
        for start in range(0, len(metrics), 1000):
            self._client.log_batch(self._run, metrics=metrics[start : start + 1000])

    def close(self, status: str) -> None:
        self._client.set_tag(self._run, "status", status)
        self._client.set_terminated(self._run, "FAILED" if status == "failed" else "FINISHED")
