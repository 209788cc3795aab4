"""Programs with one fault each, as found in published code: engines, tables and compositions."""

from __future__ import annotations

from dataclasses import fields, replace
from itertools import pairwise
from unittest import mock

import pandas as pd

from freerun.analysis.inference.confidence_intervals import counts
from freerun.analysis.tables import gap
from freerun.analysis.tables.quantities import Quantities
from freerun.config.training_settings import Training
from freerun.engine import replicas, training
from freerun.execution import group_runner
from freerun.execution.group_runner import run_group
from freerun.measurement import evaluation
from freerun.parts import registry
from laws.broken.runs import Patched
from laws.runs import Engine


class EvaluatesForced(Patched):
    """What is called the free evaluation is fed the truth."""

    target, name = replicas.Group, "release"

    def replacement(self, genuine):
        def release(own, steps, count, warmup=None):
            return genuine(own, steps, count, steps)

        return release


class OtherSequences(Patched):
    """The free mode is measured on other sequences than the forced one."""

    target, name = evaluation, "observe"

    def replacement(self, genuine):
        def observe(*words, **named):
            seen = genuine(*words, **named)
            if named.get("forced") is None:
                return seen
            return replace(seen, targets=seen.targets.roll(1, 1), weights=seen.weights.roll(1, 1))

        return observe


class Keeps(Patched):
    """The weights that are kept are those of the best validation; `better` says what is best."""

    name = "validated"

    def better(self, loss, best):
        return loss < best

    def replacement(self, genuine):
        kept = {}

        def look(own, *rest):
            found = genuine(own, *rest)
            loss = sum(found["validation_free_loss"])
            if own not in kept or self.better(loss, kept[own][0]):
                kept[own] = loss, own.parameters.flat.clone()
            own.parameters.flat.copy_(kept[own][1])
            return found

        return look


class KeepsTheWorst(Keeps):
    """The comparison of the best checkpoint is upside down."""

    def better(self, loss, best):
        return loss > best


class ValidatesOnTheTest(Patched):
    """The test split stands in for the validation split."""

    target, name = replicas.Group, "batch"

    def replacement(self, genuine):
        return lambda own, split, *rest: genuine(own, "test" if split == "validation" else split, *rest)


class SlowsDownOnPlateaus(Engine):
    """The learning rate is halved where the validation loss, whose meaning moves with the schedule, has not fallen."""

    def train(self, group, store):
        seen, genuine = [], training.validated

        def look(own, *rest):
            found = genuine(own, *rest)
            seen.append(sum(found["validation_forced_loss"]))
            return found

        def rate(own, update):
            return 0.5 ** sum(after >= before for before, after in pairwise(seen))

        with mock.patch.object(training, "validated", look), mock.patch.object(Training, "rate", rate):
            run_group(group, store, lambda *_: None)


class ForgetsTheData(Patched):
    """The record does not say by what data it was made."""

    target, name = group_runner, "_record"

    def replacement(self, genuine):
        def record(*words):
            made = genuine(*words)
            return {**made, "provenance": {**made["provenance"], "data": ""}}

        return record


class NoFloors(Patched):
    """Distances without what the true system itself would score."""

    target, name = evaluation, "prepared"

    def replacement(self, genuine):
        def prepared(own, metric, observed, *rest):
            without = registry.name_of(metric).endswith("_floor")
            return [None] * len(observed) if without else genuine(own, metric, observed, *rest)

        return prepared


class DropsWhatFailed(Patched):
    """A run that diverged leaves no record."""

    target, name = training, "_freeze_broken"

    def replacement(self, genuine):
        def freeze(outcomes, alive, *rest):
            genuine(outcomes, alive, *rest)
            for outcome in outcomes:
                outcome.broke = None

        return freeze


def ignores_unknown_keys(cls, key, settings):
    """Settings of another name are dropped."""
    known = {item.name for item in fields(cls)}
    return cls(**{name: value for name, value in settings.items() if name in known})


def counts_the_finished(frame: pd.DataFrame, by: list[str]) -> pd.DataFrame:
    """Only runs that came to an end are looked at."""
    return counts(frame[frame["status"] == "done"], by)


def zero_for_undefined(frame: pd.DataFrame, quantities: Quantities) -> pd.DataFrame:
    """What was never defined has no gap."""
    found = gap.over_horizon(frame, quantities)
    return found.fillna({"gap": 0.0})
