"""Export of a study to other tools: one tidy Parquet file, a folder of CSV tables, or runs of TensorBoard or MLflow.

The tidy file has one row for every number: which run it is of (its axes and settings), in which table it stands, what it is of,
and its value. The CSV tables are those of the study, as exact as their Parquet twins. The trackers get each run with its
settings, its training curves by update, and what was measured on it.
"""

from __future__ import annotations

import io
import logging
import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd

from freerun.analysis.tables.tidy import NAMES, Tables, csv_bytes
from freerun.errors import ConfigError
from freerun.io.writing import demand_own, write_atomic

#: The columns of a number in the tidy file, after those of its run.
NUMBER = ("table", "split", "mode", "metric", "update", "step", "value", "low", "high", "unit")


def tidy(tables: Tables) -> pd.DataFrame:
    """Every number of a study in one frame: the columns of `runs`, then `NUMBER`; a run without numbers has one empty row."""
    curves = tables.curves.rename(columns={"quantity": "metric"})
    parts = [
        frame.assign(table=name) for name, frame in (("curves", curves), ("gaps", tables.gaps), ("compared", tables.compared))
    ]
    numbers = pd.concat([_plain(part[[name for name in ("run", *NUMBER) if name in part]]) for part in parts])
    for name in ("update", "step"):
        numbers[name] = numbers[name].astype("Int64")
    runs = _plain(tables.runs)
    order = {run: place for place, run in enumerate(runs["run"])}
    whole = runs.merge(numbers, on="run", how="left")
    places = whole["run"].map(order)
    return whole.iloc[places.argsort(kind="stable")][[*runs.columns, *NUMBER]].reset_index(drop=True)


def _plain(frame: pd.DataFrame) -> pd.DataFrame:
    """The frame with text in place of categories, which two tables do not share."""
    texts = [name for name in frame if isinstance(frame[name].dtype, pd.CategoricalDtype)]
    return frame.astype(dict.fromkeys(texts, "str"))


def to_parquet(tables: Tables, target: Path) -> Path:
    """Write the tidy file as Parquet."""
    buffer = io.BytesIO()
    tidy(tables).to_parquet(buffer, index=False)
    demand_own(target, buffer.getvalue())
    target.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(target, buffer.getvalue())
    return target


def to_csv(tables: Tables, target: Path) -> Path:
    """Write each table of the study as a CSV file into a folder, as exact as its Parquet twin."""
    files = {target / f"{name}.csv": csv_bytes(getattr(tables, name)) for name in NAMES}
    for path, content in files.items():
        demand_own(path, content)
    target.mkdir(parents=True, exist_ok=True)
    for path, content in files.items():
        write_atomic(path, content)
    return target


def to_tensorboard(tables: Tables, target: Path) -> Path:
    """Write event files, a folder for each run.

    Raises:
        ConfigError: if TensorBoard is not installed, or the target is not a new folder.
    """
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        raise ConfigError("--to tensorboard: needs tensorboard; pip install 'freerun[track]'") from None
    _fresh(target)
    for run, settings, scalars in _runs(tables):
        writer = SummaryWriter(str(target / run))
        for name, at, value in scalars:
            writer.add_scalar(name, value, at)
        writer.add_text("settings", "\n".join(f"    {key}: {value}" for key, value in settings.items()))
        writer.close()
    return target


def to_mlflow(tables: Tables, target: Path) -> Path:
    """Write a database of MLflow (``mlflow ui --backend-store-uri sqlite:///PATH/mlflow.db``): a study is an experiment.

    Raises:
        ConfigError: if MLflow is not installed, or the target is not a new folder.
    """
    try:
        from mlflow.entities import Metric, Param, RunTag
        from mlflow.tracking import MlflowClient
    except ImportError:
        raise ConfigError("--to mlflow: needs mlflow-skinny; pip install 'freerun[track]'") from None
    _fresh(target)
    logging.getLogger("mlflow").setLevel(logging.ERROR)
    logging.getLogger("alembic").setLevel(logging.ERROR)
    client = MlflowClient(f"sqlite:///{target.resolve()}/mlflow.db")
    (study,) = tables.runs["study"].unique()
    experiment = client.create_experiment(str(study), artifact_location=target.resolve().as_uri())
    for run, settings, scalars in _runs(tables):
        made = client.create_run(experiment, run_name=run, start_time=0).info.run_id
        params = [Param(key, str(value)[:500]) for key, value in settings.items()]
        metrics = [Metric(name, value, 0, at) for name, at, value in scalars]
        client.log_batch(made, params=params[:100], tags=[RunTag("run", run)])
        for start in range(0, len(metrics), 1000):
            client.log_batch(made, metrics=metrics[start : start + 1000])
        client.set_terminated(made, "FAILED" if settings["status"] == "failed" else "FINISHED", end_time=0)
    return target


def _fresh(target: Path) -> None:
    if target.exists():
        raise ConfigError(f"{target}: is there already; remove it, or choose another place with --out")
    target.mkdir(parents=True)


def _runs(tables: Tables) -> Iterator[tuple[str, dict[str, Any], list[tuple[str, int, float]]]]:
    """Each run with its settings and its scalars: training curves by update, then what was measured by step.

    What is undefined is left out.
    """
    curves = dict(list(_plain(tables.curves).groupby("run", sort=False)))
    measured = dict(list(_plain(tables.gaps).groupby("run", sort=False)))
    for row in _plain(tables.runs).to_dict("records"):
        run = str(row["run"])
        settings = {str(key): value for key, value in row.items() if not pd.isna(value)}
        scalars = []
        if run in curves:
            scalars += [(f"training/{name}", at, value) for name, at, value in _points(curves[run], ["quantity"], "update")]
        if run in measured:
            scalars += _points(measured[run], ["split", "mode", "metric"], "step")
        yield run, settings, scalars


def _points(frame: pd.DataFrame, names: list[str], at: str) -> list[tuple[str, int, float]]:
    keys = frame[names].astype(str).agg("/".join, axis=1)
    return [
        (key, int(place), float(value))
        for key, place, value in zip(keys, frame[at], frame["value"], strict=True)
        if math.isfinite(value)
    ]


WRITERS: dict[str, Callable[[Tables, Path], Path]] = {
    "parquet": to_parquet,
    "csv": to_csv,
    "tensorboard": to_tensorboard,
    "mlflow": to_mlflow,
}
