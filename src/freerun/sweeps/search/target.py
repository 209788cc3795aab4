"""Target of a search: one measure of a run, to be minimised or maximised."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from typing import Any

from freerun.config.training_settings import Keep
from freerun.errors import ConfigError
from freerun.io import key_value
from freerun.io.suggestions import nearest
from freerun.parts import registry

MODES, SPLITS = ("forced", "free"), ("validation", "test", "train")


@dataclass(frozen=True, kw_only=True)
class Target:
    """What is to be best.

    Attributes:
        metric, mode, split: as in the table of gaps, the mean over steps; on `validation` there is the loss, as it stood when
            the weights were those that are kept: at the end of training, or where `training.keep` says.
        maximize: it is to be large.
        said: by what words it was asked for, for messages.
    """

    metric: str
    mode: str = "free"
    split: str = "validation"
    maximize: bool = False
    said: str = field(default="--target", repr=False, compare=False)

    def __str__(self) -> str:
        return ",".join(self.place)

    @property
    def place(self) -> tuple[str, str, str]:
        """Metric, mode and split."""
        return self.metric, self.mode, self.split

    def demand(self, measured: set[tuple[str, str, str]], task: str) -> None:
        """See that the target is among what is measured.

        Raises:
            ConfigError: if it is not, naming what is.
        """
        if self.place in measured:
            return
        if elsewhere := sorted(",".join(each) for each in measured if each[0] == self.metric):
            raise ConfigError(f"{self.said} {self}: not measured there; choose {' or '.join(elsewhere)}")
        names = sorted({metric for metric, *where in measured if where == [self.mode, self.split]})
        raise ConfigError(f"{self.said} {self}: not measured on {task}, which has {', '.join(names)}")

    @property
    def worst(self) -> float:
        """The value of a point that failed its task."""
        return -math.inf if self.maximize else math.inf

    def value(self, record: dict[str, Any]) -> float | None:
        """The value of one run, the worst one if it diverged or the value is undefined; None if it was not measured."""
        if record["status"] != "done":
            return self.worst
        if self.split == "validation":
            name, kept = f"validation_{self.mode}_{self.metric}", _kept(record)
            curve = [point for point in record["curves"] if point["quantity"] == name]
            values = [point["value"] for point in curve if kept is None or point["update"] == kept][-1:]
        else:
            wanted = (self.metric, self.mode, self.split)
            found = (each for each in record["series"] if (each["metric"], each["mode"], each["split"]) == wanted)
            values = next((each["values"] for each in found), [])
        if not values:
            return None
        return self.worst if any(value is None for value in values) else math.fsum(values) / len(values)


def _kept(record: dict[str, Any]) -> int | None:
    """The logged update whose weights a run has kept; None for the last ones."""
    keep = Keep(record["experiment"]["training"].get("keep", Keep.last.value))
    return keep.update((point["update"], point["quantity"], point["value"]) for point in record["curves"])


def target(text: str | None = None, maximize: bool | None = None, said: str = "--target") -> Target:
    """A target from ``metric,mode,split``; what is left out is the metric of the objective itself, `free`, `validation`.

    Args:
        text: as it is typed; None for all that is left out.
        maximize: it is to be large, or small; None for whichever is better for its metric.
        said: by what words it is asked for.

    Raises:
        ConfigError: for an unknown name.
    """
    words = [] if text is None else key_value.listed(text)
    text = text or ""
    if len(words) > 3 or not all(re.fullmatch(r"\w{1,64}", word) for word in words):
        raise ConfigError(f"{said} {text[:60]}: has the form metric,mode,split, for example nrmse,free,test")
    from freerun.measurement.metrics import Comparison, Metric

    metrics: dict[str, type[Metric]] = registry.parts("metric")
    objective = next(name for name, each in metrics.items() if each.of_objective)
    metric, mode, split = words + [objective, "free", "validation"][len(words) :]
    for name, choices in ((mode, MODES), (split, SPLITS), (metric, metrics)):
        if name not in choices:
            raise ConfigError(f"{said} {text[:60]}: unknown name {name!r}; {nearest(name, choices)}")
    if split == "validation" and not metrics[metric].of_objective:
        raise ConfigError(f"{said} {text[:60]}: on validation there is the loss alone; choose {metric},{mode},test")
    if issubclass(metrics[metric], Comparison):
        raise ConfigError(f"{said} {text[:60]}: {metric} sets both modes side by side, it is of neither; choose another")
    better = metrics[metric]().quantity.better
    if maximize is None and better == "neither":
        remedy = "add --maximize or --minimize" if said == "--target" else "choose another"
        raise ConfigError(f"{said} {text[:60]}: of {metric} neither more nor less is better; {remedy}")
    goal = better == "higher" if maximize is None else maximize
    return Target(metric=metric, mode=mode, split=split, maximize=goal, said=said)
