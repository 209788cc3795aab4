"""Tests of orbit statistics: they see what they are for, and are blind to what they cannot see."""

from __future__ import annotations

import math
from functools import cache
from types import SimpleNamespace

import numpy as np
import pytest
import scipy.ndimage
import scipy.stats
import torch

from freerun.laws.toolkit import demand
from freerun.measurement.metrics import orbit_distances
from freerun.measurement.metrics.lyapunov import Lyapunov
from freerun.measurement.statistics import (
    flow_direction,
    lyapunov_exponents,
    orbit_fate,
    power_spectra,
    state_distribution,
    state_pairs,
)
from freerun.parts.tasks.lorenz63 import Lorenz63
from freerun.parts.tasks.lorenz96 import Lorenz96
from freerun.random_streams import stream
from laws.broken import measures as broken


@cache
def lorenz(name="a", count=8, steps=1000):
    """Orbits of the true system, scaled."""
    task = Lorenz63(transient=10.0)
    orbits = task.orbits(stream(0, f"orbits/{name}").normal(size=(count, 3)), 1)[0]
    values = torch.from_numpy(task.advance(orbits, steps))
    return (values - torch.tensor([0.0, 0.0, 23.5])) / torch.tensor([8.0, 9.0, 8.5])


@cache
def lorenz96(name="a", count=8, steps=400):
    """Orbits of a true field, scaled."""
    task = Lorenz96()
    values = torch.from_numpy(task.orbits(stream(0, f"orbits/{name}").normal(size=(count, 40)), steps))
    return (values - 2.35) / 3.64


def flat(orbits):
    return orbits.flatten(0, 1)


def d_states(true, made):
    """The metric of this name, as it stands beside every closed loop."""
    return orbit_distances.PARTS["d_states"]().between(true, made)


def d_stsp(true, made):
    """The published one."""
    return orbit_distances.PARTS["d_stsp"]().between(true, made)


def of_one_orbit(divergence):
    """A metric of orbits ``[T N D]`` as a divergence between states ``[S D]``."""
    return lambda true, made: divergence(true[:, None], made[:, None])


def law_order_in_time_does_not_matter(divergence) -> None:
    """States in any order, run backwards or shuffled, are the same states: exactly 0 from the orbit itself."""
    orbit = flat(lorenz())
    shuffled = orbit[torch.from_numpy(stream(1, "shuffle").permutation(len(orbit)))]
    for name, other in (("itself", orbit), ("backwards", orbit.flip(0)), ("shuffled", shuffled)):
        found = divergence(orbit, other)
        demand(abs(found) < 1e-12, f"an orbit {name} is {found:.3g} from itself")


def law_running_away_is_charged(divergence) -> None:
    """A share s of states outside, or not finite, costs ln 1 / (1 - s) more than if it were not there (half, for smoothing)."""
    true, other = flat(lorenz()), flat(lorenz("b"))
    for bad in (50.0, math.inf, math.nan):
        for share in (0.3, 0.9):
            made, lost = other.clone(), int(share * len(other))
            made[:lost] = bad
            without, found = divergence(true, made[lost:]), divergence(true, made)
            demand(found > without - math.log(1 - share) / 2, f"{share:.0%} at {bad} cost {found - without:.3f} nats")


def law_a_spectrum_has_no_phase_and_no_mean(distance) -> None:
    """Backwards, upside down or moved, an orbit has the same spectrum; an orbit of another speed has not."""
    orbits = lorenz()
    for name, other in (("backwards", orbits.flip(0)), ("upside down", -orbits), ("moved", orbits + 100)):
        found = distance(orbits, other)
        demand(found < 1e-6, f"an orbit {name} is {found:.2g} from itself")  # a root of rounding
    floor, fast = distance(orbits, lorenz("b")), distance(orbits[:500], orbits[::2])
    demand(fast > 3 * floor, f"twice as fast is {fast:.2g} from the truth, another orbit {floor:.2g}")
    moved = distance(orbits[:500] + 100, orbits[::2])
    demand(moved > 3 * floor, f"twice as fast is {moved:.2g} from a truth that is moved, another orbit {floor:.2g}")


