"""Settings of the evaluation: warm-up, horizon, sequences, orbit, metrics and their settings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from freerun.errors import ConfigError, require
from freerun.io.suggestions import nearest
from freerun.io.text import brief, one_line
from freerun.parts import registry
from freerun.parts.settings import build


@dataclass(kw_only=True)
class Evaluation:
    """How a trained model is measured, forced and free, on the training and on the test split.

    Training knows the warm-up alone; everything else can be another one without a run being trained again.

    Attributes:
        warmup: steps that are forced before the release, in training and in every evaluation; null for the task's own.
        horizon: steps measured from the release on; null for the task's own.
        sequences: how many sequences of each split are measured.
        orbit: steps of a long closed loop, for the statistics of its states; null for the task's own, 0 for none.
        distances: measure how far what the model is fed, its states and its outputs are from what they were in training.
        metrics: what is measured, by name; null for every metric that has a meaning on the task.
        settings: settings of metrics that are not by default, by metric and name (on the command line
            ``evaluation.METRIC.SETTING=VALUE``).

    Raises:
        ConfigError: for a metric or a setting that does not exist, or a value that is none for it.
    """

    warmup: int | None = None
    horizon: int | None = None
    sequences: int = 128
    orbit: int | None = None
    distances: bool = False
    metrics: list[str] | None = None
    settings: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        require(self.warmup is None or self.warmup >= 0, "warmup", self.warmup, "not be negative")
        require(self.horizon is None or self.horizon >= 1, "horizon", self.horizon, "be at least 1")
        require(self.sequences >= 1, "sequences", self.sequences, "be at least 1")
        require(self.orbit is None or self.orbit == 0 or self.orbit >= 100, "orbit", self.orbit, "be 0, or at least 100")
        if self.metrics is not None:
            self.metrics = _known_names(self.metrics)
        if self.settings:
            self.settings = _changed_settings(self.settings)


def selected(evaluation: Evaluation) -> dict[str, Any]:
    """Return the metrics that an evaluation asks for, each made with its settings, by name.

    Raises:
        ConfigError: if one of them is not there any more, as one of a plugin that is not loaded.
    """
    names = registry.parts("metric") if evaluation.metrics is None else _known_names(evaluation.metrics)
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
