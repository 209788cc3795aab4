"""What is charged? The loss of each prediction, before any average."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

from jaxtyping import Float

from freerun.lazy import torch


@dataclass(kw_only=True)
class Objective(ABC):
    """A loss. Subclasses are final: one file, one class."""

    #: For symbols, or for real values.
    symbols: ClassVar[bool] = True
    unit: ClassVar[str] = ""

    @abstractmethod
    def __call__(self, outputs: Float[torch.Tensor, "*batch O"], targets: torch.Tensor) -> Float[torch.Tensor, "*batch"]:
        """The loss of every single prediction; `targets` are ``Int[*batch]`` symbols or ``Float[*batch Y]`` values."""
