"""Rollout: the only loop over time.

Training under every regime, forced evaluation and free evaluation all ask for a rollout; they differ in the mask alone:

    u_t = [x_t ; f_{t-1}],   o_t, s_t = step(u_t, s_{t-1}),   f_t = m_t e(y_t) + (1 - m_t) phi(o_t)

Letters: `T` time, `R` replicas, `B` batch, `X` exogenous input, `F` what is fed back, `O` output.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import KW_ONLY, dataclass
from inspect import signature
from typing import ParamSpec

import torch
from jaxtyping import Float, Int

from freerun.errors import given
from freerun.parts.feedback import Feedback
from freerun.parts.feeders import blend
from freerun.parts.gaussians import Head
from freerun.parts.layers import State, Weights, affine
from freerun.parts.models import Model


@dataclass(frozen=True, kw_only=True)
class Gradient:
    """Where back-propagation is cut.

    Attributes:
        feedback: 0 lets the gradient flow through what is fed back, 1 stops it at every step, n stops it at every n-th: what is
            fed into step t is cut where t mod n = 0, and so is what a memoryless model keeps of earlier feeds.
        state: 0 for full back-propagation through time; n cuts the state *and* the feedback that enter step t where
            t mod n = 0 (truncated back-propagation).
        windows: for each replica the step that both are cut in front of; None: there is none.
    """

    feedback: int = 0
    state: int = 0
    windows: tuple[int, ...] | None = None

    def cuts_feedback(self, step: int) -> bool:
        """Return whether what is fed into `step` carries no gradient."""
        return self.cuts_state(step) or (self.feedback > 0 and step % self.feedback == 0)

    def cuts_state(self, step: int) -> bool:
        """Return whether the state that enters `step` carries no gradient."""
        return self.state > 0 and step % self.state == 0

    def windowed(self, x: torch.Tensor, step: int) -> torch.Tensor:
        """Return what enters `step`, replica first, without a gradient for the replicas whose window begins there."""
        begins = [step == first for first in self.windows or ()]
        if not any(begins):
            return x
        if all(begins):
            return x.detach()
        return torch.where(torch.tensor(begins, device=x.device).view(-1, *[1] * (x.ndim - 1)), x.detach(), x)


#: No cut.
THROUGH = Gradient()


@dataclass(frozen=True, kw_only=True, eq=False)
class Charge:
    """What is charged of a rollout: the squared error of each prediction, averaged over coordinates, times its share.

    Attributes:
        targets: what the outputs should be.
        shares: the weight of each prediction in the loss of its replica.
    """

    targets: Float[torch.Tensor, "T R B O"]
    shares: Float[torch.Tensor, "T R B"]


@dataclass(frozen=True, eq=False)
class Request:
    """Request for a rollout: every argument of one, whichever engine makes it.

    Attributes:
        truth: e(y_t), the encoded truth (F = 0 for a rule that feeds nothing). Read only where the mask is not 0.
        start: f_{-1}, what is fed into the first step.
        mask: m_t in [0, 1]; None if it is known to be 1 everywhere, which allows the fast path `model.unroll`.
        uniform: one draw for each step and sequence, for feedback rules that need chance (``[T R B K]`` for a rule that
            needs one for each symbol).
        noise: what is added to phi(o_t) before it is fed, to be used with a mask; carries no gradient.
        residual: the scale of an increment: the prediction is then f_{t-1} + residual * o_t.
        ends: for a model that answers once, the step after which each sequence ends; None: the last.
        state: what the model carries into the first step, where an earlier rollout goes on; None: nothing yet.
        states: whether the states after every step are read.
        release: the first step behind the warm-up, for a model that makes a difference (`Model.releases`); None: there is none.
        head: how outputs are read as distributions of values; the outputs of the rollout are then their numbers, and `feedback`
            reads those. None: outputs are taken as they are.
        dropout: the draws of `Model.dropping`, in training; None: nothing is dropped.
        pull: the share of y_t - o_t by which the state that enters the next step is corrected, by the smallest change that has
            this effect on the output map; carries no gradient. None: no state is corrected.
        targets: y_t, where states are corrected.
        charge: all that a gradient will be taken of, so that an engine that can gives it with the rollout (`Rollout.gradient`).
    """

    model: Model
    weights: Weights
    _: KW_ONLY
    truth: Float[torch.Tensor, "T R B F"]
    start: Float[torch.Tensor, "R B F"]
    feedback: Feedback
    mask: Float[torch.Tensor, "T R B"] | None
    inputs: Float[torch.Tensor, "T R B X"] | None = None
    uniform: torch.Tensor | None = None
    gradient: Gradient = THROUGH
    residual: Float[torch.Tensor, "R 1 O"] | None = None
    ends: Int[torch.Tensor, "R B"] | None = None
    state: State | None = None
    states: bool = False
    noise: Float[torch.Tensor, "T R B F"] | None = None
    release: int | None = None
    head: Head | None = None
    dropout: Float[torch.Tensor, "T R B D"] | None = None
    pull: Float[torch.Tensor, "T R B"] | None = None
    targets: Float[torch.Tensor, "T R B O"] | None = None
    charge: Charge | None = None

    @property
    def steps(self) -> int:
        """T."""
        return len(self.truth if self.inputs is None else self.inputs)

    @property
    def forced(self) -> bool:
        """Whether it is known that nothing of the model's own is fed."""
        return self.mask is None or self.feedback.silent

    @property
    def deaf(self) -> bool:
        """Whether it is known that nothing of the model's own is read, whatever is fed; states are kept step by step."""
        if self.states or self.release is None or not self.model.deaf:
            return False
        return self.mask is None or bool((self.mask[: self.release] == 1).all())

    @property
    def unrolls(self) -> bool:
        """Whether the fast path `model.unroll` computes it: it reads nothing of its own, and no gradient is cut inside."""
        keeps_feeds = self.model.reads > 1 and self.gradient.feedback > 0 and self.truth.requires_grad
        cut = self.gradient.state or self.gradient.windows is not None
        return (self.forced or self.deaf) and not cut and not keeps_feeds and self.pull is None

    def learner(self, steps: int | slice = slice(None)) -> Model:
        """Return the model, bound to the dropout of one step, or of some."""
        return self.model if self.dropout is None else self.model.dropping(self.dropout[steps])

    def said(
        self, raw: Float[torch.Tensor, "*batch P"], fed: Float[torch.Tensor, "*batch F"]
    ) -> Float[torch.Tensor, "*batch O"]:
        """Return o_t for what the model puts out after `fed`: read by the head, an increment added to what was fed."""
        if self.head is not None:
            numbers = self.head.read(raw)
            return numbers if self.residual is None else self.head.onto(numbers, fed, self.residual)
        return raw if self.residual is None else fed + self.residual * raw

    def read(self) -> Float[torch.Tensor, "T R B X"] | None:
        """Return the inputs, 0 behind the end of each sequence: what stands there is not read, not even by a gradient."""
        if self.ends is None or self.inputs is None:
            return self.inputs
        behind = torch.arange(len(self.inputs), device=self.ends.device)[:, None, None] > self.ends
        return torch.where(behind[..., None], 0.0, self.inputs)


