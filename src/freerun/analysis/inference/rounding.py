"""Rounding noise: below what size a number of the tables is held for 0.

Errors are in units of their own world (standard deviations of the attractor, nats, shares), and computed in double precision
from numbers of size 1: what is smaller than 1e-12 is what rounding has left of 0, and neither grows nor shrinks.
"""

from __future__ import annotations

ROUNDING = 1e-12
