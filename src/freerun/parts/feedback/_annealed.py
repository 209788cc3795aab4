"""Temperature of a soft choice, which may fall over the updates."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

from freerun.errors import require
from freerun.parts.feedback import Feedback


@dataclass(kw_only=True)
class Annealed(Feedback):
    """A rule for symbols with a temperature.

    Attributes:
        temperature: at update 0.
        end: at the last update and in every evaluation, reached evenly in the logarithm; null: as `temperature`.
    """

    for_symbols: ClassVar[bool] = True

    temperature: float = 1.0
    end: float | None = None

    def __post_init__(self) -> None:
        require(1e-3 <= self.temperature <= 1e3, "temperature", self.temperature, "lie in [0.001, 1000]")
        if self.end is not None:
            require(1e-3 <= self.end <= 1e3, "end", self.end, "lie in [0.001, 1000]")

    def at(self, progress: float) -> Annealed:
        end = self.temperature if self.end is None else self.end
        return replace(self, temperature=self.temperature ** (1 - progress) * end**progress, end=None)