@dataclass(frozen=True, kw_only=True)
class Rollout:
    """Result of a rollout: the outputs and what was fed after each of them.

    Attributes:
        outputs: o_t, ``Float[T R B O]`` (``Float[1 R B O]`` for a model that answers once, at the end).
        fed: f_t, ``Float[T R B F]``, what the output of step t or the truth gave to step t + 1; without a gradient where that
            step is fed without one.
        states: s_t after every step, where they were asked for and the steps were made one by one (the fast path keeps none).
        gradient: of the sum of what is charged, for all weights of a replica in one row, where the engine has computed it at
            once; the outputs then carry none.
        losses: what each prediction is charged, where it was computed at once too.
    """

    outputs: Float[torch.Tensor, "S R B O"]
    fed: Float[torch.Tensor, "T R B F"]
    states: tuple[State, ...] = ()
    gradient: Float[torch.Tensor, "R P"] | None = None
    losses: Float[torch.Tensor, "T R B"] | None = None


P = ParamSpec("P")


def by_name(request: Callable[P, Request], roll: Callable[[Request], Rollout]) -> Callable[P, Rollout]:
    """Return `roll` as a function of the arguments of a `Request`, so that a call need not name it."""

    def rollout(*args: P.args, **kwargs: P.kwargs) -> Rollout:
        return roll(request(*args, **kwargs))

    rollout.__doc__ = roll.__doc__
    vars(rollout)["__signature__"] = signature(request).replace(return_annotation=Rollout)
    return rollout


def loop(request: Request) -> Rollout:
    """Run a model over sequences, fed as the mask says.

    Returns:
        Outputs and feeds. Entries that are forced equal the truth exactly; where the mask is 0 the truth is not touched.
    """
    if request.unrolls:
        return _unrolled(request)
    model, weights, truth, inputs, gradient = request.model, request.weights, request.truth, request.read(), request.gradient
    steps, (replicas, batch, _) = request.steps, request.start.shape
    share = request.start.new_ones(steps, replicas, batch) if request.mask is None else request.mask
    least, most = (share.reshape(steps, -1).aminmax(dim=1)) if steps else (share, share)
    always, never = (least == 1).tolist(), (most == 0).tolist()
    split = splits(share)

    state = model.start(replicas, batch, request.start) if request.state is None else request.state
    fed = request.start
    outputs, feeds, states = [], [], []
    inverse = None if request.pull is None else _inverse(weights["output.weight"].detach())
    for t in range(steps):
        if gradient.cuts_feedback(t):
            fed = fed.detach()
        if gradient.cuts_state(t) or (gradient.cuts_feedback(t) and model.memoryless):  # whose state is feeds
            state = tuple(part.detach() for part in state)
        if gradient.windows is not None:
            fed, state = gradient.windowed(fed, t), tuple(gradient.windowed(part, t) for part in state)
        if t == request.release:
            state = model.release(weights, state)
        u = fed if inputs is None else torch.cat([inputs[t], fed], -1)
        out, state = request.learner(t).step(weights, u, state)
        out = request.said(out, fed)
        outputs.append(out)
        if request.states:
            states.append(state)
        if inverse is not None:
            state = model.corrected(state, _change(request, t, out.detach(), inverse))
        if always[t]:
            fed = truth[t]
        else:
            # A view of its own, so that the gradients of what is charged and of what is fed are added in one order everywhere.
            prediction = request.feedback(out, None if request.uniform is None else request.uniform[t])
            prediction = prediction.view_as(prediction)
            if request.noise is not None:
                prediction = prediction + request.noise[t]
            fed = prediction if never[t] else blend(share[t, ..., None], truth[t], prediction, split)
        feeds.append(fed)
    fed_on = stopped(torch.stack(feeds), gradient)
    return Rollout(outputs=_answers(request, torch.stack(outputs)), fed=fed_on, states=tuple(states))


