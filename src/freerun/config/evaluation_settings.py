"""Settings of the evaluation: warm-up, horizon, sequences, orbit, metrics and their settings."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from freerun.errors import ConfigError, require
from freerun.io.suggestions import nearest
from freerun.io.text import brief, one_line
from freerun.parts import notebook_parts, registry
from freerun.parts.settings import LATER, Shown, build, checked
from freerun.store.record_types import HELD_OUT


@checked("evaluation", left=("metrics", "settings"))
@dataclass(kw_only=True)
class Evaluation(Shown):
    """How a trained model is measured, forced and free, on the training split and on one that was held out.

    Training knows the warm-up alone; everything else can be another one without a run being trained again.

    Attributes:
        warmup: steps that are forced before the release, in training and in every evaluation; null for the task's own.
        horizon: steps measured from the release on; null for the task's own.
        sequences: how many sequences of each split are measured.
        orbit: steps of a long closed loop, for the statistics of its states; null for the task's own, 0 for none.
        split: the held-out split that is measured. ``validation`` puts it in the place of the test split, of which nothing is
            then read: for choosing settings by a measure.
        distances: measure how far what the model is fed, its states and its outputs are from what they were in training.
        metrics: what is measured, by name; null for every metric that has a meaning on the task. In Python a metric itself may
            stand for its name, with its settings: so one that was defined in a notebook is measured, which no other way is.
        settings: settings of metrics that are not by default, by metric and name (on the command line
            ``evaluation.METRIC.SETTING=VALUE``).

    Raises:
        ConfigError: for a metric or a setting that does not exist, or a value that is none for it.
    """

    warmup: int | None = None
    horizon: int | None = None
    sequences: int = 128
    orbit: int | None = None
    split: str = field(default=HELD_OUT[0], metadata=LATER)
    distances: bool = False
    metrics: list[str] | None = None
    settings: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        require(self.warmup is None or self.warmup >= 0, "warmup", self.warmup, "not be negative")
        require(self.horizon is None or self.horizon >= 1, "horizon", self.horizon, "be at least 1")
        require(self.sequences >= 1, "sequences", self.sequences, "be at least 1")
        require(self.orbit is None or self.orbit == 0 or self.orbit >= 100, "orbit", self.orbit, "be 0, or at least 100")
        if self.split not in HELD_OUT:
            raise ConfigError(f"evaluation.split: unknown split {brief(self.split)}; {nearest(str(self.split), HELD_OUT)}")
        if isinstance(self.metrics, (list, tuple)):
            self.metrics, self.settings = _by_name(self.metrics, self.settings)
        if self.metrics is not None:
            self.metrics = _known_names(self.metrics)
        if self.settings:
            self.settings = _changed_settings(self.settings)
        if self.metrics is not None and (idle := next((name for name in self.settings if name not in self.metrics), None)):
            key = f"evaluation.{idle}.{next(iter(self.settings[idle]))}"
            raise ConfigError(f"{key}: {idle} is not among evaluation.metrics; name it there, or leave its setting out")


def _by_name(metrics: Iterable[Any], settings: Any) -> tuple[list[Any], Any]:
    """Return the names of metrics, and the settings of those that stand there themselves beside what is set by name."""
    names, own = [], {}
    for metric in metrics:
        if isinstance(metric, registry.base("metric")):
            notebook_parts.adopt("metric", metric)
            name = registry.name_of(metric)
            own[name] = {setting.name: getattr(metric, setting.name) for setting in fields(metric)}  # type: ignore[arg-type]
            names.append(name)
        else:
            names.append(metric)
    if twice := next(
        (name for name in own if names.count(name) > 1 or (isinstance(settings, dict) and name in settings)), None
    ):
        raise ConfigError(f"evaluation.metrics: {twice} stands there twice; a metric is measured in one way at a time")
    return names, {**settings, **own} if own and isinstance(settings, dict) else settings


def selected(evaluation: Evaluation, distributions: bool = False, recording: bool = False) -> dict[str, Any]:
    """Return the metrics that an evaluation asks for, each made with its settings, by name.

    Args:
        distributions: whether distributions of values are predicted; if not, metrics of those are left out unless named.
        recording: whether the task is a recording; if not, metrics of those are left out unless named.

    Raises:
        ConfigError: if one of them is not there any more, as one of a plugin that is not loaded.
    """
    every: dict[str, Any] = {**registry.builtin_parts("metric"), **registry.plugin_parts["metric"]}
    if evaluation.metrics is None:
        names = [
            name for name, metric in every.items()
            if (distributions or not metric.of_distributions) and (recording or not metric.of_recordings)
        ]  # fmt: skip
    else:
        names = _known_names(evaluation.metrics)
    return {name: _metric(name, evaluation.settings.get(name, {})) for name in names}


def _metric(name: str, settings: Mapping[str, Any]) -> Any:
    return build(registry.get("metric", name), f"evaluation.{name}", dict(settings))


def _known_names(names: Any) -> list[str]:
    """Return the names in alphabetical order, each once, so that one choice has one identity."""
    if not isinstance(names, (list, tuple)) or not names:
        raise ConfigError(f"evaluation.metrics must be a list of names such as [loss, tv], got {brief(names)}")
    known = registry.parts("metric")
    for name in names:
        if name not in known:
            shown = one_line(name, 60) if isinstance(name, str) else brief(name)
            raise ConfigError(f"evaluation.metrics: unknown metric {shown}; {nearest(shown, known)}")
    return sorted(set(names))


def _changed_settings(settings: Any) -> dict[str, dict[str, Any]]:
    """Return the settings that are not by default, each of its proper type."""
    if not isinstance(settings, dict) or not all(isinstance(node, dict) for node in settings.values()):
        raise ConfigError(f"evaluation.settings must hold the settings of each metric by its name, got {brief(settings)}")
    changed = {}
    for name in sorted(settings, key=str):
        metric, default = _metric(name, settings[name]), _metric(name, {})
        values = {setting.name: getattr(metric, setting.name) for setting in fields(metric)}
        if changes := {key: value for key, value in values.items() if value != getattr(default, key)}:
            changed[name] = changes
    return changed
