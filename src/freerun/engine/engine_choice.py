"""Choice of the engine: the compiled operation where it was built and covers a run, else the loop in PyTorch.

The loop (`freerun.engine.rollout`) is the definition. The two give the same numbers but for their last bits, so the choice of
an engine belongs to how a run is computed, as the arithmetic and the number of threads do, and not to what the run is: its
identity does not depend on it, its record names it, and a checkpoint is continued only by the engine that wrote it.
"""

from __future__ import annotations

import os
from dataclasses import dataclass

from freerun.config.experiment import Experiment
from freerun.engine.compiled.coverage import CORRECTIONS, DISTRIBUTIONS, uncovered
from freerun.engine.compiled.library import Library, library
from freerun.errors import ConfigError, given

#: Names the engine of a process that is told none.
VARIABLE = "FREERUN_ENGINE"
#: auto: the compiled one where it is built and covers a run, else the loop; compiled: a run that it does not cover is refused.
CHOICES = ("auto", "reference", "compiled")
DEFAULT = "auto"
_told: list[str] = []


def use(name: str | None) -> None:
    """Set the engine of this process; None for the default.

    Raises:
        ConfigError: if there is none of this name.
    """
    _told[:] = [] if name is None else [checked(name, "engine")]


def setting() -> str:
    """Return the engine that this process was told to use.

    Raises:
        ConfigError: if the environment names one that does not exist.
    """
    return _told[0] if _told else default()


def default() -> str:
    """Return the engine of a process that is told none: what the environment names, else `auto`.

    Raises:
        ConfigError: if the environment names one that does not exist.
    """
    return checked(os.environ.get(VARIABLE) or DEFAULT, VARIABLE)


def checked(name: str, key: str) -> str:
    """Return the name of an engine.

    Raises:
        ConfigError: if there is none of this name.
    """
    if name not in CHOICES:
        raise ConfigError(f"{key} must be one of {', '.join(CHOICES)}, got {name[:40]!r}")
    return name


def used() -> Library | None:
    """Return the library that computes in this process what it covers; None where there is none, or it is not wanted.

    Raises:
        ConfigError: if it was built from another source.
    """
    return None if setting() == "reference" else library()


@dataclass(frozen=True, kw_only=True)
class Engine:
    """The engine of a run.

    Attributes:
        name: `reference` or `compiled`.
        bits: in words; runs with other words have other bits.
        instructions: the instruction set of the compiled engine; "" for the reference.
        reason: why it is not the compiled one, as a sentence without its end; "" where it is, or was not asked for.
    """

    name: str
    bits: str
    instructions: str = ""
    reason: str = ""

    def __str__(self) -> str:
        return f"{self.name}, {self.instructions}" if self.instructions else self.name


def obstacle(experiment: Experiment, *, here: bool = True) -> str:
    """Return why the compiled engine cannot compute a run, as a sentence without its end; "" where it can.

    Args:
        here: on this machine; if not, on one that has the engine.

    Raises:
        ConfigError: if the engine that is here was built from another source.
    """
    if here and library() is None:
        return "it was not built when Freerun was installed (no C compiler?)"
    if given(experiment.objective).head is not None:
        return DISTRIBUTIONS
    if experiment.regime.feeder().corrects:
        return CORRECTIONS
    return uncovered(experiment.model, given(experiment.feedback), experiment.dtype, experiment.device) or ""


def engine_of(experiment: Experiment, asked: str | None = None) -> Engine:
    """Return the engine of a run.

    Args:
        asked: one of `CHOICES`; None for the setting of this process.

    Raises:
        ConfigError: if the compiled engine is demanded and cannot be had, or was built from another source.
    """
    asked = asked or setting()
    if asked == "reference":
        return Engine(name="reference", bits="reference")
    built, why = library(), obstacle(experiment)
    if built is not None and not why:
        return Engine(name="compiled", bits=str(built), instructions=built.instructions)
    if asked == "compiled":
        raise ConfigError(f"engine=compiled cannot be used here: {why}; choose engine=auto or engine=reference")
    return Engine(name="reference", bits="reference", reason=why)
