"""Metrics: the base classes of what is measured on a rollout.

A metric looks at one run, one split and one mode; that the modes are compared on the same sequences, with the same warm-up, is
settled before (`freerun.measurement.evaluation`), and what their difference means after (`freerun.analysis.tables.gap`). A
comparison looks at the free rollout beside the forced one and belongs to neither mode: it has no gap and stands in a place of
its own in the record. Either may ask for one more rollout of the run.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping
from copy import copy
from dataclasses import dataclass, field
from functools import cache, cached_property
from typing import TYPE_CHECKING, Any, ClassVar

from jaxtyping import Float, Int

from freerun.deferred_imports import torch
from freerun.errors import given
from freerun.parts.gaussians import Gaussians, unpacked
from freerun.parts.part_source import source_of
from freerun.parts.settings import PartType, Shown
from freerun.parts.tasks import Data, Sequences, Truth
from freerun.store.quantity import Quantity as Quantity

if TYPE_CHECKING:
    from freerun.config.experiment import Experiment


@dataclass(kw_only=True)
class Observed:
    """One rollout of one run, with everything a metric may look at. Time runs over warm-up and horizon.

    Attributes:
        outputs: predictions, ``Float[T N O]`` (logits for symbols; of a predicted distribution of values its mean).
        targets, weights: the truth and where it counts, as in `Sequences`.
        fed: what was fed after each step, ``Float[T N F]``.
        picks: the symbol that the feedback rule takes from each output, ``Int[T N]``, for discrete rules.
        warmup: steps before the release.
        split: the split that the sequences are from.
        start: what was fed at first, as in `Sequences`.
        index: which sequences of the split these are, where it is known.
        hidden: what the state and the output of every step say (`Model.summary`), where it was asked for.
        forced: beside a free rollout, the forced one of the same sequences.
        further: the rollout that the metric asked for.
        training: the same sequences, fed as at the last update, with its `hidden`; where distances are measured.
        numbers: of the distributions of values that were predicted (`freerun.parts.gaussians`); None where none were.
        inputs: exogenous inputs, as in `Sequences`.
        long_orbit: a long closed loop, or what follows one when it is first asked for; None where there is none.
    """

    experiment: Experiment
    data: Data
    outputs: Float[torch.Tensor, "S N O"]
    targets: torch.Tensor
    weights: Float[torch.Tensor, "S N"]
    fed: Float[torch.Tensor, "T N F"]
    picks: Int[torch.Tensor, "T N"] | None
    warmup: int
    split: str = "test"
    start: torch.Tensor | None = None
    index: Int[torch.Tensor, " N"] | None = None
    hidden: Float[torch.Tensor, "T N W"] | None = None
    forced: Observed | None = None
    further: Observed | None = None
    training: Observed | None = None
    numbers: Float[torch.Tensor, "S N P"] | None = None
    inputs: Float[torch.Tensor, "T N X"] | None = None
    long_orbit: Orbit | Callable[[], Orbit | None] | None = None
    _memo: dict[str, Any] = field(default_factory=dict, init=False, repr=False)

    def once(self, name: str, make: Callable[[], Any]) -> Any:
        """What `make` gives, made once for all metrics that look at this rollout and know it by `name`."""
        if name not in self._memo:
            self._memo[name] = make()
        return self._memo[name]

    @property
    def orbit(self) -> Orbit | None:
        """The long closed loop beside the truth, where there is one; followed only if some metric looks at it."""
        return self.long_orbit() if callable(self.long_orbit) else self.long_orbit

    @property
    def distributions(self) -> Gaussians:
        """The predicted distributions of values, where there are `numbers`."""
        return unpacked(given(self.numbers), self.targets.shape[-1])

    @cached_property
    def fed_symbols(self) -> Int[torch.Tensor, "T N"]:
        """The symbols that were fed, for discrete feedback rules."""
        return self.fed.argmax(-1)

    def truth(self) -> Truth:
        """The oracle's distribution at every step, given what was really fed before it."""
        truth: Truth = self.once("truth", lambda: given(self.data.oracle)(self.fed_symbols))
        return truth

    @property
    def has_oracle(self) -> bool:
        """Whether the true distribution is known for every prefix that can come up."""
        return self.data.oracle is not None and given(self.experiment.feedback).discrete

    @property
    def heard(self) -> bool:
        """Whether the model reads what is fed behind the release: one that is `deaf` gives no answer to it, right or wrong."""
        return not self.experiment.model.deaf

    def mean(self, values: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
        """The weighted mean over sequences for each step from the release on; NaN where nothing counts."""
        values, weights = values[self.warmup :].double(), weights[self.warmup :].double()
        return torch.where(weights > 0, values * weights, torch.zeros_like(values)).sum(1) / weights.sum(1)


def once_for_all(observed: list[Observed], name: str, make: Callable[[list[Observed]], list[Any]]) -> list[Any]:
    """As `Observed.once`, for several rollouts: missing values are made together; no bit may depend on which are missing."""
    if new := [seen for seen in observed if name not in seen._memo]:
        for seen, value in zip(new, make(new), strict=True):
            seen._memo[name] = value
    return [seen._memo[name] for seen in observed]


@dataclass(frozen=True, kw_only=True)
class Orbit:
    """A long closed loop of one run beside the truth; values in the units of the data, in double precision.

    Attributes:
        made: what the closed loop fed itself, from the release on.
        true, again: the true system from the same places, and from others.
        apart: how far the neighbour of every orbit had gone after each stretch.
        distance, stretch: how far neighbours are apart at the beginning of a stretch, and its length in steps.
        low, high: the range of what training saw.
    """

    made: Float[torch.Tensor, "T N D"]
    true: Float[torch.Tensor, "T N D"]
    again: Float[torch.Tensor, "T N D"]
    apart: Float[torch.Tensor, "K N"]
    distance: float
    stretch: int
    low: Float[torch.Tensor, " D"]
    high: Float[torch.Tensor, " D"]


@dataclass(frozen=True, kw_only=True)
class Further:
    """One more rollout of the same run, that a metric asks for.

    Attributes:
        sequences: what it runs over, ``[T N ...]``.
        release: steps that are forced, what is fed after them is the model's own; None: all are forced.
        name: of the stream of the draws, below ``evaluation``.
        hidden: keep `Observed.hidden`.
    """

    sequences: Sequences
    release: int | None = None
    name: str = "further"
    hidden: bool = False


@dataclass(kw_only=True)
class Metric(Shown, metaclass=PartType):
    """A measure on one rollout. Subclasses are final: one file, one class, or a family of them (`family`).

    A subclass declares in its body, as `name = value`, what differs from the default here.

    Attributes:
        per: ``step``: one value for each step since the release; ``rollout``: one for the whole rollout.
        of_both_modes: it sets the two modes side by side, and is of neither (`Comparison`).
        of_training: it looks at `Observed.training`, and is measured on those sequences that have it.
        of_distributions: it looks at `Observed.distributions`: an experiment that predicts none is not measured by it
            unless it is named.
        of_recordings: it compares with baselines of recordings: on another task it is measured only if it is named.
        of_objective: it is the objective itself, which training logs on the validation split under the name of this metric.
        selects: settings of a method are chosen by it where nobody says by what: it is a headline that no player wins by what
            it leaves out or makes up.
    """

    per: ClassVar[str] = "step"
    of_both_modes: ClassVar[bool] = False
    of_training: ClassVar[bool] = False
    of_distributions: ClassVar[bool] = False
    of_recordings: ClassVar[bool] = False
    of_objective: ClassVar[bool] = False
    selects: ClassVar[bool] = False

    @abstractmethod
    def applies(self, observed: Observed) -> bool:
        """Whether the measure has a meaning here."""

    @property
    @abstractmethod
    def quantity(self) -> Quantity:
        """What the values mean: declared as an attribute of the class."""

    def quantity_of(self, observed: Observed) -> Quantity:
        """What the values mean here, where unit, range, scale or floor are the task's own; which way is better never is."""
        return self.quantity

    @abstractmethod
    def measure(self, observed: Observed) -> Float[torch.Tensor, " S"]:
        """The values, averaged over sequences: one a step, or one in all. NaN is undefined."""

    def asks(self, observed: Observed) -> Further | None:
        """The further rollout that `measure` will find in `Observed.further`; a pure function of what was observed.

        Metrics that ask for one and the same object (`Observed.once`) share the rollout.
        """
        return None

    def together(self, observed: list[Observed]) -> None:
        """Find, for all runs of a group, what `measure` needs and is cheaper at once (`once_for_all`); by default nothing."""
        return


@dataclass(kw_only=True)
class Comparison(Metric):
    """A measure that sets the free rollout beside the forced one of the same sequences (`Observed.forced`).

    It is of neither mode, so that no gap can be made of it. Subclasses are final, as those of `Metric`.
    """

    of_both_modes: ClassVar[bool] = True

    def interval(self, observed: Observed) -> tuple[Float[torch.Tensor, " S"], Float[torch.Tensor, " S"]] | None:
        """The 95 % interval of the estimate for this one run, of the draw of sequences; None where nothing is estimated."""
        return None


def private(metric: Metric, observed: Observed) -> Observed:
    """Return what a metric measures: one of a user's own gets copies, so that its work in place is in no other number."""
    return observed if source_of(metric) is None else _copied(observed)


def _copied(held: Any) -> Any:
    """Return an observation, or what belongs to one, with tensors of its own."""
    if isinstance(held, torch.Tensor):
        return held.clone()
    if isinstance(held, Observed | Orbit):
        twin = copy(held)
        for name, value in vars(held).items():
            object.__setattr__(twin, name, _copied(value))
        if callable(follow := getattr(held, "long_orbit", None)):
            object.__setattr__(twin, "long_orbit", cache(lambda: _copied(follow())))
        return twin
    if isinstance(held, dict):
        return {name: _copied(value) for name, value in held.items()}
    return [_copied(value) for value in held] if isinstance(held, list) else held


def checked(values: object, metric: Metric, name: str) -> torch.Tensor:
    """Return what a metric has measured, if it is numbers with a point: one a step, or one for a rollout.

    Raises:
        TypeError: if it is anything else, which no record may hold.
    """
    if not isinstance(values, torch.Tensor) or values.dim() != 1 or not values.is_floating_point():
        shown = f"{values.dtype} {list(values.shape)}" if isinstance(values, torch.Tensor) else type(values).__name__
        raise TypeError(f"metric {name} must measure a tensor of floating-point numbers with one axis, not {shown}")
    if metric.per == "rollout" and len(values) != 1:
        raise TypeError(f"metric {name} has one value for a rollout (per), and measured {len(values)}")
    return values


def family(base: type[Metric], members: Mapping[str, Mapping[str, Any]]) -> dict[str, type[Metric]]:
    """The metrics of one file, for its `PARTS`: a class for each name, which differs from `base` in some class attributes.

    Args:
        base: what they share.
        members: the attributes of each by its name, its documentation, `__doc__`, among them.
    """
    return {name: type(name, (base,), {"__module__": base.__module__, **attributes}) for name, attributes in members.items()}
