"""Studies that were drawn, not run: levels of several measures under two regimes, with what each measure declares."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pandas as pd

from freerun.analysis.figures import Material
from freerun.analysis.report.verdicts import comparisons, judged_sets
from freerun.analysis.tables.quantities import of_frames
from freerun.analysis.tables.tidy import Tables
from synthetic import simulated

#: Seeds, and the spread of their levels around the mean: a factor of 1.02.
SEEDS, SPREAD = 8, 0.02
#: Levels under either regime.
Pair = tuple[float, float]


def tables(
    levels: Mapping[str, tuple[float, float] | list[tuple[float, float]]], units: Mapping[str, str] | None = None
) -> Tables:
    """The tables of a study of teacher forcing and one other regime.

    Args:
        levels: by metric its free level under either, or such pairs, one a task; a comparison is of the whole rollout, as is a
            measure of one value.
        units: by metric, where it has one.
    """
    chance = np.random.default_rng(0)
    frames = []
    for name, pair in levels.items():
        noise = np.exp(SPREAD * chance.normal(size=(1, 2, SEEDS, 1)))
        free = np.array(pair).reshape(-1, 2)[:, :, None, None] * noise
        frames.append(simulated(free, forced=free / 2, metric=name, unit=(units or {}).get(name, "nats")))
    gaps = pd.concat([frame.gaps.astype({"metric": "str", "unit": "str"}) for frame in frames], ignore_index=True)
    gaps = gaps.astype(dict.fromkeys(("run", "study", "task", "model", "regime", "feedback", "gradient"), "category"))
    gaps = gaps.astype({"metric": "category", "unit": "category"})
    return replace(frames[0], gaps=gaps, quantities=of_frames([gaps]))


def judged_by(tables: Tables, headlines: tuple[str, ...] | None = None) -> Tables:
    """The same with other headlines than the measures declare themselves to be; None for those."""
    if headlines is None:
        return tables
    part = tables.quantities["metric"].isin(headlines).map({True: "headline", False: "companion"})
    return replace(tables, quantities=tables.quantities.assign(part=part))


def verdict(tables: Tables) -> str:
    """What the report says of the other regime against teacher forcing, over all headlines."""
    (said,) = judged_sets(comparisons(Material.of(tables, {})))["verdict"]
    return str(said)
