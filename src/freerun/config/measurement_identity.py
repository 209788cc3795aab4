"""Identity of a measurement: which trained run is measured, by which metrics with which settings, on what.

A run is trained once. What is measured of it, its horizon, its sequences, its metrics, those of plugins too, is no part of its
identity (`freerun.config.run_identity`), so that a new metric or another horizon trains nothing.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from freerun.config.evaluation_settings import selected
from freerun.config.experiment import Experiment
from freerun.config.run_identity import identity
from freerun.errors import ConfigError, given
from freerun.parts import notebook_parts, plugins, registry
from freerun.parts.part_source import source_of
from freerun.parts.settings import build

#: Part of every identity of a measurement. Raise it when a change of a metric changes its numbers.
MEASURING = 4
#: What a measurement of an evaluation depends on beside its metrics; the warm-up is part of the run.
MEASURED = ("horizon", "sequences", "orbit", "distances", "split")


@dataclass(frozen=True, kw_only=True)
class Measurement:
    """What is measured of a trained run.

    Attributes:
        run: the identity of the trained run.
        evaluation: horizon, sequences, orbit and distances, resolved, and the split where it is not the test split.
        metrics: of each metric, by name, its settings, and for one that is not built in the SHA-256 of its source as `source`.
    """

    run: str
    evaluation: Mapping[str, Any]
    metrics: Mapping[str, Mapping[str, Any]]

    @property
    def id(self) -> str:
        """The identity of the measurement: that of its run, a dash, and 8 hexadecimal digits."""
        plain = {"measuring": MEASURING, "evaluation": dict(self.evaluation), "metrics": dict(self.metrics)}
        text = json.dumps(plain, sort_keys=True, separators=(",", ":"), allow_nan=False)
        return f"{self.run}-{hashlib.sha256(text.encode()).hexdigest()[:8]}"

    def made(self) -> dict[str, Any]:
        """Make the metrics, by name.

        Raises:
            ConfigError: if one is unknown, or has changed since the measurement was planned.
        """
        metrics = {}
        for name, planned in self.metrics.items():
            metric = build(registry.get("metric", name), f"evaluation.{name}", dict(planned["settings"]))
            if specification(metric) != planned:
                raise ConfigError(f"metric {name} has changed since this measurement was planned; start the study again")
            metrics[name] = metric
        return metrics

    @property
    def sources(self) -> set[str]:
        """The SHA-256 of the plugins that its metrics are from."""
        return {str(spec["source"]) for spec in self.metrics.values() if "source" in spec}


def measurement(experiment: Experiment, tree: Mapping[str, Any]) -> Measurement:
    """Return what an experiment, of which `tree` is the canonical form, measures of its trained run."""
    settings = experiment.evaluation
    others = {**plugins.plugin_metrics(), **notebook_parts.sources("metric")}
    kind = given(experiment.objective).head is not None, experiment.task.recording
    key = json.dumps([settings.metrics, settings.settings, others, kind], sort_keys=True)
    if key not in _specified:
        _specified[key] = {name: specification(metric) for name, metric in selected(settings, *kind).items()}
    evaluation = {name: tree["evaluation"][name] for name in MEASURED if name in tree["evaluation"]}
    return Measurement(run=identity(dict(tree)), evaluation=evaluation, metrics=_specified[key])


#: Of a thousand runs that are measured alike the metrics are looked at once.
_specified: dict[str, dict[str, dict[str, Any]]] = {}


def specification(metric: Any) -> dict[str, Any]:
    """The settings of a metric, and the hash of the plugin that it is from: where these are equal, so are its numbers."""
    settings: dict[str, Any] = {item.name: getattr(metric, item.name) for item in fields(metric)}
    source = source_of(metric)
    return {"settings": settings} if source is None else {"settings": settings, "source": source}
