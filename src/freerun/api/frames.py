"""Frames of runs in Python: the tidy tables of a study, or of one run, as attributes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

if TYPE_CHECKING:
    from freerun.analysis.tables.tidy import Tables


class Frames:
    """The frames of some runs; docs/tables.md has their columns."""

    if TYPE_CHECKING:

        @property
        def tables(self) -> Tables:
            """All of them, as the subclass has them."""

    @property
    def runs(self) -> pd.DataFrame:
        """One row a run: what it was, every setting, what became of it."""
        return self.tables.runs

    @property
    def curves(self) -> pd.DataFrame:
        """Training: run, update, quantity, value."""
        return self.tables.curves

    @property
    def gaps(self) -> pd.DataFrame:
        """Measurements, forced and free: run, ..., split, mode, metric, step, value, unit."""
        return self.tables.gaps

    @property
    def compared(self) -> pd.DataFrame:
        """Measures that set the free rollout beside the forced one or beside the true system, with their intervals."""
        return self.tables.compared

    @property
    def players(self) -> pd.DataFrame:
        """Reference players on the same sequences."""
        return self.tables.players

    @property
    def budgets(self) -> pd.DataFrame:
        """The work of training of each run: updates, steps that were rolled out, products."""
        return self.tables.budgets
