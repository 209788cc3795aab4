"""Distances between evaluation and training: five measures, each of what was fed, of hidden states and of outputs."""

from __future__ import annotations

import math
from abc import abstractmethod
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, ClassVar

import numpy as np
from jaxtyping import Float

from freerun.deferred_imports import torch
from freerun.errors import given
from freerun.measurement.metrics import Metric, Observed, family, once_for_all
from freerun.measurement.metrics._training import STREAM, BesideTraining, at_steps, unit_of, vectors, whole
from freerun.measurement.statistics.two_sample import Distance, energy, mmd, sliced_wasserstein, swaps, within
from freerun.measurement.statistics.two_sample_classifier import classify, null_interval
from freerun.random_streams import stream
from freerun.store.quantity import SHARE, Quantity

#: Swapped samples behind a p-value or a floor; projections of the sliced distance; steps that are looked at as one whole.
SWAPPED, FEW, DIRECTIONS, STEPS = 199, 19, 64, 32
#: Steps that a classifier reads, and the fewest sequences worth it: half are judged, and of fewer than 8 chance gets all right.
READ, FEWEST = 8, 16


@dataclass(kw_only=True)
class Energy(BesideTraining):
    """The energy distance at every step; 0 in mean where nothing differs, at times below."""

    quantity = Quantity(
        label="Energy distance", unit="scaled", better="lower", floor=0.0, blind=("how the steps of a sequence hang together",),
        part="diagnostic",
    )  # fmt: skip

    def quantity_of(self, observed: Observed) -> Quantity:
        return replace(self.quantity, unit=unit_of(observed, self.part))

    def measure(self, observed: Observed) -> Float[torch.Tensor, " S"]:
        x, y, counts = at_steps(observed, self.part)
        beside = given(observed.training)
        return energy(x, y, counts, lambda: beside.once(f"within/{self.part}", lambda: within(x, counts)))


@dataclass(kw_only=True)
class OfWholes(BesideTraining):
    """A distance between whole rollouts: a sequence is one vector, of at most `STEPS` steps, evenly spread."""

    per: ClassVar[str] = "rollout"

    def measure(self, observed: Observed) -> Float[torch.Tensor, " S"]:
        return torch.tensor([self.of(observed)], dtype=torch.float64)

    @abstractmethod
    def of(self, observed: Observed) -> float:
        """The distance; NaN is undefined."""


@dataclass(kw_only=True)
class Kernel(OfWholes):
    """MMD^2 with its p-value."""

    def test(self, observed: Observed) -> Distance:
        """The distance and its p-value, computed once for a rollout."""
        distance: Distance = observed.once(f"training/mmd/{self.part}", lambda: self._test(observed))
        return distance

    def _test(self, observed: Observed) -> Distance:
        x, y = whole(observed, self.part, STEPS)
        return mmd(vectors(x), vectors(y), _signs(SWAPPED, x.shape[1]))


@dataclass(kw_only=True)
class KernelValue(Kernel):
    """MMD^2; 0 in mean where nothing differs."""

    quantity = Quantity(
        label="MMD\N{SUPERSCRIPT TWO}", unit=f"MMD^2, kernel of the median distance, {STEPS} steps", better="lower", floor=0.0,
        part="diagnostic",
    )  # fmt: skip

    def of(self, observed: Observed) -> float:
        return self.test(observed).value


@dataclass(kw_only=True)
class KernelChance(Kernel):
    """The share of samples swapped at random whose MMD^2 is as large."""

    quantity = Quantity(
        label="MMD p-value", unit=f"p, {SWAPPED} swapped samples", better="neither", range=SHARE, part="diagnostic",
        blind=("how large a difference is",),
    )  # fmt: skip

    def of(self, observed: Observed) -> float:
        return self.test(observed).p


@dataclass(kw_only=True)
class Sliced(OfWholes):
    """The sliced Wasserstein distance, less its floor."""

    quantity = Quantity(
        label="Sliced Wasserstein", unit="scaled", better="lower", floor=0.0, part="diagnostic",
    )  # fmt: skip

    def quantity_of(self, observed: Observed) -> Quantity:
        unit = f"{unit_of(observed, self.part)}, {DIRECTIONS} directions, less the mean of {FEW} swapped samples"
        return replace(self.quantity, unit=unit)

    def of(self, observed: Observed) -> float:
        x, y = (vectors(sample) for sample in whole(observed, self.part, STEPS))
        return sliced_wasserstein(x, y, _directions(x.shape[1]), _signs(FEW, len(x))).value


