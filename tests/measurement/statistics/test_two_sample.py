"""Tests of two-sample distances: 0 in mean under the null, at their level, and as sharp as a reference."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.stats
import torch

from freerun.laws.toolkit import demand
from freerun.measurement.statistics import two_sample
from freerun.random_streams import stream
from laws.broken import measures as broken

REPEATS, ROWS = 400, 24


def draw(number, rows=ROWS, width=3, shift=0.0, name="two_sample"):
    """Two independent Gaussian samples, the second moved by `shift` along every coordinate."""
    chance = stream(number, name)
    return tuple(torch.from_numpy(chance.normal(size=(rows, width)) + at) for at in (0.0, shift))


def signs(number, count, rows=ROWS):
    return two_sample.swaps(torch.from_numpy(stream(number, "signs").random((count, rows))))


def one_energy(x, y, _=None):
    return float(two_sample.energy(x[None], y[None])[0])


def one_mmd(x, y, number):
    return two_sample.mmd(x, y, signs(number, 1, len(x)), bandwidth=2.0).value


def one_sliced(x, y, number):
    chance = stream(number, "directions")
    directions = torch.from_numpy(chance.normal(size=(8, x.shape[1])))
    return two_sample.sliced_wasserstein(x, y, directions, signs(number, 19, len(x))).value


DISTANCES = {"energy": one_energy, "mmd": one_mmd, "sliced": one_sliced}


def law_zero_in_mean_without_a_difference(distance) -> None:
    """Over 400 pairs of samples the mean is within 4 standard errors of 0 (by chance, once in 16,000 it is not)."""
    for related in (0.0, 0.9):
        found = []
        for number in range(REPEATS):
            x, y = draw(number)
            y = related * x + math.sqrt(1 - related**2) * y
            found.append(distance(x, y, number))
        error = np.std(found) / math.sqrt(REPEATS)
        off = abs(np.mean(found)) / error
        demand(off < 4, f"the mean without a difference is {off:.1f} standard errors off 0 (related by {related:g})")


def law_grows_with_the_difference(distance) -> None:
    """On the same draws, a larger shift is a larger distance."""
    found = [np.mean([distance(*draw(n, shift=shift), n) for n in range(20)]) for shift in (0.0, 0.5, 1.0, 2.0)]
    demand(all(np.diff(found) > 0), f"shifts 0, 0.5, 1, 2 give {found}")


def law_order_does_not_matter(distance) -> None:
    """Rows, with their partners, may come in any order (draws go with the rows where there are any)."""
    x, y = draw(1, shift=0.3)
    order = torch.arange(len(x)).flip(0)
    off = abs(distance(x[order], y[order], None) - distance(x, y, None))
    demand(off < 1e-12, f"in reverse order the distance differs by {off:.1e}")  # sums of some hundred terms of size 1


def law_level_is_kept(test) -> None:
    """A p-value of at most 5 % comes in 5 % of 400 pairs without a difference: within the 99.9 % interval of that binomial."""
    hits = sum(test(*draw(number, name="level"), number) <= 0.05 for number in range(REPEATS))
    low, high = scipy.stats.binom.interval(0.999, REPEATS, 0.05)
    demand(low <= hits <= high, f"{hits} of {REPEATS} p-values are at most 5 %, not {low:g} to {high:g}")


def mmd_p(x, y, number):
    return two_sample.mmd(x, y, signs(number, 99, len(x))).p


def sliced_p(x, y, number):
    directions = torch.from_numpy(stream(number, "directions").normal(size=(8, x.shape[1])))
    return two_sample.sliced_wasserstein(x, y, directions, signs(number, 99, len(x))).p


TESTS = {"mmd": mmd_p, "sliced": sliced_p}


LAWS = [law_zero_in_mean_without_a_difference, law_grows_with_the_difference]


@pytest.mark.parametrize("law", LAWS, ids=lambda x: x.__name__)
@pytest.mark.parametrize("distance", DISTANCES.values(), ids=DISTANCES)
def test_law(law, distance):
    law(distance)


@pytest.mark.parametrize("distance", [one_energy, lambda x, y, _: one_mmd(x, y, 0)], ids=["energy", "mmd"])
def test_order_does_not_matter(distance):
    law_order_does_not_matter(distance)


@pytest.mark.parametrize("test", TESTS.values(), ids=TESTS)
def test_level(test):
    law_level_is_kept(test)


@pytest.mark.parametrize(
    ("law", "part"),
    [
        (law_zero_in_mean_without_a_difference, broken.with_partners),
        (law_zero_in_mean_without_a_difference, broken.with_the_diagonal),
        (law_zero_in_mean_without_a_difference, broken.without_its_floor),
        (law_grows_with_the_difference, broken.root_of_nothing),
        (law_order_does_not_matter, broken.neighbours_alone),
        (law_level_is_kept, broken.p_of_a_normal),
    ],
    ids=lambda x: x.__name__,
)
def test_law_catches(law, part):
    with pytest.raises(AssertionError):
        law(part)


def test_energy_is_the_double_sum_by_hand():
    x, y = draw(0, shift=0.4)
    pairs = [(i, j) for i in range(ROWS) for j in range(ROWS) if i != j]
    norm = lambda v: float(v.norm())  # noqa: E731
    hand = np.mean([norm(x[i] - y[j]) + norm(y[i] - x[j]) - norm(x[i] - x[j]) - norm(y[i] - y[j]) for i, j in pairs])
    assert one_energy(x, y) == pytest.approx(hand, abs=1e-9)  # distances out of products: rounding of 1e-16 before a root


def test_energy_with_its_diagonal_is_scipys_squared():
    """scipy has the biased statistic of one dimension: all pairs, those of a row with itself or its partner included."""
    x, y = draw(3, width=1, shift=0.7)
    partners = float((x - y).abs().sum())
    ours = (one_energy(x, y) * ROWS * (ROWS - 1) + 2 * partners) / ROWS**2
    assert ours == pytest.approx(scipy.stats.energy_distance(x[:, 0], y[:, 0]) ** 2, abs=1e-9)


def test_sliced_in_one_dimension_is_scipys_wasserstein():
    x, y = draw(4, width=1, shift=0.7)
    one, none = torch.ones(1, 1), torch.ones(1, ROWS)
    swapped = signs(5, 7)
    both = two_sample.sliced_wasserstein(x, y, one, swapped)
    moved = [torch.where(s[:, None] < 0, torch.stack([y, x]), torch.stack([x, y])) for s in swapped.double()]
    far = [scipy.stats.wasserstein_distance(a[:, 0], b[:, 0]) for a, b in moved]
    assert both.value == pytest.approx(scipy.stats.wasserstein_distance(x[:, 0], y[:, 0]) - np.mean(far), abs=1e-12)
    assert two_sample.sliced_wasserstein(x, y, one, none).value == pytest.approx(0, abs=1e-12)


def test_swapping_signs_is_swapping_rows():
    x, y = draw(6, shift=0.5)
    s = signs(0, 5)
    for row in s:
        a, b = torch.where(row[:, None] < 0, y, x), torch.where(row[:, None] < 0, x, y)
        swapped = two_sample.mmd(a, b, s, bandwidth=1.3).value
        h = two_sample._h([torch.exp(each / (-2 * 1.3**2)) for each in two_sample._three(x, y)])
        assert float((row.double() @ h @ row.double()) / (ROWS * (ROWS - 1))) == pytest.approx(swapped, abs=1e-12)


def test_power_is_that_of_a_reference():
    """Of 200 pairs with a shift our tests find as many as Hotelling's T^2, the best for Gaussians, less 10 % (sliced: 20 %)."""
    repeats, width, shift = 200, 3, 0.5

    def hotelling(x, y):
        pooled = (np.cov(x.T) + np.cov(y.T)) / 2
        d = x.mean(0) - y.mean(0)
        t = ROWS / 2 * d @ np.linalg.solve(pooled, d)
        free = 2 * ROWS - width - 1
        return scipy.stats.f.sf(t * free / (width * (2 * ROWS - 2)), width, free)

    samples = [draw(n, shift=shift, name="power") for n in range(repeats)]
    reference = np.mean([hotelling(x.numpy(), y.numpy()) <= 0.05 for x, y in samples])
    assert 0.5 < reference < 0.95  # the comparison means something
    for name, test in TESTS.items():
        power = np.mean([test(x, y, n) <= 0.05 for n, (x, y) in enumerate(samples)])
        least = reference - (0.2 if name == "sliced" else 0.1)
        assert power > least, f"{name}: {power:.2f}, Hotelling {reference:.2f}"