def law_orbits_that_break_down_count(distance) -> None:
    """Half of the orbits not finite is half of the largest distance, and more than none."""
    true, made = lorenz(), lorenz("b").clone()
    made[10:, :4] = math.nan
    found = distance(true, made)
    demand(found >= 0.5, f"with half of the orbits broken the distance is {found:.3f}")


def law_orbits_that_rest_count(distance) -> None:
    """k of N orbits at rest, but for rounding, are as far away as k that are not finite; in one of 3 coordinates, a third."""
    true, other = lorenz().float(), lorenz("b").float()
    flicker = 1e-7 * torch.from_numpy(stream(2, "flicker").normal(size=other.shape)).float()
    for k in (1, 4, 7):
        gone, rest, part = (other.clone() for _ in range(3))
        gone[10:, :k] = math.nan
        rest[:, :k] = 0.3 + flicker[:, :k]
        part[:, :k, 0] = 0.3
        found, lost = distance(true, rest), distance(true, gone)
        demand(abs(found - lost) < 1e-6, f"with {k} of 8 at rest the distance is {found:.3f}, with {k} not finite {lost:.3f}")
        low, found = distance(true, other), distance(true, part)
        demand(found > low + 0.9 * (k / 8 - low) / 3, f"one coordinate of {k} at rest {found:.3f}, none {low:.3f}")


def law_sees_time_reversal(distance) -> None:
    """The reversed orbit is at least four times as far away as another orbit of the true system."""
    true, other = lorenz(), lorenz("b")
    floor, back = distance(true, other), distance(true, other.flip(0))
    demand(back > 4 * floor, f"backwards {back:.3f}, forwards {floor:.3f}")


def law_ranks_what_has_shrunk_behind_the_truth(divergence) -> None:
    """On a field: another true orbit before one that has shrunk to half, and that before one that rests."""
    true, other = lorenz96(), lorenz96("b")
    rest = other[:1, :1].expand_as(other)
    floor, half, still = (divergence(true, made) for made in (other, other / 2, rest))
    demand(floor < half < still, f"the truth has {floor:.1f}, shrunk to half {half:.1f}, at rest {still:.1f}")


def law_sees_that_an_orbit_has_shrunk(divergence) -> None:
    """To .9 of its size: more than twice as far away as another orbit of the true system."""
    true, other = lorenz(), lorenz("b")
    floor, found = divergence(true, other), divergence(true, 0.9 * other)
    demand(found > 2 * floor, f"shrunk to .9 {found:.3f}, another orbit {floor:.3f}")


def law_tells_fates_apart(find) -> None:
    """Chaos, a fixed point, two cycles, a slow run, an escape and a breakdown: each is called what it is."""
    time = torch.arange(1000, dtype=torch.float64)
    chaos = lorenz(count=3)
    rest = torch.tensor([1.0, -0.5, 0.2]) * torch.exp(-time / 20)[:, None]
    cycle = torch.stack([torch.sin(time / 7), torch.cos(time / 7), torch.sin(time / 7 + 1)], 1)
    slow = torch.stack([torch.sin(time / 200), torch.cos(time / 200), time / 1000], 1)
    two = torch.where(time[:, None] % 2 == 0, 1.0, -1.0).expand(-1, 3)
    away = cycle * torch.exp(time / 100)[:, None]
    broke = chaos[:, 0].clone()
    broke[900:] = math.nan
    orbits = torch.stack([*chaos.unbind(1), rest, cycle, slow, two, away, broke], 1)
    found = find(orbits, torch.full((3,), -2.0), torch.full((3,), 2.0))
    named = [
        "left" if found.left[n] else "rests" if found.rests[n] else "cycles" if found.cycles[n] else "goes on"
        for n in range(orbits.shape[1])
    ]
    wanted = ["goes on"] * 3 + ["rests", "cycles", "goes on", "cycles", "left", "left"]
    demand(named == wanted, f"{named}, not {wanted}")


