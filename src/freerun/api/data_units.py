"""Units of the data: what users give and get, beside what the loop takes and makes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import ArrayLike

from freerun.errors import ConfigError
from freerun.io.text import brief
from freerun.parts.feedback import one_hot
from freerun.parts.tasks import Data


@dataclass(frozen=True, kw_only=True)
class DataUnits:
    """The way from texts, symbols and values in the units of the data to what a model is fed, and back.

    Attributes:
        data: the world of a run.
        symbols: whether its targets are symbols.
        dtype: of the model.
    """

    data: Data
    symbols: bool
    dtype: torch.dtype

    @property
    def from_nothing(self) -> bool:
        """Whether nothing stands before the first step of a sequence of this task."""
        return self.symbols and bool((self.data.splits["train"].start < 0).all())

    def parted(self, encoded: Float[torch.Tensor, "T N F"]) -> tuple[Float[torch.Tensor, "N F"], Float[torch.Tensor, "S N F"]]:
        """What is read first, and what after it."""
        if self.from_nothing:
            return self.like(encoded.shape[1]), encoded
        if not len(encoded):
            raise ConfigError("at least one step must be given: sequences of this task do not begin with nothing")
        return encoded[0], encoded[1:]

    def told(self, truth: ArrayLike | Sequence[str]) -> torch.Tensor:
        """Symbols as whole numbers, values in standard deviations."""
        array = np.asarray(truth)
        if array.dtype.kind == "U":
            return self._spelt([str(text) for text in array.reshape(-1)])
        if array.dtype.kind not in "iuf":
            raise ConfigError(f"numbers or texts are wanted, got an array of {array.dtype}")
        told = torch.as_tensor(np.require(array, requirements="W"))  # a copy of what pandas has locked
        if self.symbols:
            if told.is_floating_point() or bool(((told < 0) | (told >= self.data.outputs)).any()):
                raise ConfigError(f"symbols are whole numbers from 0 to {self.data.outputs - 1}")
            return told.long()
        if told.dim() < 2 or told.shape[-1] != self.data.outputs:
            raise ConfigError(f"values have {self.data.outputs} columns, got an array of shape {tuple(told.shape)}")
        told = told.to(torch.float64)
        if not bool(told.isfinite().all()):
            raise ConfigError("values must be finite numbers")
        if self.data.mean is not None and self.data.std is not None:
            told = (told - self.data.mean) / self.data.std
        return told.to(self.dtype)

    def _spelt(self, texts: list[str]) -> torch.Tensor:
        alphabet = self.data.alphabet
        if alphabet is None:
            raise ConfigError("this task has no alphabet; give its symbols as whole numbers")
        numbers = {letter: number for number, letter in enumerate(alphabet)}
        if len({len(text) for text in texts}) > 1:
            raise ConfigError("texts must be of one length")
        if unknown := next((letter for text in texts for letter in text if letter not in numbers), None):
            raise ConfigError(f"{brief(unknown)} is not in the alphabet of this task")
        return (
            torch.tensor([[numbers[letter] for letter in text] for text in texts], dtype=torch.int64).reshape(len(texts), -1).T
        )

    def encoded(self, told: torch.Tensor) -> Float[torch.Tensor, "T N F"]:
        """Symbols as unit vectors, values as they are."""
        if not self.symbols:
            return told
        return one_hot(told, self.like(told.shape[1]).expand(len(told), -1, -1))

    def like(self, count: int) -> Float[torch.Tensor, "N O"]:
        """Nothing, as it is fed to so many sequences."""
        return torch.zeros(count, self.data.outputs, dtype=self.dtype)

    def residual(self) -> Float[torch.Tensor, "1 1 O"] | None:
        """The scale of what is added to what was fed, where the task predicts an increment."""
        return None if self.data.residual is None else self.data.residual.to(self.dtype)[None, None]

    def inputs(self, inputs: ArrayLike | None, steps: int, count: int) -> Float[torch.Tensor, "T 1 N X"] | None:
        """The exogenous inputs of so many steps, in the units of the data, as the loop takes them."""
        width = self.data.inputs
        if (inputs is None) != (width == 0):
            raise ConfigError(f"inputs: this task has {width or 'no'} exogenous inputs")
        if inputs is None:
            return None
        if tuple(np.shape(inputs)) != (steps, count, width):
            raise ConfigError(f"inputs: must be of shape {(steps, count, width)}, got {tuple(np.shape(inputs))}")
        told = torch.as_tensor(np.require(inputs, requirements="W"))
        if self.data.input_mean is not None and self.data.input_std is not None:
            told = (told.to(torch.float64) - self.data.input_mean) / self.data.input_std
        return told.to(self.dtype)[:, None]

    def shown(self, said: Float[torch.Tensor, "T N F"]) -> np.ndarray | list[str]:
        """What was fed in the units of the data, or as text where symbols are letters."""
        if self.symbols:
            symbols = said.argmax(-1)
            if self.data.alphabet is None:
                return symbols.numpy()
            return ["".join(self.data.alphabet[number] for number in row) for row in symbols.T.tolist()]
        values = said.double()
        if self.data.mean is not None and self.data.std is not None:
            values = values * self.data.std + self.data.mean
        return values.numpy()