def test_equal_samples_are_exactly_0_apart_and_p_is_1():
    x, _ = draw(2)
    s = signs(0, 19)
    assert one_energy(x, x.clone()) == 0
    assert two_sample.mmd(x, x.clone(), s) == two_sample.Distance(value=0.0, p=1.0)
    assert two_sample.sliced_wasserstein(x, x.clone(), torch.eye(3), s) == two_sample.Distance(value=0.0, p=1.0)
    still = torch.zeros(ROWS, 3)
    assert two_sample.mmd(still, still, s) == two_sample.Distance(value=0.0, p=1.0)


def test_rows_that_do_not_count_are_not_there():
    x, y = draw(7, shift=0.5)
    counts = torch.ones(1, ROWS, dtype=torch.bool)
    counts[0, 5:9] = False
    dirty = torch.where(counts[0][:, None], y, torch.nan)
    kept = counts[0]
    assert float(two_sample.energy(x[None], dirty[None], counts)[0]) == pytest.approx(one_energy(x[kept], y[kept]), abs=1e-9)
    counts[0, 1:] = False
    assert two_sample.energy(x[None], y[None], counts).isnan().all()


def test_what_is_not_finite_is_undefined():
    x, y = draw(8)
    y[3, 1] = torch.inf
    assert math.isnan(one_energy(x, y))
    assert math.isnan(two_sample.mmd(x, y, signs(0, 3)).value)
    assert math.isnan(two_sample.sliced_wasserstein(x, y, torch.eye(3), signs(0, 3)).value)


def test_the_median_is_that_of_different_points():
    x, y = draw(9)
    both = torch.cat([x, y])
    assert two_sample.median(x, y) == pytest.approx(float(torch.pdist(both).median()), rel=1e-9)
    x[:] = 1.0
    y[:] = 2.0
    assert two_sample.median(x, y) == pytest.approx(math.sqrt(3))
