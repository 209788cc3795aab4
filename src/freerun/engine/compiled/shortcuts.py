"""Shortcuts of parts that the compiled engine has: integration steps of flows, and what n-gram models say next."""

from __future__ import annotations

from freerun.engine.compiled.flow import taken
from freerun.engine.compiled.ngrams import following
from freerun.parts import shortcuts


def install() -> None:
    """Let parts compute here, in this process, what the compiled engine covers."""
    shortcuts.steps, shortcuts.following = taken, following
