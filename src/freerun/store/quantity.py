"""Quantity: what a number means, declared once by the metric that measures it and carried along with every value."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import Any, Literal, get_args

import msgspec

from freerun.errors import require
from freerun.io.text import brief

Better = Literal["lower", "higher", "neither"]
Scale = Literal["ratio", "difference", "logarithm"]
Part = Literal["headline", "companion", "diagnostic"]
Account = Literal["one-step error", "exposure bias", "drift floor", "exposure", "release"]
#: Between which two values a number can lie.
Range = tuple[float, float]
EVERYWHERE: Range = (-math.inf, math.inf)
FROM_0: Range = (0.0, math.inf)
SHARE: Range = (0.0, 1.0)
#: The unit of a number whose record gives none.
NO_UNIT = "undeclared"
#: A condition: means are over those prefixes alone of which the source knows how they go on.
INSIDE_SUPPORT = "prefixes inside the source's support"
#: What a measure can be blind to; where a headline is, the report warns of it.
OTHER_CONTINUATIONS = "continuations as good as the one that was written"
OWN_TEXT = "whether the text that the model writes itself is any good"
WORLDS_GROWTH = "the world's own growth of any error"
COLLAPSE = "a forecast that shrinks, or goes nowhere: it is rewarded"
TIME_REVERSAL = "the direction of time"
EASY_PREFIXES = "a model that hurries into prefixes after which all is easy, such as one that ends at once"
ONE_STRING = "how often each possible string comes: one and the same for ever will do"


@dataclass(frozen=True, kw_only=True)
class Quantity:
    """What a number means.

    Attributes:
        label: what people call it.
        unit: of the values.
        better: which way is better: `lower`, `higher`, or `neither` where the value ranks nothing.
        name: of the metric that measures it, as in the tables; given where it is measured.
        range: between which values it can lie; infinite where it is open.
        scale: `ratio`, an error of which the logarithm is averaged and compared; `logarithm`, which is one already; else
            `difference`.
        floor: what a perfect model gets: a number, or the name of the metric that measures it beside; None if it is not known.
        conditioned: the condition under which values enter the average; None if all of them do.
        left_out: the name of the metric that counts what the condition leaves out.
        blind: what it does not see, each in a few words.
        sees: what similar measures are blind to and this one is not.
        signs: for a change whose sign is the finding: the word for a value below 0, and the word for one above.
        account: what it says in the account of a free error: `one-step error`, against the truth's own answer at what was fed,
            whose free value against the forced one is the exposure bias; `exposure bias`, that change itself, a difference or a
            logarithm: above 0 own outputs make errors larger; `drift floor`, the error of the truth with a fresh
            error at every step; `exposure`, what the one-step error at own states adds to that floor, a logarithm; `release`,
            the forced error at the release over that of later steps, a logarithm: above 0 the warm-up is too short.
        part: `headline`, an error by which a task is judged; `companion`, a measure beside it; `diagnostic`, what explains.
    """

    label: str
    unit: str
    better: Better
    name: str = ""
    range: Range = EVERYWHERE
    scale: Scale = "difference"
    floor: float | str | None = None
    conditioned: str | None = None
    left_out: str | None = None
    blind: tuple[str, ...] = ()
    sees: tuple[str, ...] = ()
    signs: tuple[str, str] | None = None
    account: Account | None = None
    part: Part = "companion"

    def __post_init__(self) -> None:
        for name in ("label", "unit"):
            value = getattr(self, name)
            require(isinstance(value, str) and value.strip() != "" and value.isprintable(), name, value, "be a printable text")
        for name, choices in (("better", Better), ("scale", Scale), ("part", Part), ("account", Account)):
            choosable: tuple[str, ...] = get_args(choices)
            said = getattr(self, name)
            fits = said in choosable or (said is None and name == "account")
            require(fits, name, said, f"be one of {', '.join(choosable)}")
        low, high = self.range
        require(low < high, "range", self.range, "be (low, high) with low < high")
        require(self.scale != "ratio" or low >= 0, "range", self.range, "begin at 0 or above for an error on a ratio scale")
        fits = not isinstance(self.floor, (int, float)) or low <= self.floor <= high
        require(fits, "floor", self.floor, f"lie in the range {self.range}")

    @property
    def sign(self) -> float:
        """1 where more is better, -1 where less is; NaN where neither is."""
        return {"higher": 1.0, "lower": -1.0}.get(self.better, math.nan)

    @property
    def ratio(self) -> bool:
        """Whether it is an error on a ratio scale, so that its statistics are those of its logarithm."""
        return self.scale == "ratio"

    @property
    def change(self) -> Range:
        """Between which values the difference of two of its levels can lie."""
        low, high = self.range
        return low - high, high - low

    @property
    def floor_name(self) -> str | None:
        """The name of the metric that measures the floor; None where the floor is a number, or unknown."""
        return self.floor if isinstance(self.floor, str) else None

    def named(self, name: str) -> Quantity:
        """The same by another name, made once."""
        if name not in self._named:
            self._named[name] = replace(self, name=name)
        return self._named[name]

    @cached_property
    def _named(self) -> dict[str, Quantity]:
        return {}

    def written(self) -> dict[str, Any]:
        """Return the fields as JSON can hold them, without the name and the defaults; an open end of the range is None."""
        every = ((each.name, getattr(self, each.name), each.default) for each in fields(self))
        declared = {key: value for key, value, default in every if key != "name" and value != default}
        if "range" in declared:
            declared["range"] = [end if math.isfinite(end) else None for end in self.range]
        return {key: list(value) if isinstance(value, tuple) else value for key, value in declared.items()}


def read(name: str, declared: Mapping[str, Any]) -> Quantity:
    """Return the quantity that `Quantity.written` wrote.

    Raises:
        ValueError: if a field is unknown or of another type.
    """
    values = dict(declared)
    if unknown := sorted(values.keys() - {declaration.name for declaration in fields(Quantity) if declaration.name != "name"}):
        raise ValueError(f"a quantity has no {brief(unknown[0])}")
    if isinstance(ends := values.get("range"), list) and len(ends) == 2:
        values["range"] = [infinite if end is None else end for end, infinite in zip(ends, EVERYWHERE, strict=True)]
    return msgspec.convert({**values, "name": name}, Quantity)


def undeclared(name: str, unit: str) -> Quantity:
    """Return the quantity of a number that no metric declares: its name and unit are known, neither direction is better."""
    return Quantity(name=name, label=name.replace("_", " "), unit=unit or NO_UNIT, better="neither", part="diagnostic")
