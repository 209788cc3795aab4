"""What Python gives where runs are wanted, and how they are done: one experiment or several, a launcher or its name."""

from __future__ import annotations

from collections.abc import Iterable

from freerun.config.experiment import Experiment
from freerun.errors import ConfigError
from freerun.execution import launchers
from freerun.execution.launchers import Launcher
from freerun.execution.launchers.inline import Inline
from freerun.io.text import brief


def experiments(asked: object) -> list[Experiment]:
    """Return what was asked for as a list.

    Raises:
        ConfigError: if something in it is no experiment.
    """
    if isinstance(asked, Experiment):
        return [asked]
    if isinstance(asked, str) or not isinstance(asked, Iterable):
        raise ConfigError(f"an experiment or a list of them is wanted, got {brief(asked)}")
    listed = list(asked)
    if wrong := [value for value in listed if not isinstance(value, Experiment)]:
        raise ConfigError(f"an experiment or a list of them is wanted, got {brief(wrong[0])} in the list")
    return listed


def launcher(asked: Launcher | str | None, group: int = 32, hours: float | None = None) -> Launcher:
    """Return a launcher.

    Args:
        asked: a launcher, or the name of one with its usual settings; None for this process.
        group: most runs that train together in this process.
        hours: after which it begins no group any more; None for no end.

    Raises:
        ConfigError: if there is none of this name, what it needs is not installed, or it cannot stop.
    """
    if isinstance(asked, str):
        asked = launchers.choose([f"launcher={asked}"], {})[0]
    chosen = asked or Inline(group=group)
    if hours is not None:
        chosen.stop_after(hours)
    return chosen
