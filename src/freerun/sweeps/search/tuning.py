"""Tuning as a study asks for it: what is tuned, by how many trials, for which target, on which seeds of its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from freerun.config.experiment import PARTS
from freerun.errors import ConfigError
from freerun.io import key_value
from freerun.io.suggestions import nearest
from freerun.io.text import brief
from freerun.sweeps.search import pruning, samplers, target
from freerun.sweeps.search.target import Target

#: What stands before its keys on a command line.
PREFIX = "tune."
#: What is tuned, and on which seeds, where nobody says so.
USUAL_AXES, USUAL_SEEDS = {"training.lr": "0.0003,0.001,0.003,0.01"}, "range(1000,1003)"
#: The largest budget of products.
LARGEST_BUDGET = 1e24
KEYS = ("axes", "trials", "products", "sampler", "pruner", "metric", "mode", "split", "seeds", "seed")


@dataclass(frozen=True, kw_only=True)
class Tuning:
    """How every method of a study is tuned before it is run.

    Attributes:
        axes: the values of each key that is tuned, as a search writes them.
        trials: points that are tried of each method; None for all points of its grid.
        products: in place of `trials`, the products of weights that all trials of a method may take together
            (`execution.training_work`): as many points of each method are tried as fit in.
        sampler: one of `samplers.NAMES`.
        pruner: one of `pruning.NAMES`: whether hopeless trials end early.
        metrics: by which settings are chosen: of each task the first that it measures. Empty: of each task the first that
            settings may be chosen by (`Metric.selects`), and the loss of the method's own objective where there is none, where
            `mode` is said, or where hopeless trials are to end early.
        mode: of these; None for `free`, and for `compared` where a measure is of both modes.
        split: on which they are measured.
        seeds: the seeds that a point is averaged over, as an override writes them; none of the study's.
        seed: of the sampler; methods with the same axes are asked for the same points, as far as they are drawn at random.
    """

    axes: Mapping[str, str] = field(default_factory=lambda: dict(USUAL_AXES))
    trials: int | None = None
    products: float | None = None
    sampler: str = "grid"
    pruner: str = "none"
    metrics: tuple[str, ...] = ()
    mode: str | None = None
    split: str = "validation"
    seeds: str = USUAL_SEEDS
    seed: int = 0

    def __post_init__(self) -> None:
        _demand(bool(self.axes), "axes", "must name at least one key, for example training.lr: [0.001, 0.01]")
        for key in self.axes:
            _demand_setting(key)
        whole = self.trials is None or (type(self.trials) is int and 1 <= self.trials <= samplers.LARGEST)
        _demand(whole, f"trials={brief(self.trials)}", f"must be a whole number from 1 to {samplers.LARGEST}")
        _demand(self.sampler in samplers.NAMES, f"sampler={brief(self.sampler)}", nearest(str(self.sampler), samplers.NAMES))
        _demand(self.pruner in pruning.NAMES, f"pruner={brief(self.pruner)}", nearest(str(self.pruner), pruning.NAMES))
        if self.pruner != "none":
            early = f"with pruner={self.pruner} trials are judged before they end, "
            _demand(self.split == "validation", f"split={brief(self.split)}", f"{early}by the loss on validation alone")
            logged = all(each.logged for each in self.targets)
            _demand(logged, f"metric={','.join(self.metrics)}", f"{early}by the loss on validation alone; choose metric: loss")
            fixed = next((key for key in pruning.FIXED if key in self.axes), None)
            _demand(fixed is None, str(fixed), f"{early}after as many updates each; make it an axis of a case")
        if self.products is not None:
            number = isinstance(self.products, (int, float)) and type(self.products) is not bool
            positive = number and 0 < self.products <= LARGEST_BUDGET
            _demand(positive, f"products={brief(self.products)}", f"must be a number above 0 and at most {LARGEST_BUDGET:g}")
            _demand(self.trials is None, "products", "is a budget in place of trials; give one of the two")
            _demand(self.sampler != "grid", "products", "a grid is tried whole; choose sampler: random or optuna")
            _demand(self.pruner == "none", "products", "a trial that is pruned takes fewer than it has; give trials")
        needs_trials = self.sampler != "grid" and self.trials is None and self.products is None
        _demand(not needs_trials, "trials", f"must say how many points {self.sampler} tries, for example 12")
        _demand(type(self.seed) is int, f"seed={brief(self.seed)}", "must be a whole number")

    @property
    def targets(self) -> list[Target]:
        """What the chosen point may be best in, in the order in which they are looked for.

        Raises:
            ConfigError: for an unknown name, or a metric of which neither more nor less is better.
        """
        if not self.metrics and self.mode is None:
            return target.usual(self.split, headlines=self.pruner == "none", said="tune:")
        return [target.of(name, self.mode, self.split, said="tune:") for name in self.metrics or (None,)]

    def changed(self, words: list[str]) -> Tuning:
        """The same with what words of a command line say otherwise, ``tune.trials=8`` or ``tune.axes.training.lr=0.1,0.2``.

        An axis that is named replaces those that are tuned where nobody says so.

        Raises:
            ConfigError: for an unknown key or a wrong value.
        """
        changes: dict[str, Any] = {}
        axes: dict[str, str] = {}
        for word in words:
            key, value = key_value.split(word)
            name = key.removeprefix(PREFIX)
            if name.startswith("axes."):
                axes[name.removeprefix("axes.")] = value
            elif name not in KEYS or name == "axes":
                known = [f"{PREFIX}{name}" for name in KEYS if name != "axes"] + [f"{PREFIX}axes.KEY"]
                raise ConfigError(f"{brief(word)}: unknown key {brief(key)}; {nearest(key[:100], known)}")
            elif name == "metric":
                changes["metrics"] = tuple(word.strip() for word in value.strip("[]").split(","))
            else:
                changes[name] = _number(name, value)
        before = {} if dict(self.axes) == USUAL_AXES and "training.lr" not in axes else self.axes
        if axes:
            changes["axes"] = {**before, **axes}
        return replace(self, **changes)


def from_file(content: object) -> Tuning:
    """What the key `tune` of a study file asks for.

    Raises:
        ConfigError: for an unknown key or a wrong value.
    """
    if not isinstance(content, dict):
        raise ConfigError(f"tune: must be a mapping with the keys {', '.join(KEYS)}, got {brief(content)}")
    for key in content:
        if key not in KEYS:
            raise ConfigError(f"tune: unknown key {brief(key)}; {nearest(str(key), KEYS)}")
    changes = dict(content)
    if "axes" in changes:
        axes = changes["axes"]
        _demand(isinstance(axes, dict), "axes", f"must be a mapping from keys to their values, got {brief(axes)}")
        changes["axes"] = {str(key): _values(str(key), value) for key, value in axes.items()}
    if "seeds" in changes:
        changes["seeds"] = _values("seeds", changes["seeds"])
    for name in ("mode", "split"):
        _demand(isinstance(changes.get(name, ""), str), name, f"must be text, got {brief(changes.get(name))}")
    if "metric" in changes:
        names = changes.pop("metric")
        several = names if isinstance(names, list) else [names]
        texts = bool(several) and all(isinstance(name, str) for name in several)
        _demand(texts, "metric", f"must be a name, or a list of names, got {brief(names)}")
        changes["metrics"] = tuple(several)
    return Tuning(**changes)


def _number(name: str, value: str) -> object:
    """A value of the command line, as a number where the key has one."""
    if name in ("trials", "seed") and value.isdecimal():
        return int(value)
    try:
        return float(value) if name == "products" else value
    except ValueError:
        return value


def _values(key: str, value: object) -> str:
    """The values of an axis as a command line writes them."""
    if isinstance(value, list) and value and all(isinstance(item, (int, float, str)) for item in value):
        return ",".join(str(item).lower() if isinstance(item, bool) else str(item) for item in value)
    if isinstance(value, (int, float, str)) and not isinstance(value, bool):
        return str(value)
    raise ConfigError(f"tune: {key}: must be a list of values or text such as tag(log,interval(1e-4,1e-2)), got {brief(value)}")


def _demand(fine: bool, what: str, rule: str) -> None:
    if not fine:
        raise ConfigError(f"tune: {what}: {rule}")


def _demand_setting(key: str) -> None:
    """See that a key is a setting by which a method may be tuned."""
    head = key.partition(".")[0]
    _demand(key not in PARTS, key, "another part is another method; tune its settings, for example training.lr")
    _demand(head != "task", key, "is of the task, and errors on two tasks cannot be compared; make it an axis of a case")
    _demand(head != "evaluation", key, "is of what is measured, not of how a method is trained; make it an axis of a case")
    _demand(key not in ("seed", "plugins", "device", "dtype"), key, "is no setting of a method; tune another one")
