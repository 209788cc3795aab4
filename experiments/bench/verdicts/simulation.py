"""Simulated studies with a known truth, and what the report says of them.

A study is a task with several headlines, one model, teacher forcing and other regimes, and some seeds. Taken through the whole
report, each run is a record in a store, as the runner writes it; the report's own code reads them, compares the regimes and
puts its findings into words, and the words are read from its sentences. That takes a second a study, so rates come from many
more studies by the same test, correction and verdicts alone, and the two are held against each other word by word.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import bdtr

from freerun.analysis.figures import Material
from freerun.analysis.inference.change_interval import Changes, two_levels
from freerun.analysis.inference.confidence_intervals import FEWEST
from freerun.analysis.inference.multiple_comparisons import corrected
from freerun.analysis.inference.paired_differences import sign_flips
from freerun.analysis.inference.simultaneous import judged
from freerun.analysis.report import task_findings
from freerun.analysis.report.summary_table import full
from freerun.analysis.report.verdicts import comparisons
from freerun.analysis.tables import tidy
from freerun.store.quantity import FROM_0, SHARE, Quantity
from freerun.store.records import Store

HEADLINES, REGIMES = 4, ("teacher_forcing", "scheduled_sampling", "free_running")
#: Teacher forcing is compared with each other regime by each headline: the family.
FAMILY = HEADLINES * (len(REGIMES) - 1)
#: Why a run has no result: it diverged, or was never asked for.
LOST, NOT_RUN = 1, 2
_SENTENCE = re.compile(
    r"^(.+?) against teacher forcing, Measure (\d) free: (better|worse|equivalent|not distinguished|no verdict) for GRU \("
)


@dataclass(frozen=True, kw_only=True)
class Seeds:
    """How the errors of seeds are drawn.

    Attributes:
        ratio: whether the measure is on a ratio scale.
        draw: errors of a shape, from a generator, with (True) or without the effect.
        change: the true change that the effect is: a factor for a ratio, else a difference.
        share: whether the measure lies between 0 and 1.
        missing: of errors ``[studies regimes seeds headlines]``, which runs have no result: `LOST` or `NOT_RUN`, else 0,
            ``[studies regimes seeds]``; None where all have one.
        shared: standard deviation of what a seed adds to every regime alike.
    """

    ratio: bool
    draw: Callable[[np.random.Generator, tuple[int, ...], bool], np.ndarray]
    change: float
    share: bool = False
    missing: Callable[[np.random.Generator, np.ndarray], np.ndarray] | None = None
    shared: float = 0.0


def _by_chance(chance: np.random.Generator, levels: np.ndarray) -> np.ndarray:
    return np.where(chance.random(levels.shape[:3]) < 0.2, LOST, 0)


def _where_worst(chance: np.random.Generator, levels: np.ndarray) -> np.ndarray:
    """Every regime but the first diverges in a third of the seeds: in those where it does worst."""
    rank = levels.mean(axis=3).argsort(axis=2).argsort(axis=2)
    gone = np.where(rank >= levels.shape[2] - max(1, levels.shape[2] // 3), LOST, 0)
    gone[:, 0] = 0
    return gone


def _unequal(chance: np.random.Generator, levels: np.ndarray) -> np.ndarray:
    """The last regime was run with half of the seeds."""
    gone = np.zeros(levels.shape[:3], dtype=int)
    gone[:, -1, (levels.shape[2] + 1) // 2 :] = NOT_RUN
    return gone


def _lognormal(chance: np.random.Generator, shape: tuple[int, ...], effect: bool) -> np.ndarray:
    return np.exp(0.5 * chance.normal(size=shape)) * (1.5 if effect else 1.0)


def _of_one_run(chance: np.random.Generator, shape: tuple[int, ...], effect: bool) -> np.ndarray:
    """A run that does badly by one headline does badly by the others."""
    shared = np.exp(0.5 * chance.normal(size=(*shape[:-1], 1)))
    return shared * np.exp(0.1 * chance.normal(size=shape)) * (1.5 if effect else 1.0)


def _outliers(chance: np.random.Generator, shape: tuple[int, ...], effect: bool) -> np.ndarray:
    wild = np.where(chance.random(shape) < 0.1, 10.0, 1.0)
    return np.exp(0.2 * chance.normal(size=shape)) * wild * (1.5 if effect else 1.0)


def _two_levels(chance: np.random.Generator, shape: tuple[int, ...], effect: bool) -> np.ndarray:
    """A seed learns nearly all or stays at chance, and either scatters a little."""
    learned = chance.random(shape) < (0.8 if effect else 0.5)
    return np.clip(np.where(learned, 0.98, 0.25) + 0.01 * chance.normal(size=shape), 0, 1)


#: Runs of one seed share no chance, but for what is `shared`: pairing can then only help less than it does.
KINDS = {
    "normal": Seeds(ratio=False, draw=lambda c, shape, effect: 10 + c.normal(size=shape) + 1.0 * effect, change=1.0),
    "lognormal": Seeds(ratio=True, draw=_lognormal, change=1.5),
    "bounded": Seeds(
        ratio=False, draw=lambda c, shape, effect: c.beta(1.0 if effect else 0.5, 0.5, size=shape), change=1 / 6, share=True
    ),
    "tied": Seeds(
        ratio=False,
        draw=lambda c, shape, effect: c.binomial(16, 0.7 if effect else 0.5, size=shape) / 16,
        change=0.2,
        share=True,
    ),
    "outliers": Seeds(ratio=True, draw=_outliers, change=1.5),
    "learned": Seeds(
        ratio=False,
        draw=lambda c, shape, effect: c.binomial(1, 0.8 if effect else 0.5, shape).astype(float),
        change=0.3,
        share=True,
    ),
    "nearly all": Seeds(
        ratio=False,
        draw=lambda c, shape, effect: c.binomial(1, 0.98 if effect else 0.9, shape).astype(float),
        change=0.08,
        share=True,
    ),
    "lost by chance": Seeds(ratio=True, draw=_lognormal, change=1.5, missing=_by_chance),
    "lost where worst": Seeds(ratio=True, draw=_of_one_run, change=1.5, missing=_where_worst),
    "unequal": Seeds(ratio=True, draw=_lognormal, change=1.5, missing=_unequal),
    "margin": Seeds(
        ratio=True, draw=lambda c, shape, effect: np.exp(0.03 * c.normal(size=shape)) * (1.05 if effect else 1.0), change=1.05
    ),
    "margin of a share": Seeds(
        ratio=False, draw=lambda c, shape, effect: 1 + 0.002 * c.normal(size=shape) + 0.05 * effect, change=0.05, shared=0.3
    ),
    "two levels": Seeds(ratio=False, draw=_two_levels, change=0.219, share=True),
}


def drawn(kind: Seeds, seeds: int, effect: bool, studies: int, chance: np.random.Generator) -> np.ndarray:
    """The free errors of some studies: ``[studies regimes seeds headlines]``.

    Args:
        effect: whether regimes other than teacher forcing differ from it.
    """
    shape = (studies, seeds, HEADLINES)
    levels = np.stack([kind.draw(chance, shape, effect and regime > 0) for regime in range(len(REGIMES))], axis=1)
    return levels + kind.shared * chance.normal(size=(studies, 1, seeds, HEADLINES)) if kind.shared else levels


def quantity(kind: Seeds, number: int) -> Quantity:
    """What a headline of a simulated study means."""
    return Quantity(
        name=f"measure_{number}", label=f"Measure {number}", unit="share" if kind.share else "u", better="lower",
        range=SHARE if kind.share else FROM_0, floor=0.0, scale="ratio" if kind.ratio else "difference", part="headline",
    )  # fmt: skip


def verdicts(kind: Seeds, levels: np.ndarray, missing: np.ndarray) -> pd.DataFrame:
    """The verdicts on some studies, each a family of its own, as `comparisons` comes to them.

    Args:
        levels: as from `drawn`.
        missing: as `Seeds.missing` has it.

    Returns:
        A row for each study, regime but the first, and headline: the columns of `simultaneous.judged`, and `study`.
    """
    studies, values = len(levels), np.log(levels) if kind.ratio else levels
    pairs = (missing[:, 1:] == 0) & (missing[:, :1] == 0)
    n = np.repeat(pairs.sum(axis=2)[..., None], HEADLINES, axis=2)
    known = np.where(n >= FEWEST, n, np.nan)

    def mean_of(numbers: np.ndarray) -> np.ndarray:
        total: np.ndarray = np.where(pairs[..., None], numbers, 0.0).sum(axis=2)
        return total / np.maximum(n, 1)

    change = values[:, 1:] - values[:, :1]
    mean = mean_of(change)
    sd = np.sqrt(mean_of((change - mean[:, :, None]) ** 2) * n / np.maximum(n - 1, 1))
    error, freedom, first = sd / np.sqrt(known), known - 1, mean_of(levels[:, :1])
    measures = [quantity(kind, number) for number in range(HEADLINES)] * (studies * (len(REGIMES) - 1))
    ended = (levels == 0) | (levels == 1)
    at_ends = kind.share & ((ended[:, 1:] & ended[:, :1]) | ~pairs[..., None]).all(axis=2)
    up, down = ((sign * change > 0) & pairs[..., None] for sign in (1, -1))
    signs = _p_of_heads(up.sum(axis=2), down.sum(axis=2))  # what flipping all signs gives where a difference is -1, 0 or 1
    in_two, flat = np.zeros(mean.size, dtype=bool), signs.ravel()
    if not kind.ratio:
        sides = (np.where(pairs[..., None], each, np.nan) for each in (levels[:, 1:], levels[:, :1]))
        other, one = (np.moveaxis(side, 2, -1).reshape(mean.size, -1) for side in sides)
        in_two = np.array([two_levels(*pair) for pair in zip(other, one, strict=True)])
        rest = np.flatnonzero(in_two & ~at_ends.ravel())
        flat[rest] = sign_flips(list(other[rest] - one[rest]))
        signs = flat.reshape(signs.shape)
    changes = Changes(
        mean=mean.ravel(), error=error.ravel(), freedom=freedom.ravel(), n=n.ravel(), ratio=np.full(mean.size, kind.ratio),
        at_ends=at_ends.ravel(), in_two=in_two, p_signs=signs.ravel(), measures=measures,
    )  # fmt: skip
    ends = {"mean": mean, **{end: bound.reshape(mean.shape) for end, bound in changes.interval().items()}}
    columns = {**({name: np.exp(each) for name, each in ends.items()} if kind.ratio else ends), "sd": sd, "error": error}
    columns |= {
        "at_ends": at_ends,
        "in_two": in_two.reshape(mean.shape),
        "baseline_mean": first,
        "baseline_error": np.sqrt(mean_of((levels[:, :1] - first[:, :, None]) ** 2) / np.maximum(n - 1, 1)),
        "covariance": mean_of((levels[:, :1] - first[:, :, None]) * (levels[:, 1:] - levels[:, :1])) / np.maximum(n - 1, 1),
        "p": changes.p().reshape(mean.shape),
        "p_signs": signs,
        "n": n,
        "freedom": freedom,
    }
    gone, kept = (missing == LOST), (missing == 0)
    for name, alone in (("lost", gone[:, 1:] & kept[:, :1]), ("first_lost", gone[:, :1] & kept[:, 1:])):
        ran = (missing[:, 1:] != NOT_RUN).sum(axis=2)
        columns[name] = np.repeat((alone.sum(axis=2) / ran)[..., None], HEADLINES, axis=2)
    table = pd.DataFrame({name: each.ravel() for name, each in columns.items()})
    study = np.repeat(np.arange(studies), FAMILY)
    table = table.assign(study=study, ratio=kind.ratio, better="lower", paired=True)
    return judged(corrected(table, ["study"]), measures)


def _p_of_heads(heads: np.ndarray, tails: np.ndarray) -> np.ndarray:
    """The two-sided p-value of a fair coin."""
    p: np.ndarray = np.minimum(1.0, 2 * bdtr(np.minimum(heads, tails), heads + tails, 0.5))
    return p


def study(store: Store, kind: Seeds, levels: np.ndarray, missing: np.ndarray, first: int) -> list[str]:
    """Write the records of a study; returns the identities of its runs, which count from `first`.

    Args:
        levels: ``[regimes seeds headlines]``.
        missing: ``[regimes seeds]``.
    """
    meant = {f"measure_{k}": quantity(kind, k).written() for k in range(HEADLINES)}
    ids = []
    for place, regime in enumerate(REGIMES):
        for seed, errors in enumerate(levels[place]):
            if missing[place, seed] != NOT_RUN:
                run = f"{first + len(ids):016x}"
                record = _record(run, regime, seed, errors, meant)
                store.write({**record, **_DIVERGED} if missing[place, seed] == LOST else record, None)
                ids.append(run)
    return ids


_DIVERGED = {"status": "diverged", "reason": "loss not finite at update 1", "series": [], "quantities": {}}


def _record(run: str, regime: str, seed: int, levels: np.ndarray, meant: dict[str, Any]) -> dict[str, Any]:
    series = [
        {"split": "test", "mode": mode, "metric": f"measure_{k}", "unit": meant[f"measure_{k}"]["unit"], "first": 1,
         "values": [float(level) * (0.5 if mode == "forced" else 1.0)] * 2}
        for mode in ("forced", "free") for k, level in enumerate(levels)
    ]  # fmt: skip
    experiment = {
        "task": {"name": "simulated", "length": 2}, "model": {"name": "gru", "hidden": 8}, "regime": {"name": regime},
        "feedback": {"name": "mean"}, "objective": {"name": "squared_error"}, "gradient": "through",
        "training": {"updates": 1, "lr": 0.003, "clip": None}, "evaluation": {"warmup": 1, "horizon": 2}, "seed": seed,
        "device": "cpu", "dtype": "float32",
    }  # fmt: skip
    provenance = {
        "versions": {"python": "3", "freerun": "0", "torch": "2", "numpy": "2"}, "commit": "", "machine": "", "device": "cpu",
        "threads": 1, "data": f"{seed:064d}", "group_size": 1, "training_seconds": 0.0, "evaluation_seconds": 0.0,
        "updates_per_second": 1.0,
    }  # fmt: skip
    return {
        "run": run, "experiment": experiment, "status": "done", "reason": "", "curves": [], "series": series, "comparisons": [],
        "quantities": meant, "sample": None, "provenance": provenance,
    }  # fmt: skip


def told(store: Store, ids: list[str]) -> list[str]:
    """The words of the report on a study, read from its sentences: one for each regime and headline, in their order."""
    material = Material.of(tidy.frames(store, ids, "simulated"), {})
    (task,) = task_findings.by_task(material, full(material), comparisons(material))
    return [found.group(3) for point in task["points"] if (found := _SENTENCE.match(point))]


def contradictions(rows: pd.DataFrame) -> int:
    """How many comparisons have a word that the interval beside it does not bear out."""
    none = rows["ratio"].astype(float)
    excluded = (rows["low"] > none) | (rows["high"] < none)
    surely = rows["verdict"].isin(["better", "worse"])
    open_ = rows["verdict"] == "not distinguished"
    margin = rows["margin"].astype(float)
    least = np.where(rows["ratio"], 1 / margin, -margin)
    inside = (rows["low"] >= least) & (rows["high"] <= margin)
    wrong = (surely & ~excluded) | (open_ & excluded) | ((rows["verdict"] == "equivalent") & ~inside)
    return int(wrong.sum())


def simulate(folder: Path, name: str, seeds: int, effect: bool, studies: int, whole: int) -> dict[str, Any]:
    """Some studies of one kind, and how often the report is wrong about them.

    Args:
        folder: of the stores of those that go through the whole report.
        studies: how many there are.
        whole: how many of them, the first, go through the whole report.

    Returns:
        kind, n, case, studies; `false_verdict`: the share of studies with a false word (without an effect: better or worse;
        with one: better, since all errors are larger, or equivalent, since none is within the margin); `found`: the share of
        comparisons that are called worse; `coverage`: the share of single 95 % intervals, where there are some, that hold the
        true change of the runs that have a result; `beside_words`: that of the intervals beside the words; `contradictions`:
        words that the interval beside them does not bear out; `whole`: studies that went through the whole report, and
        `agree`: those of them whose sentences say the same words.
    """
    kind = KINDS[name]
    chance = np.random.default_rng([list(KINDS).index(name), seeds, int(effect)])
    levels = drawn(kind, seeds, effect, studies, chance)
    missing = kind.missing(chance, levels) if kind.missing else np.zeros(levels.shape[:3], dtype=int)
    rows = verdicts(kind, levels, missing)
    true = kind.change if effect else float(kind.ratio)
    # every effect is larger than the margin, or as large
    wrong = ["better", "equivalent"] if effect else ["better", "worse"]
    words = rows.groupby("study")["verdict"].agg(list)
    known = rows[rows["low"].notna()]
    store, agree = Store(folder / f"{name}_{seeds}_{effect}"), 0
    for number in range(whole):
        ids = study(store, kind, levels[number], missing[number], number * len(REGIMES) * seeds)
        agree += told(store, ids) == words[number]
    return {
        "kind": name, "n": seeds, "case": "effect" if effect else "null", "studies": studies,
        "false_verdict": float(rows["verdict"].isin(wrong).groupby(rows["study"]).any().mean()),
        "found": float((rows["verdict"] == "worse").mean()),
        "coverage": float(((known["own_low"] <= true) & (known["own_high"] >= true)).mean()),
        "beside_words": float(((known["low"] <= true) & (known["high"] >= true)).mean()),
        "contradictions": contradictions(rows), "whole": whole, "agree": agree,
    }  # fmt: skip