@dataclass(kw_only=True)
class Classifier(OfWholes):
    """The accuracy of a classifier on held-out sequences; 1/2 is chance."""

    quantity = Quantity(label="Classifier accuracy", unit="share", better="lower", range=SHARE, floor=0.5, part="diagnostic")

    def quantity_of(self, observed: Observed) -> Quantity:
        count = int((observed.weights[observed.warmup :] > 0).any(0).sum())
        low, high = null_interval(count - count // 2)
        return replace(self.quantity, unit=f"share, by chance {low:.3f} to {high:.3f}")

    def together(self, observed: list[Observed]) -> None:
        once_for_all(observed, "training/classifiers", _accuracies)

    def of(self, observed: Observed) -> float:
        (accuracies,) = once_for_all([observed], "training/classifiers", _accuracies)
        return float(accuracies[self.part])


def _accuracies(observed: list[Observed]) -> list[dict[str, float]]:
    """The accuracy of each run by part; 1/2 where nothing differs at all.

    A classifier is judged on held-out sequences and reads `READ` steps of each. Those of all parts and runs train side by side;
    the narrow parts of a run are filled up with zeros.
    """
    accuracies: list[dict[str, float]] = []
    alike: dict[tuple[int, int, int], list[Any]] = {}
    for seen in observed:
        parts = {name: whole(seen, name, READ) for name in ("fed", "hidden", "outputs")}
        count = parts["fed"][0].shape[1]
        known = dict.fromkeys(parts, 0.5 if count >= FEWEST else math.nan)
        accuracies.append(known)
        differ = {name: pair for name, pair in parts.items() if pair[0].shape[-1] and not torch.equal(*pair)}
        if differ and count >= FEWEST:
            width = max(x.shape[-1] for x, _ in differ.values())
            x, y = (torch.stack([_filled_up(pair[side], width) for pair in differ.values()], 1) for side in range(2))
            alike.setdefault((len(x), count, width), []).append((known, list(differ), (x, y)))
    for (_, count, _), runs in alike.items():
        drawn: np.ndarray = stream(0, f"{STREAM}/classifier").random((3, count))
        for (known, names, _), judged in zip(runs, classify([lot for *_, lot in runs], drawn, 0), strict=True):
            known.update(zip(names, (classifier.accuracy for classifier in judged), strict=True))
    return accuracies


def _filled_up(x: Float[torch.Tensor, "S N D"], width: int) -> Float[torch.Tensor, "S N W"]:
    return torch.nn.functional.pad(x, (0, width - x.shape[-1]))


@lru_cache(maxsize=8)
def _directions(width: int) -> Float[torch.Tensor, "K D"]:
    return torch.from_numpy(stream(0, f"{STREAM}/directions").standard_normal((DIRECTIONS, width)))


@lru_cache(maxsize=8)
def _signs(swapped: int, count: int) -> Float[torch.Tensor, "P N"]:
    return swaps(torch.from_numpy(stream(0, f"{STREAM}/swaps").random((swapped, count))))


#: What is looked at: how its metrics are named, what `BesideTraining.part` it is, and what it is called in a text and a label.
_LOOKED_AT = {
    "fed": ("fed", "what is fed", "feed"), "hidden": ("hidden", "hidden states", "hidden states"),
    "output": ("outputs", "outputs", "outputs"),
}  # fmt: skip
_KINDS: dict[str, tuple[type[BesideTraining], str]] = {
    "energy": (
        Energy, "Energy distance of {what} between training and this mode; 0 in mean where nothing differs, at times below.",
    ),
    "mmd": (KernelValue, "MMD^2 of {what} between training and this mode, whole sequences; 0 in mean where nothing differs."),
    "mmd_p": (KernelChance, "The p-value of `{name}_mmd`: the share of samples swapped at random that are as far apart."),
    "sliced": (
        Sliced, "Sliced Wasserstein distance of {what} between training and this mode, of whole sequences, less its floor.",
    ),
    "classifier": (
        Classifier,
        "Held-out accuracy of a `sequence_to_one` model that tells this mode from training by {what}; 1/2 is chance.",
    ),
}  # fmt: skip


def _parts() -> dict[str, type[Metric]]:
    metrics: dict[str, type[Metric]] = {}
    for kind, (base, text) in _KINDS.items():
        quantity: Quantity = vars(base)["quantity"]
        members = {
            f"{name}_{kind}": {
                "part": part, "quantity": replace(quantity, label=f"{quantity.label}, {label}"),
                "__doc__": text.format(what=what, name=name),
            }
            for name, (part, what, label) in _LOOKED_AT.items()
        }  # fmt: skip
        metrics |= family(base, members)
    return metrics


PARTS = _parts()
