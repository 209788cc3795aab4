"""Target of a search: one measure of a run, to be minimised or maximised."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from freerun.config.training_settings import Keep
from freerun.config.watched_curve import USUAL
from freerun.errors import ConfigError
from freerun.io import key_value
from freerun.io.suggestions import nearest
from freerun.parts import registry
from freerun.store.record_types import BOTH_MODES

MODES, SPLITS = ("forced", "free", BOTH_MODES), ("validation", "test", "train")


@dataclass(frozen=True, kw_only=True)
class Target:
    """What is to be best.

    Attributes:
        metric, mode, split: as in the table of gaps, the mean over steps; `compared` is the mode of a measure of both. On
            `validation` there is the loss, as it stood when the weights were those that are kept: at the end of training, or
            where `training.keep` says; everything else if the evaluation has ``split=validation``.
        maximize: it is to be large.
        logged: it is the loss, which training logs on the validation split.
        said: by what words it was asked for, for messages.
    """

    metric: str
    mode: str = "free"
    split: str = "validation"
    maximize: bool = False
    logged: bool = False
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
        if self.split == "validation" and not self.logged:
            remedy = f"add evaluation.split=validation, or choose {self.metric},{self.mode},test"
            if (self.metric, self.mode, "test") in measured:
                raise ConfigError(f"{self.said} {self}: on validation there is the loss alone; {remedy}")
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
        if self.logged and self.split == "validation":
            name, kept = f"validation_{self.mode}_{self.metric}", _kept(record)
            curve = [point for point in record["curves"] if point["quantity"] == name]
            values = [point["value"] for point in curve if kept is None or point["update"] == kept][-1:]
        else:
            rows = record["comparisons"] if self.mode == BOTH_MODES else record["series"]
            found = (each for each in rows if (each["metric"], each.get("mode", BOTH_MODES), each["split"]) == self.place)
            values = next((each["values"] for each in found), [])
        if not values:
            return None
        return self.worst if any(value is None for value in values) else math.fsum(values) / len(values)


def _kept(record: dict[str, Any]) -> int | None:
    """The logged update whose weights a run has kept; None for the last ones."""
    settings = record["experiment"]["training"]
    keep, watch = Keep(settings.get("keep", Keep.last.value)), settings.get("watch", USUAL)
    return keep.update(((point["update"], point["quantity"], point["value"]) for point in record["curves"]), watch)


def target(text: str | None = None, maximize: bool | None = None) -> Target:
    """A target from ``metric,mode,split``; what is left out is the metric of the objective itself, `free`, `validation`.

    A measure of both modes has no other mode than `compared`.

    Args:
        text: as it is typed; None for all that is left out.
        maximize: it is to be large, or small; None for whichever is better for its metric.

    Raises:
        ConfigError: for an unknown name.
    """
    words = [] if text is None else key_value.listed(text)
    if len(words) > 3 or not all(re.fullmatch(r"\w{1,64}", word) for word in words):
        raise ConfigError(f"--target {(text or '')[:60]}: has the form metric,mode,split, for example nrmse,free,test")
    return of(*words, maximize=maximize, said="--target")


def of(
    metric: str | None = None, mode: str | None = None, split: str = "validation", *, maximize: bool | None = None, said: str
) -> Target:
    """A target from its words: `metric` None is that of the objective itself, `mode` None is `free`, or that of both modes.

    Raises:
        ConfigError: as `target`.
    """
    from freerun.measurement.metrics import Comparison, Metric

    metrics: dict[str, type[Metric]] = registry.parts("metric")
    if metric is None:
        metric = next(name for name, each in metrics.items() if each.of_objective)
    words = f"{said} {','.join(word for word in (metric, mode, split) if word)[:60]}"
    if metric not in metrics:
        raise ConfigError(f"{words}: unknown name {metric!r}; {nearest(metric, metrics)}")
    compares = issubclass(metrics[metric], Comparison)
    mode = mode or (BOTH_MODES if compares else "free")
    for name, choices in ((mode, MODES), (split, SPLITS)):
        if name not in choices:
            raise ConfigError(f"{words}: unknown name {name!r}; {nearest(name, choices)}")
    if compares and mode != BOTH_MODES:
        choose = f"choose {metric},{BOTH_MODES},{split}"
        raise ConfigError(f"{words}: {metric} sets both modes side by side, it is of neither; {choose}")
    if mode == BOTH_MODES and not compares:
        raise ConfigError(f"{words}: {metric} is of one mode; choose {metric},free,{split}")
    better = metrics[metric]().quantity.better
    if maximize is None and better == "neither":
        remedy = "add --maximize or --minimize" if said == "--target" else "choose another"
        raise ConfigError(f"{words}: of {metric} neither more nor less is better; {remedy}")
    goal = better == "higher" if maximize is None else maximize
    return Target(metric=metric, mode=mode, split=split, maximize=goal, logged=metrics[metric].of_objective, said=said)


def usual(split: str = "validation", *, headlines: bool = True, maximize: bool | None = None, said: str) -> list[Target]:
    """What settings are chosen by where nobody says by what, in the order in which it is looked for on a task.

    The headlines that no player wins by what it leaves out or makes up (`Metric.selects`), and last the loss of the objective.

    Args:
        split: on which they are measured.
        headlines: they are among it.
        maximize: as `target`.
        said: by what words it is asked for.
    """
    metrics: Mapping[str, Any] = registry.builtin_parts("metric") if headlines else {}
    names = [*(name for name, metric in metrics.items() if metric.selects), None]
    return [of(name, None, split, maximize=maximize, said=said) for name in names]
