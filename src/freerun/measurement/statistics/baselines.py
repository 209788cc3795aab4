"""Baselines of forecasting: the value one season before, and a linear autoregression fitted by least squares.

`truth` ``[L N Y]`` are the true values with the one before the first prediction; forced, prediction t may read all up to
``truth[t]``, and inputs ``[T N X]`` are those of each prediction.
"""

from __future__ import annotations

from dataclasses import dataclass

from jaxtyping import Float

from freerun.deferred_imports import torch
from freerun.parts.tasks import Data

#: Most values that the autoregression reads at once, and about how many predictions of the training part it is fitted to.
WINDOW, ROWS = 32, 2**14
#: Added to the diagonal of the mean products, whose size is about 1: what rounding needs where columns say the same.
_RIDGE = 1e-9


def seasonal(truth: Float[torch.Tensor, "L N Y"], season: int) -> Float[torch.Tensor, "T N Y"]:
    """Return the true values one season before each prediction; the last one before there is a season."""
    early = min(season - 1, len(truth) - 1)
    return torch.cat([truth[:early], truth[: len(truth) - 1 - early]])


def seasons(history: Float[torch.Tensor, "H N Y"], steps: int) -> Float[torch.Tensor, "S N Y"]:
    """Return the last season, `history`, over and over."""
    return history[torch.arange(steps) % len(history)]


@dataclass(frozen=True, kw_only=True)
class Autoregression:
    """A linear autoregression of the last `window` values with a constant and the inputs of each prediction."""

    window: int
    weights: Float[torch.Tensor, "D Y"]

    def forced(
        self, truth: Float[torch.Tensor, "L N Y"], inputs: Float[torch.Tensor, "T N X"] | None
    ) -> Float[torch.Tensor, "T N Y"]:
        """Return what it says at true values; the last one where there are fewer than it reads."""
        early = min(self.window - 1, len(truth) - 1)
        later = self._said(_features(truth[:-1], inputs, self.window)) if early < len(truth) - 1 else truth[:0]
        return torch.cat([truth[:early], later])

    def free(
        self, history: Float[torch.Tensor, "H N Y"], steps: int, inputs: Float[torch.Tensor, "S N X"] | None
    ) -> Float[torch.Tensor, "S N Y"]:
        """Return what it says, and reads, after a history of `window` values."""
        made = history
        for step in range(steps):
            known = None if inputs is None else inputs[step : step + 1].expand(self.window, -1, -1)
            made = torch.cat([made, self._said(_features(made[-self.window :], known, self.window))])
        return made[len(history) :]

    def _said(self, features: Float[torch.Tensor, "T N D"]) -> Float[torch.Tensor, "T N Y"]:
        """Return the predictions: those of each sequence by itself, so that no bit depends on the others."""
        alone = features.movedim(1, 0).contiguous()
        return torch.bmm(alone, self.weights.expand(len(alone), -1, -1).contiguous()).movedim(0, 1)


def autoregression(data: Data, length: int, window: int) -> Autoregression:
    """Return the autoregression of the training part, in double precision; fitted once for the data.

    The windows are those that training draws from, of `length` steps: as many, evenly spread, as give about `ROWS` predictions.
    """
    fitted: Autoregression = data.once(("autoregression", window), lambda: _fitted(data, length, window))
    return fitted


def _fitted(data: Data, length: int, window: int) -> Autoregression:
    train = data.splits["train"]
    count = max(1, min(len(train), ROWS // max(1, length - window + 1)))
    part = train.take(torch.linspace(0, len(train) - 1, count).round().long(), length)
    truth = torch.cat([part.start[None], part.targets]).double()
    inputs = None if part.inputs is None else part.inputs.double()
    features = _features(truth[:-1], inputs, window).flatten(0, 1)
    answers = truth[window:].flatten(0, 1)
    products = features.mT @ features / len(features)
    factor = torch.linalg.cholesky(products + _RIDGE * torch.eye(len(products), dtype=products.dtype))
    return Autoregression(window=window, weights=torch.cholesky_solve(features.mT @ answers / len(features), factor))


def _features(
    truth: Float[torch.Tensor, "T N Y"], inputs: Float[torch.Tensor, "T N X"] | None, window: int
) -> Float[torch.Tensor, "S N D"]:
    """Return what each prediction is made of: the last `window` values, 1, and what is given at its time.

    Args:
        truth: what is read before each prediction.
        inputs: of each prediction.
        window: values that are read at once; predictions before so many are left out.
    """
    columns = truth.unfold(0, window, 1).flatten(2)
    parts = [columns, torch.ones_like(columns[..., :1])]
    return torch.cat(parts if inputs is None else [*parts, inputs[window - 1 :]], -1)
