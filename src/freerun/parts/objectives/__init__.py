"""Objective: the loss of each prediction, and what a method adds to it, before any average.

An objective sees one update as a `Lesson`: what was fed, what came out, and how much each prediction counts. Most charge each
prediction with its loss. A method that is more than a mask charges something else, or trains a critic beside the model.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from jaxtyping import Bool, Float

from freerun.arithmetic import mean_over_coordinates
from freerun.deferred_imports import torch
from freerun.parts.gaussians import Head
from freerun.parts.layers import Shape, Weights
from freerun.parts.settings import PartType, Shown
from freerun.store.quantity import FROM_0, Quantity

if TYPE_CHECKING:
    from freerun.parts.earlier_run import EarlierRun
    from freerun.parts.objectives._experiment_protocol import Experiment
    from freerun.parts.tasks import Sequences


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What an expert, the world itself or a teacher, says at the prefixes or states that were really fed.

    Attributes:
        target: its log-probabilities of the next symbol, ``Float[S R B K]`` (-inf for an impossible one), or its next value,
            ``Float[S R B Y]`` in scaled units; carries no gradient.
        known: whether it has an answer there.
    """

    target: Float[torch.Tensor, "S R B O"]
    known: Bool[torch.Tensor, "S R B"]


def _nowhere(states: torch.Tensor) -> torch.Tensor:
    raise ValueError("no true step is known in this lesson: its objective does not set `steps_onward`")


def _nobody() -> Answer:
    raise ValueError("nobody answers in this lesson: its objective asks no expert")


@dataclass(kw_only=True)
class Lesson:
    """One update of a group, as its objective sees it.

    Attributes:
        sequences: what was to be predicted, ``[T R B ...]``.
        outputs: o_t, of an objective with a `head` the numbers of a distribution (S = T, or 1 for a model that answers once).
        fed: f_t, what was fed after step t; without a gradient where the experiment stops it (`gradient=stop`).
        mask: m_t; None if the truth was fed everywhere.
        shares: the weight of every prediction in the mean of its replica, by its time level
            (`training.levels`); 0 in the warm-up and in padding.
        behave: rolls the same weights out over the same sequences and returns the behaviour, the hidden state beside what the
            output says (a softmax, or values), ``[T R B H+O]``: forced (True) or free after the warm-up (False).
        critic: the weights of the objective's critic; empty if it has none.
        answer: asks the expert of the objective, once for the whole group (`Objective.asks`).
        onward: makes the true step of each of these states, in scaled units, ``[T R B F]``, through which the gradient runs;
            not finite where the system leaves every bound.
    """

    sequences: Sequences
    outputs: Float[torch.Tensor, "S R B O"]
    fed: Float[torch.Tensor, "T R B F"]
    mask: Float[torch.Tensor, "T R B"] | None
    shares: Float[torch.Tensor, "S R B"]
    behave: Callable[[bool], Float[torch.Tensor, "T R B W"]]
    critic: Weights
    answer: Callable[[], Answer] = _nobody
    onward: Callable[[torch.Tensor], torch.Tensor] = _nowhere


@dataclass(kw_only=True)
class Objective(Shown, metaclass=PartType):
    """A loss, or a method of training. Subclasses are final: one file, one class.

    A subclass declares in its body, as `name = value`, what differs from the default here.

    Attributes:
        for_symbols, for_values: which targets it is for: symbols, real values.
        last_step_only: the gradient runs through the last step alone: state and feedback are cut at every step.
        charges_each_step: each step is charged by its share alone, and by nothing that follows: a window of a rollout can be
            (`training.window`).
        rollouts: further rollouts of a batch, forced, free or of a teacher, that it asks for in every update.
        asks_the_world: it asks what the world itself would have said to what was fed.
        steps_onward: it makes true steps from states that were fed (`Lesson.onward`), on a task whose last observation
            determines the next.
    """

    for_symbols: ClassVar[bool] = False
    for_values: ClassVar[bool] = False
    last_step_only: ClassVar[bool] = False
    charges_each_step: ClassVar[bool] = True
    rollouts: ClassVar[int] = 0
    asks_the_world: ClassVar[bool] = False
    steps_onward: ClassVar[bool] = False

    @abstractmethod
    def __call__(self, outputs: Float[torch.Tensor, "*batch O"], targets: torch.Tensor) -> Float[torch.Tensor, "*batch"]:
        """The loss of every single prediction; `targets` are ``Int[*batch]`` symbols or ``Float[*batch Y]`` values.

        This is what the metric `loss` measures, under every objective.
        """

    @property
    def head(self) -> Head | None:
        """How the outputs of a model are read as distributions of values; None: symbols' logits, or values as they are."""
        return None

    def quantity(self, symbols: bool) -> Quantity:
        """Return the meaning of the loss: a cross-entropy, which is a logarithm already, or a squared error.

        A loss of another kind says so in another unit: the two are then two measures, and nothing compares them.
        """
        if symbols:
            return Quantity(label="Loss", unit="nats", better="lower", range=FROM_0, scale="logarithm")
        return Quantity(label="Loss", unit="scaled^2", better="lower", range=FROM_0, scale="ratio")

    def charge(self, lesson: Lesson) -> Float[torch.Tensor, "S R B"]:
        """Return the charge of every prediction; the loss of a replica is the sum of charge times share."""
        return self(lesson.outputs, lesson.sequences.targets)

    def critic(self, behaviour: int) -> Mapping[str, Shape]:
        """The weights of a critic that reads behaviours of this width and is trained beside the model; none by default."""
        return {}

    def criticise(self, lesson: Lesson) -> Float[torch.Tensor, "R B"]:
        """Return the critic's own loss for every sequence, for an objective with a critic."""
        raise NotImplementedError

    def teaches(self) -> EarlierRun | None:
        """Return the trained run whose predictions for what was fed are the targets; None by default."""
        return None

    def content(self) -> str | None:
        """For an objective that reads data from outside the settings, the SHA-256 of that data: other data is another run."""
        return None

    def comes_to(self, experiment: Experiment) -> str | None:
        """Return the name of the objective that this one is in an experiment, for a note; None where it is its own."""
        return None

    def misfit(self, experiment: Experiment) -> str | None:
        """Return why this objective cannot be used in an experiment, with the remedy, in a few words; None if it can."""
        return None


def prediction_loss(outputs: Float[torch.Tensor, "*batch O"], targets: torch.Tensor) -> Float[torch.Tensor, "*batch"]:
    """-log softmax(o)[y] for symbols, the squared error averaged over coordinates for values."""
    if targets.is_floating_point():
        return mean_over_coordinates((outputs - targets).square())
    return -torch.log_softmax(outputs, -1).gather(-1, targets[..., None]).squeeze(-1)


def needs_the_loop(experiment: Experiment) -> str | None:
    """A reason not to use an objective that tells free from forced steps of the loop with a regime that has no such steps."""
    feeder = experiment.regime.feeder()
    if feeder.blends:
        return "it tells free steps from forced ones, and this regime blends the two; choose a regime whose mask is 0 or 1"
    if not feeder.looped:
        return "it charges what the loop fed, and this regime feeds by passes over data; choose a regime that is a mask"
    return None
