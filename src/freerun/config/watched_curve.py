"""Curve that is watched while a run trains: of which metric, mode and split, and which way is better.

    validation_free_rmse = SPLIT_MODE_METRIC,     loss = that of the batch, in training

It is what weights are chosen by (`training.keep=watched`) and what patience and plateaus go by. The split is `validation`, or
`train`; the test split is out of reach. The mode is `forced` or `free`, whatever the regime, so that a curve means the same at
every update and for every method (Prechelt 1998, "Early stopping, but when?"). The value of a metric that has one for each
step is its mean over the steps of a training sequence behind the warm-up, where it is defined; its settings are those by
default, since nothing that is measured after training may change it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from freerun.io.suggestions import nearest
from freerun.io.text import one_line
from freerun.parts import registry

#: The loss of the batch, in training.
BATCH = "loss"
#: The curve that is watched by default.
USUAL = "validation_free_loss"
#: Splits and modes of a curve that is no batch's.
SPLITS, MODES = ("validation", "train"), ("forced", "free")
#: The metric that is the objective itself, as the names of curves call it.
OBJECTIVE = "loss"
FORM = "name a curve SPLIT_MODE_METRIC, such as validation_free_rmse, or loss, that of the batch"


@dataclass(frozen=True, kw_only=True)
class WatchedCurve:
    """A curve of training.

    Attributes:
        split, mode: of the rollouts that it is measured on; None for the batch, fed as in training.
        metric: the name of the metric, or `loss`, the mean of the objective.
    """

    metric: str = OBJECTIVE
    split: str | None = None
    mode: str | None = None

    @property
    def name(self) -> str:
        """Return its name among the curves of a run."""
        return "_".join(word for word in (self.split, self.mode, self.metric) if word)

    @property
    def measured(self) -> bool:
        """Whether it is of a metric, not of the objective."""
        return self.metric != OBJECTIVE

    @property
    def sign(self) -> float:
        """1 where more is better, -1 where less is."""
        metric: Any = registry.get("metric", self.metric) if self.measured else None
        return -1.0 if metric is None else float(metric.quantity.sign)

    def best(self, curve: Iterable[tuple[int, str, float | None]]) -> int | None:
        """Return the first update at which its value is the best one; None if none is defined.

        Args:
            curve: update, quantity and value of the points of a run's training curves; None for a value that is undefined.
        """
        sign = self.sign
        known = [(-sign * value, update) for update, name, value in curve if name == self.name and value is not None]
        return min(known)[1] if known else None


def read(name: str) -> WatchedCurve:
    """Return the curve of a name.

    Raises:
        ValueError: if there is none, in one line that begins with the name.
    """
    if name == BATCH:
        return WatchedCurve()
    shown = f"watch={one_line(name, 60)}"
    split, _, rest = name.partition("_")
    mode, _, metric = rest.partition("_")
    if split == "test":
        raise ValueError(f"{shown}: the test split is out of reach of training; choose validation{name[4:][:60]}")
    if split not in SPLITS or mode not in MODES or not metric:
        raise ValueError(f"{shown}: unknown curve; {FORM}")
    if metric != OBJECTIVE:
        known: dict[str, Any] = registry.parts("metric")
        if metric not in known:
            raise ValueError(f"{shown}: unknown metric {one_line(metric, 60)}; {nearest(metric, known)}")
        if reason := unwatchable(known[metric]):
            raise ValueError(f"{shown}: {metric} {reason}; choose another metric")
    return WatchedCurve(split=split, mode=mode, metric=metric)


def unwatchable(metric: Any) -> str | None:
    """Return why no weights can be chosen by a metric, in a few words; None if they can."""
    if metric.of_both_modes:
        return "sets the free rollout beside the forced one, and is of neither mode"
    if metric.of_training:
        return "compares with how the run is fed while it trains, which changes on the way"
    if metric.quantity.better == "neither":
        return "says of neither direction that it is better"
    return None
