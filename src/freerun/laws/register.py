"""Register of the laws, and the kind of part that each speaks of.

A law is a function whose name begins with `law_`, in one of `MODULES`, that takes one part. The annotation of this argument is
the base class of the kind it is a law for, or `Any` for every kind; `freerun.laws.toolkit.only` limits it to some parts of its
kind. Its documentation begins with the law in words and ends with a paragraph `Cure: ...`, what to do about a part that breaks
it. Nothing else has to be edited to add one.
"""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from freerun.parts import registry

#: The modules that hold the laws of parts, in the order in which they are checked.
MODULES = (
    "tasks",
    "models",
    "release",
    "dropout",
    "regimes",
    "feedback",
    "objectives",
    "metrics",
    "quantities",
    "parts_in_loop",
    "feeders",
    "methods",
    "experts",
    "players",
    "headlines",
    "engine",
    "figures",
)
#: What there are laws for: the kinds of part, and figures, which are modules.
KINDS = {**registry.KINDS, "figure": ("freerun.analysis.figures", "Part")}


@dataclass(frozen=True, kw_only=True)
class Law:
    """A law of a kind of part."""

    kind: str
    function: Callable[[Any], str | None]

    def __call__(self, part: Any) -> str:
        """Hold a part to the law; returns on what it was tried, for a table, where the law says so.

        Raises:
            Broken: if it does not keep it, with the smallest case that was found.
        """
        return self.function(part) or ""

    @property
    def name(self) -> str:
        """`law_pure` is called "pure"."""
        return self.function.__name__.removeprefix("law_")

    @property
    def text(self) -> str:
        """The law in words."""
        return " ".join((inspect.getdoc(self.function) or self.name.replace("_", " ")).split("\n\n")[0].split())

    @property
    def cure(self) -> str:
        """What to do about a part that breaks the law, in words; empty where its documentation does not say it."""
        *_, said = (inspect.getdoc(self.function) or "").partition("\n\nCure: ")
        return " ".join(said.split("\n\n")[0].split())

    def applies(self, part: Any) -> bool:
        """Whether the law speaks of a part of its kind."""
        return bool(vars(self.function).get("applies", lambda _: True)(part))

    @property
    def patience(self) -> float:
        """How many times as long as other laws it may take."""
        return float(vars(self.function).get("patience", 1.0))

    @property
    def whom(self) -> str:
        """Of which parts it speaks, if not of all."""
        return str(vars(self.function).get("whom", "all parts"))


def of(kind: str, *modules: str) -> list[Law]:
    """The laws of a kind of part: all of them, or those of some modules."""
    searched = modules or (["figures"] if kind == "figure" else [name for name in MODULES if name != "figures"])  # no pandas
    return [Law(kind=kind, function=law) for module in searched for law in _laws_in(module, kind)]


def _laws_in(name: str, kind: str) -> list[Callable[[Any], str | None]]:
    module = importlib.import_module(f"freerun.laws.{name}")
    return [
        law
        for key, law in vars(module).items()
        if key.startswith("law_") and law.__module__ == module.__name__ and _speaks_of(law, kind)
    ]


def _speaks_of(law: Callable[..., None], kind: str) -> bool:
    first, *optional = inspect.signature(law).parameters.values()
    alone = all(parameter.default is not inspect.Parameter.empty for parameter in optional)
    return alone and str(first.annotation) in (KINDS[kind][1], *(["Any"] if kind in registry.KINDS else []))
