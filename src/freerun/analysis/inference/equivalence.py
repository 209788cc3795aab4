"""Margin of equivalence: the change that is held for none, on the scale on which a measure is compared.

One number is declared for a study, `margin`, a share (0.05: five per cent). It means

    a ratio              within a factor of 1.05 either way
    a logarithm (nats)   within ln 1.05: perplexities within the same factor
    any other number     within 0.05 of the size of the baseline's mean, 0 for a baseline of 0

Two sides are equivalent where the whole of an interval lies within the margin, which is stricter than the two one-sided tests
of Schuirmann (1987, J. Pharmacokinet. Biopharm. 15, 657-680): those ask this of the interval at the level 1 - 2 a alone.
"""

from __future__ import annotations

import math

from freerun.store.quantity import Quantity

#: The margin of a study that declares none.
MARGIN = 0.05


def margin_of(quantity: Quantity, ratio: bool, baseline: float, share: float = MARGIN) -> float:
    """The largest change of a measure that counts as none.

    Args:
        quantity: what is compared.
        ratio: whether it is compared as a ratio.
        baseline: the mean level of the baseline.
        share: the margin of the study.

    Returns:
        The largest change: of logarithms for a ratio, else in the unit of the quantity. NaN where the baseline has no level.
    """
    return math.log1p(share) if ratio or quantity.scale == "logarithm" else share * abs(baseline)
