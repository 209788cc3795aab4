"""Flow direction of an orbit: the energy distance of states together with their displacements.

The distribution of states and the power spectrum are those of the reversed orbit too. What is not: where a state goes next. So
states are looked at together with their displacement,

    z_t = [ x_t ; (x_{t+lag} - x_t) / s ] ,      s: the standard deviation of the true displacements, each coordinate

and the energy distance is taken between the z of two orbits. Run backwards, every displacement turns its sign.
"""

from __future__ import annotations

from jaxtyping import Float

from freerun.deferred_imports import torch
from freerun.errors import require
from freerun.measurement.statistics.state_distribution import evenly
from freerun.measurement.statistics.two_sample import energy

#: Steps between a state and where it has gone; at most so many pairs are compared, evenly spread over steps and orbits.
LAG, PAIRS = 1, 512


def displacement_energy(true: Float[torch.Tensor, "T N D"], made: Float[torch.Tensor, "T M D"]) -> float:
    """The energy distance between states with their displacements; NaN where an orbit is not finite.

    Args:
        true, made: orbits, in units in which all coordinates weigh the same.
    """
    steps = min(len(true), len(made))
    require(steps > LAG, "orbits", steps, f"be longer than {LAG}")
    moved = true[LAG:].double() - true[:-LAG].double()
    spread = moved.std((0, 1)).clamp(min=torch.finfo(torch.float64).tiny)
    count = min(PAIRS, moved.shape[0] * moved.shape[1], (len(made) - LAG) * made.shape[1])
    samples = [
        evenly(
            torch.cat([part[:-LAG].double(), (part[LAG:].double() - part[:-LAG].double()) / spread], -1).flatten(0, 1), count
        )
        for part in (true, made)
    ]
    return float(energy(samples[0][None], samples[1][None]))
