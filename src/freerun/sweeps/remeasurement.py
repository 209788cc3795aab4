"""Measurement of a study anew: its trained runs with other metrics, another horizon, other sequences; nothing is trained."""

from __future__ import annotations

import shlex
from dataclasses import replace
from typing import Any

from freerun.config.experiment import Experiment
from freerun.config.run_identity import from_canonical
from freerun.errors import ConfigError
from freerun.execution.planned_run import plan
from freerun.io import key_value
from freerun.io.suggestions import near
from freerun.io.text import brief
from freerun.store import study_file
from freerun.store.records import trained_run
from freerun.store.results_folder import THEN, Place, folder_name, read_info
from freerun.sweeps import shards
from freerun.sweeps.shards import Shard
from freerun.sweeps.study import Study
from freerun.sweeps.sweep import generation

#: What leads from the command of a study to that of its measurement.
_THEN = f"{THEN}freerun measure "


def asked(name: str, place: Place, overrides: list[str], alias: str | None = None) -> Study:
    """Return a study of the runs of another one, measured as the overrides say; none of its runs may be trained.

    Of a part of a study the same part is measured, which is a part of the whole that is measured so.

    Args:
        name: of the study whose runs are measured.
        overrides: settings of the evaluation in Hydra's syntax, `metrics=[...]` for short, and `plugins=[...]`.
        alias: another name for the results; None for the same.

    Raises:
        ConfigError: if there is no such study, its runs are of another generation, or a setting is wrong.
    """
    info = read_info(name, place, started=False)
    words = [f"evaluation.{word}" if key_value.key_of(word) == "metrics" else word for word in overrides]
    changed = _changed(words)
    if (older := generation(info)) is not None:
        raise ConfigError(
            f"study {name!r}: its runs are of generation {older} of Freerun, and this version has to train them anew; run: "
            f"{place.again(info['command'])}"
        )
    part, whole = info.get("part"), name
    if part is not None:
        whole, info = study_file.whole_name(name, part["number"], part["of"]), part["whole"]
    runs = plan([_measured_anew(tree, changed) for tree in info["planned"].values()])
    again = "".join(f" {shlex.quote(word)}" for word in (*overrides, *([] if alias is None else ["--as", alias])))
    before = info["command"].partition(_THEN)[0] + _THEN
    study = Study(
        name=folder_name(alias or whole), runs=[replace(run, train=False) for run in runs], command=f"{before}{whole}{again}",
        title=info["title"], question=info["question"], overrides=info["overrides"], margin=info.get("margin"),
        figures=info.get("figures"), budget=info.get("budget"), tuned=info.get("tuned"),
    )  # fmt: skip
    if part is None:
        return study
    number_of = {trained_run(run): number for run, number in zip(info["ids"], part["parts"], strict=True)}
    measured = shards.part(study, Shard(part["number"], part["of"]), [number_of[run.trained] for run in runs])
    return replace(measured, command=f"{before}{name}{again}")


def _changed(words: list[str]) -> dict[str, Any]:
    """Return the settings of the evaluation that the words change.

    Raises:
        ConfigError: for any other key, the warm-up among them, which is part of training.
    """
    from freerun.config.hydra.compose import evaluation_settings

    for word in words:
        key = key_value.key_of(word)
        if key == "evaluation.warmup":
            raise ConfigError(f"{brief(word)}: the warm-up is part of training; other runs have another one")
        if key != "plugins" and not key.startswith("evaluation."):
            meant = near(key.partition(".")[0], ("evaluation", "metrics", "plugins"))
            hint = f"did you mean {meant!r}?" if meant else "runs stay what they were"
            raise ConfigError(f"{brief(word)}: measure takes evaluation.KEY=VALUE, metrics and plugins; {hint}")
    return evaluation_settings(words)


def _measured_anew(tree: dict[str, Any], changed: dict[str, Any]) -> Experiment:
    experiment = from_canonical(tree)
    before = experiment.evaluation
    metrics = changed.get("metrics", before.metrics)
    kept = {name: own for name, own in before.settings.items() if metrics is None or name in metrics}
    settings = {**kept, **changed.get("settings", {})}
    return replace(experiment, evaluation=replace(before, **{**changed, "settings": settings}))
