"""Metrics of which more is better; of every other one less is."""

from __future__ import annotations

#: Metrics of which more is better; of every other one less is better.
MORE_IS_BETTER = frozenset({"accuracy", "exact_match", "validity", "valid_time", "valid_time_censored"})
