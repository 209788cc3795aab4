"""Step of Adam as one operation, in the arithmetic of `freerun.engine.optimizer`, to the last bit."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float

from freerun.engine.compiled.library import Descent, Library
from freerun.engine.compiled.threads import spread


@dataclass(frozen=True, kw_only=True)
class Moments:
    """Moments of the gradient and how they are carried on.

    Attributes:
        first, second: of the gradient and of its square.
        keep: what is left of each.
        bias: what each is divided by at this update.
        epsilon: added to the root of the second.
    """

    first: Float[torch.Tensor, "R P"]
    second: Float[torch.Tensor, "R P"]
    keep: tuple[float, float]
    bias: tuple[float, float]
    epsilon: float


def adam(
    used: Library,
    weights: Float[torch.Tensor, "R P"],
    gradient: Float[torch.Tensor, "R P"],
    moments: Moments,
    *,
    rate: Float[torch.Tensor, "R 1"],
    decay: Float[torch.Tensor, "R 1"],
    shrink: Float[torch.Tensor, " R"],
    alive: Bool[torch.Tensor, " R"],
    decoupled: bool,
) -> Bool[torch.Tensor, " R"]:
    """Take a step in place, for the replicas that are alive and stay finite; return which new weights are finite.

    Args:
        decoupled: weights decay beside the gradient.
        shrink: factor on each gradient, which clips it.
    """
    replicas, size = weights.shape
    finite = torch.empty(replicas, dtype=torch.bool)
    call = Descent(P=size, decoupled=decoupled, epsilon=moments.epsilon)
    call.keep[:], call.add[:], call.bias[:] = moments.keep, [1 - share for share in moments.keep], moments.bias
    tensors = {
        "weights": weights, "first": moments.first, "second": moments.second, "gradient": gradient.contiguous(),
        "rate": rate.contiguous(), "decay": decay.contiguous(), "shrink": shrink.contiguous(), "alive": alive, "finite": finite,
    }  # fmt: skip
    for name, tensor in tensors.items():
        setattr(call, name, tensor.data_ptr())
    spread(used.function("adam", str(weights.dtype).removeprefix("torch.")), call, replicas, size, weights)
    torch.autograd.graph.increment_version((weights, moments.first, moments.second))
    return finite