#: Added to V^T V before it is inverted, as in the code of error forcing.
RIDGE = 1e-7


def _inverse(weight: Float[torch.Tensor, "R H O"]) -> Float[torch.Tensor, "R O H"]:
    """Return (V^T V + RIDGE)^-1 V^T of each replica on its own, computed in double precision."""
    ridge = RIDGE * torch.eye(weight.shape[-1], dtype=torch.float64, device=weight.device)
    inverses = [torch.linalg.solve(v.mT @ v + ridge, v.mT) for v in weight.double().unbind(0)]
    return torch.stack(inverses).to(weight.dtype)


def _change(
    request: Request, t: int, out: Float[torch.Tensor, "R B O"], inverse: Float[torch.Tensor, "R O H"]
) -> Float[torch.Tensor, "R B H"]:
    """Return by what the state behind step t is corrected."""
    pull = given(request.pull)[t, ..., None]
    error = torch.where(pull > 0, pull * (given(request.targets)[t] - out), 0.0)
    if request.residual is not None:
        error = error / request.residual
    return affine(error, inverse, inverse.new_zeros(len(inverse), 1, inverse.shape[-1]))


def stopped(feeds: Float[torch.Tensor, "T R B F"], gradient: Gradient) -> Float[torch.Tensor, "T R B F"]:
    """Return what was fed, without a gradient where it is stopped on its way into the step after."""
    if not feeds.requires_grad or gradient == THROUGH:
        return feeds
    cut = [gradient.cuts_feedback(t + 1) for t in range(len(feeds))]
    if gradient.windows is not None:
        feeds = torch.stack([gradient.windowed(fed, t + 1) for t, fed in enumerate(feeds)])
    if not any(cut):
        return feeds
    if all(cut):
        return feeds.detach()
    return torch.where(torch.tensor(cut, device=feeds.device)[:, None, None, None], feeds.detach(), feeds)


def _answers(request: Request, outputs: Float[torch.Tensor, "T R B O"]) -> Float[torch.Tensor, "S R B O"]:
    """Return the outputs that count: all of them, or the one at the end of each sequence."""
    if request.model.emits == "each":
        return outputs
    if request.ends is None:
        return outputs[-1:]
    return outputs.gather(0, request.ends[None, ..., None].expand(-1, -1, -1, outputs.shape[-1]))


def _unrolled(request: Request) -> Rollout:
    inputs = request.read()
    before = torch.cat([request.start[None], request.truth[:-1]])
    u = before if inputs is None else torch.cat([inputs, before.expand(len(inputs), -1, -1, -1)], -1)
    state = request.model.start(u.shape[1], u.shape[2], request.start) if request.state is None else request.state
    outputs = _released(request, u, state)
    outputs = request.said(outputs, before)
    return Rollout(outputs=_answers(request, outputs), fed=request.truth if request.forced else _fed_beside(request, outputs))


def _released(request: Request, u: Float[torch.Tensor, "T R B I"], state: State) -> Float[torch.Tensor, "T R B O"]:
    """Run the model over all steps, those within the warm-up first where it makes a difference."""
    model, weights, first = request.model, request.weights, request.release
    if not model.releases or first is None or first >= len(u):
        return request.learner().unroll(weights, u, state)[0]
    outputs = []
    if first:
        begun, state = request.learner(slice(first)).unroll(weights, u[:first], state)
        outputs.append(begun)
    behind = request.learner(slice(first, None)).unroll(weights, u[first:], model.release(weights, state))[0]
    return torch.cat([*outputs, behind])


def _fed_beside(request: Request, outputs: Float[torch.Tensor, "T R B O"]) -> Float[torch.Tensor, "T R B F"]:
    """Return what the mask says is fed, where no output depends on it."""
    share, prediction = given(request.mask), request.feedback(outputs, request.uniform)
    if request.noise is not None:
        prediction = prediction + request.noise
    return stopped(blend(share[..., None], request.truth, prediction, splits(share)), request.gradient)


def splits(share: Float[torch.Tensor, "T R B"]) -> bool:
    """Return whether any share of truth lies between 0 and 1."""
    return bool(((share > 0) & (share < 1)).any())


#: The loop as a function of the arguments of a `Request`.
rollout = by_name(Request, loop)