PARTS = [
    (law_order_in_time_does_not_matter, of_one_orbit(d_states)),
    (law_order_in_time_does_not_matter, of_one_orbit(d_stsp)),
    (law_running_away_is_charged, state_distribution.binned),
    (law_a_spectrum_has_no_phase_and_no_mean, power_spectra.hellinger),
    (law_orbits_that_break_down_count, power_spectra.hellinger),
    (law_orbits_that_rest_count, power_spectra.hellinger),
    (law_sees_time_reversal, flow_direction.displacement_energy),
    (law_sees_time_reversal, state_pairs.pairs_in_time),
    (law_sees_that_an_orbit_has_shrunk, state_pairs.pairs_in_time),
    (law_ranks_what_has_shrunk_behind_the_truth, d_states),
    (law_ranks_what_has_shrunk_behind_the_truth, state_pairs.pairs_in_time),
    (law_ranks_what_has_shrunk_behind_the_truth, state_pairs.pairs_of_neighbours),
    (law_tells_fates_apart, orbit_fate.fates),
]
CAUGHT = [
    (law_order_in_time_does_not_matter, broken.sees_the_order),
    (law_running_away_is_charged, broken.drops_what_is_outside),
    (law_running_away_is_charged, state_distribution.in_box),  # which leaves it out, and says so
    (law_a_spectrum_has_no_phase_and_no_mean, broken.mean_is_power),
    (law_orbits_that_break_down_count, broken.keeps_the_survivors),
    (law_orbits_that_rest_count, broken.rests_add_nothing),
    (law_sees_time_reversal, broken.blind_to_direction),
    (law_sees_that_an_orbit_has_shrunk, power_spectra.hellinger),  # which is blind to it, and says so
    (law_ranks_what_has_shrunk_behind_the_truth, broken.mixture_with_its_own_centres),
    (law_ranks_what_has_shrunk_behind_the_truth, d_stsp),  # which rewards it, and says so
    (law_tells_fates_apart, broken.everything_still_is_fine),
    (law_tells_fates_apart, broken.slow_is_still),
]


@pytest.mark.parametrize(("law", "part"), PARTS, ids=lambda x: x.__name__)
def test_law(law, part):
    law(part)


@pytest.mark.parametrize(("law", "part"), CAUGHT, ids=lambda x: x.__name__)
def test_law_catches(law, part):
    with pytest.raises(AssertionError):
        law(part)


def test_a_reversed_orbit_is_0_from_itself_but_for_its_direction():
    """What a report has to say: D_stsp and D_H of a time-reversed orbit are 0, and one measure is not."""
    orbit = lorenz()
    back = orbit.flip(0)
    assert d_states(orbit, back) == d_stsp(orbit, back) == 0
    other = lorenz("b")
    assert d_states(orbit, other) == state_distribution.binned(flat(orbit), flat(other)) > 0
    assert power_spectra.hellinger(orbit, back) < 1e-6
    assert flow_direction.displacement_energy(orbit, back) > 0.1


def test_d_states_is_the_sum_by_hand():
    true, made = (torch.from_numpy(stream(n, "hand").normal(size=(500, 2))) for n in range(2))
    low, high = true.amin(0).numpy(), true.amax(0).numpy()
    edges = [np.linspace(a, b, 6) for a, b in zip(low, high, strict=True)]
    counts = [np.histogramdd(part.numpy(), bins=edges)[0].ravel() for part in (true, made)]
    p, q = (np.append(c, 500 - c.sum()) + 0.01 for c in counts)
    assert state_distribution.binned(true, made, bins=5, smoothing=0.01) == pytest.approx(scipy.stats.entropy(p, q), rel=1e-12)


def test_the_floor_falls_with_the_length():
    """The floor is several nats at 2,000 steps, half of that or less at 10,000, and how many is decided by the smoothing."""
    a, b = lorenz("long", count=2, steps=10_000).unbind(1)
    for smoothing, least, most in ((1e-5, 1.5, 4.5), (1e-15, 5.0, 15.0)):
        short, long = (state_distribution.binned(a[:n], b[:n], smoothing=smoothing) for n in (2000, 10_000))
        assert least < short < most
        assert long < short / 2


def test_beyond_three_dimensions_d_states_is_a_mean_over_triples():
    true, made = (torch.from_numpy(stream(n, "triples").normal(size=(400, 4))) for n in range(2))
    triples = [[0, 1, 2], [1, 2, 3], [2, 3, 0], [3, 0, 1]]
    each = [state_distribution.binned(true[:, three], made[:, three], bins=4) for three in triples]
    assert state_distribution.marginal(true, made, bins=4) == pytest.approx(np.mean(each), rel=1e-12)
    assert state_distribution.marginal(true, true.flip(0)) == 0


