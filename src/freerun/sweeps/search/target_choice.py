"""Choice of the target of a method: of those that are asked for, the first that is measured on its task."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace

from freerun.config.experiment import Experiment
from freerun.config.run_identity import sources
from freerun.errors import ConfigError
from freerun.execution.planned_run import Planned
from freerun.parts import registry
from freerun.parts.part_source import source_of
from freerun.store.record_types import HELD_OUT
from freerun.sweeps.search.target import Target


class Choice:
    """Targets of methods; methods that are measured alike are looked at once.

    Args:
        targets: in the order in which they are looked for.
        named: they were asked for by name; else the last is there for what has none of the others.
    """

    def __init__(self, targets: Sequence[Target], *, named: bool) -> None:
        self.targets, self.named = targets, named
        self._known: dict[str, Target] = {}

    def of(self, run: Planned) -> Target:
        """Return the target of the method that a run is of.

        A look takes seconds; parts from plugins are not looked at, for they may do anything: one target is then taken as it is
        asked for, and where nothing is asked for it is the loss.

        Raises:
            ConfigError: if none is measured there, or it cannot be known which one is.
        """
        if len(self.targets) == 1 and self.targets[0].logged:
            return self.targets[0]
        own = (source_of(registry.get("metric", target.metric)()) for target in self.targets)
        if sources(run.tree) or any(own):
            if len(self.targets) > 1 and self.named:
                raise ConfigError("tune: metric: which of them a part from a plugin has is known after training; name one")
            return self.targets[-1]
        nodes = [run.tree[name] for name in ("task", "feedback", "objective", "evaluation")]
        alike = json.dumps([*nodes, run.experiment.model.deaf], sort_keys=True)
        if alike not in self._known:
            self._known[alike] = self._looked_up(run.experiment)
        return self._known[alike]

    def _looked_up(self, experiment: Experiment) -> Target:
        from freerun.measurement.dry_run import measurable

        for target in self.targets:
            if target.logged or measurable(measured_by(experiment, target), target.place) == {target.place}:
                return target
        names = ", ".join(dict.fromkeys(target.metric for target in self.targets))
        where = f"{registry.name_of(experiment.task)} on {self.targets[0].split}"
        raise ConfigError(f"tune: metric={names}: not measured on {where}; choose another, or leave it out")


def measured_by(experiment: Experiment, target: Target) -> Experiment:
    """Return an experiment of which the target alone is measured, on the split that it is of."""
    settings = experiment.evaluation.settings
    kept = {target.metric: settings[target.metric]} if target.metric in settings else {}
    held_out = target.split if target.split in HELD_OUT else experiment.evaluation.split
    evaluation = replace(experiment.evaluation, metrics=[target.metric], settings=kept, split=held_out)
    return replace(experiment, evaluation=evaluation)
