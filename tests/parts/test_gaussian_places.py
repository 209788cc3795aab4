"""Tests that a predicted distribution has the same bits at every place of a tensor: alone, and among those of other runs."""

from __future__ import annotations

import pytest
import torch

from freerun import arithmetic
from freerun.parts import gaussians, normal
from freerun.parts.gaussians import Head


def differs(components: int) -> set[str]:
    """What of distributions in double precision is another number beside others than alone."""
    arithmetic.in_force()
    head, chance, found = Head(components=components), torch.Generator().manual_seed(0), set()
    for count, width in ((1, 1), (2, 3), (3, 2), (5, 4), (7, 3)):
        raw, values = (torch.randn(5, 3, count, n, generator=chance, dtype=torch.float64) for n in (head.width(width), width))
        among = head.read(3 * raw)
        for r in range(3):
            alone, mine = head.read((3 * raw[:, r : r + 1]).clone()), values[:, r : r + 1].clone()
            found |= {"read"} if not torch.equal(among[:, r : r + 1], alone) else set()
            many, one = head.distribution(among), head.distribution(among[:, r : r + 1].clone())
            for name, of_many, of_one in (
                ("log_density", many.log_density(values), one.log_density(mine)),
                ("crps", many.crps(values), one.crps(mine)),
                ("below", many.below(values), one.below(mine)),
                ("variance", many.variance(), one.variance()),
            ):
                found |= {name} if not torch.equal(of_many[:, r : r + 1], of_one) else set()
    return found


@pytest.mark.parametrize("components", [1, 2])
def test_a_distribution_has_the_same_bits_alone_and_among_others(components):
    assert not differs(components)


def test_an_exponential_that_hangs_on_its_place_is_caught(monkeypatch):
    for module in (gaussians, normal):
        monkeypatch.setattr(module, "exponential_anywhere", arithmetic.exponential)
    assert differs(2)