def test_d_pairs_is_the_sum_by_hand():
    true, made = (lorenz(name, count=2, steps=400) for name in "ab")
    each = []
    for i, lag in enumerate(state_pairs.lags(true)):
        values = true[:, :, i] - true[:, :, i].mean()
        alike = [float((values[k:] * values[: 400 - k]).mean() / values.square().mean()) for k in range(lag + 1)]
        assert alike[lag] < 0.5 <= min(alike[:lag])
        pairs = [torch.stack([x[:-lag, :, i], x[lag:, :, i]], -1).reshape(-1, 2) for x in (true, made)]
        each.append(state_distribution.binned(*pairs))
    assert state_pairs.pairs_in_time(true, made) == pytest.approx(np.mean(each), rel=1e-12)


def test_pairs_of_neighbours_see_how_a_field_goes_together():
    """Points that each follow a truth, but another one: pairs in time are the truth's, those of neighbours are not."""
    true, made, apart = (lorenz96(name, steps=2000) for name in "abc")
    torn = torch.where(torch.arange(40) % 2 == 0, made, apart)
    floors = state_pairs.pairs_in_time(true, made), state_pairs.pairs_of_neighbours(true, made)
    assert state_pairs.pairs_in_time(true, torn) < 1.1 * floors[0]
    assert state_pairs.pairs_of_neighbours(true, torn) > 1.5 * floors[1]


def test_d_h_is_that_of_the_papers_code():
    """Orbits to mean 0 and variance 1, no taper, scipy's Gaussian filter over all frequencies, sum 1, mean over orbits."""

    def published(orbits: np.ndarray) -> np.ndarray:
        scaled = (orbits - orbits.mean(0)) / orbits.std(0)
        power = scipy.ndimage.gaussian_filter1d(np.abs(np.fft.rfft(scaled, axis=0)) ** 2, 20.0, axis=0)
        return (power / power.sum(0)).mean(1)

    true, made = lorenz(), lorenz("b")
    p, q = published(true.numpy()), published(made.numpy())
    assert np.abs(power_spectra.spectrum(true).numpy() - p).max() < 1e-12
    wanted = np.sqrt(1 - np.sqrt(p * q).sum(0)).mean()
    assert power_spectra.hellinger(true, made) == pytest.approx(wanted, rel=1e-6)
    assert wanted < 0.03


def test_rest_shares_no_frequency():
    orbits = lorenz()
    assert power_spectra.hellinger(orbits, torch.ones_like(orbits)) == 1
    assert power_spectra.hellinger(orbits, torch.full_like(orbits, math.nan)) == 1


def test_the_interval_of_an_exponent_covers():
    """Student's t over orbits: of 500 draws of n orbits 95 % cover the truth, within the 99.9 % bounds; none below three."""
    for count in (2, 3, 8):
        each, hit = stream(count, "exponents").normal(size=(500, count)), 0
        for apart in torch.from_numpy(1e-6 * np.exp(each)):
            orbit = SimpleNamespace(made=torch.zeros(2, count, 1), apart=apart.expand(5, -1), distance=1e-6, stretch=1)
            found = Lyapunov().interval(SimpleNamespace(orbit=orbit))
            assert (found is None) == (count < 3)
            hit += found is not None and bool(found[0] <= 0 <= found[1])
        assert count < 3 or 458 <= hit <= 489  # scipy.stats.binom.interval(0.999, 500, 0.95)


def test_exponents_of_a_known_map():
    """Neighbours of x -> 2 x mod 1 part by ln 2 a step; of a contraction by 1/2 they close by as much."""
    for factor in (2.0, 0.5):
        apart = torch.full((20, 3), 1e-6 * factor**5, dtype=torch.float64)
        assert lyapunov_exponents.exponents(apart, 1e-6, 5).tolist() == pytest.approx([math.log(factor)] * 3)
    assert lyapunov_exponents.exponents(torch.zeros(20, 1), 1e-6, 5).isnan().all()
