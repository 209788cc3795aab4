"""Laws of a run: it is a function of its own settings, whoever trains beside it."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jaxtyping
import numpy as np

from freerun.config.hydra.compose import experiments
from freerun.config.run_identity import canonical, identity
from freerun.execution.group_runner import run_group
from freerun.execution.grouping import groups
from freerun.execution.planned_run import Planned, plan
from freerun.store.records import Store

TINY = ["training.updates=4", "training.batch=3", "training.log_every=2", "evaluation.sequences=5", "evaluation.horizon=7"]
WORLDS = {
    "symbols": [*TINY, "task=hidden_markov", "task.sequences=20", "task.length=12"],
    "values": [*TINY, "task=lorenz63", "task.sequences=20", "task.length=12", "evaluation.warmup=3"],
    "field": [*TINY, "task=advection", "task.length=12", "task.points=6", "task.modes=2", "model=stencil"],
    "summary": [
        *TINY[:-1], "task=adding", "task.sequences=20", "task.length=12", "model=sequence_to_one", "feedback=none",
    ],
}  # fmt: skip


@dataclass
class Result:
    """What a run left behind, without what it cost."""

    record: dict[str, Any]
    weights: dict[str, np.ndarray]

    @property
    def science(self) -> dict[str, Any]:
        return {key: self.record[key] for key in ("status", "reason", "curves", "series", "sample")}

    def differs(self, other: Result) -> str:
        """The first thing in which two runs differ, bit for bit; "" for nothing."""
        for name, value in self.weights.items():
            if value.tobytes() != other.weights[name].tobytes():
                return f"weights {name}, by {np.abs(value - other.weights[name]).max():.1e}"
        return next((key for key, value in self.science.items() if value != other.science[key]), "")


class Engine:
    """The real engine: settings in, results out. A broken one overrides `train`."""

    def __call__(self, runs: list[Planned], limit: int = 64) -> list[Result]:
        with tempfile.TemporaryDirectory() as folder:
            store = Store(Path(folder))
            store.open()
            for group in groups(runs, limit):
                self.train(group, store)
            return [Result(store.read(run.id), store.weights(run.id)) for run in runs]

    def train(self, group: list[Planned], store: Store) -> None:
        run_group(group, store, lambda *_: None)


def planned(world: str, *choices: str) -> list[Planned]:
    """The runs of one or several lists of overrides, separated by spaces."""
    return plan([e for each in choices or ("",) for e in experiments([*WORLDS[world], *each.split()], sweep=True)])


@contextmanager
def unchecked() -> Iterator[None]:
    """Shapes are not checked, which takes longer than all else; for what other laws run with the same shapes."""
    before = jaxtyping.config.jaxtyping_disable
    jaxtyping.config.update("jaxtyping_disable", True)
    try:
        yield
    finally:
        jaxtyping.config.update("jaxtyping_disable", before)


def law_alone_and_in_a_group_are_the_same(engine: Engine, runs: list[Planned]) -> None:
    """Bit for bit: weights, curves, series and samples; in groups of two, where sums may go another way, and in whole ones."""
    with unchecked():
        alone = engine(runs, 1)
        for limit in (2, 64):
            for run, a, b in zip(runs, alone, engine(runs, limit), strict=True):
                case = f"{run.label} {run.experiment.regime} seed {run.experiment.seed}, in groups of at most {limit}"
                assert not a.differs(b), f"{case}: {a.differs(b)}"


def law_regimes_share_their_chance(engine: Engine) -> None:
    """One seed, two regimes: equal initial weights, equal order and coins, so equal first losses where the feed is equal."""
    shared = "model.hidden=3 regime=scheduled_sampling regime.schedule=linear regime.start=1.0 regime.k="
    runs = planned(
        "symbols", "training.updates=0 regime=teacher_forcing,free_running,scheduled_sampling model.hidden=3 seed=0,2"
    )
    weights = [result.weights for result in engine(runs)]
    for name in weights[0]:
        by_seed = {(r.experiment.seed, w[name].tobytes()) for r, w in zip(runs, weights, strict=True)}
        assert len(by_seed) == 2, f"initial {name} depends on more than the seed"
    losses = {}
    runs = planned("symbols", f"{shared}0.001,0.9")
    for run, result in zip(runs, engine(runs, 1), strict=True):
        losses[run.id] = [p["value"] for p in result.record["curves"] if (p["quantity"], p["update"]) == ("loss", 0)]
    assert len({tuple(value) for value in losses.values()}) == 1, f"the first batch depends on the regime's schedule: {losses}"


def law_the_ends_are_the_other_regimes(engine: Engine, world: str, model: str) -> None:
    """Forcing probability 1 and 0 leave the bits of teacher forcing and free running, through the real engine."""
    model, schedules = f"{model} evaluation.orbit=0", ("constant", "linear", "inverse_sigmoid")
    for end, name in ((1.0, "teacher_forcing"), (0.0, "free_running")):
        settings = f"regime=scheduled_sampling regime.start={end} regime.end={end} regime.schedule={','.join(schedules)}"
        plain, *scheduled = engine(planned(world, f"{model} regime={name}", f"{model} {settings}"))
        for schedule, each in zip(schedules, scheduled, strict=True):
            assert not each.differs(plain), f"{schedule} at {end} is not {name}: {each.differs(plain)}"


def law_a_diverging_run_is_recorded_and_alone(engine: Engine, world: str) -> None:
    """It is marked with update and quantity; its neighbours keep every bit, and every record can be written."""
    healthy, broken = (
        "model.hidden=3 regime=free_running evaluation.orbit=0 seed=0,1,2",
        "model.hidden=3 regime=free_running evaluation.orbit=0 seed=1 training.lr=1e38 training.clip=null",
    )
    runs = planned(world, healthy, broken)
    *beside, lost = engine(runs)
    assert lost.record["status"] == "diverged", f"a run with a learning rate of 1e38 is {lost.record['status']}"
    reason = lost.record["reason"]
    assert re.fullmatch(r"(loss|gradient) not finite at update [123]", reason), f"the reason is {reason!r}"
    assert lost.record["series"] == [], "a diverged run has results"
    for a, b in zip(beside, engine(runs[:-1]), strict=True):
        assert a.record["status"] == "done", "a neighbour of a diverging run is not done"
        assert not a.differs(b), f"a neighbour noticed that a run diverged: {a.differs(b)}"


def law_looking_changes_nothing(engine: Engine) -> None:
    """Logging and evaluating more, or less, leaves the weights as they are, and the schedule where it was."""
    base = "model.hidden=3 regime=scheduled_sampling training.updates=6"
    many, few = engine(
        planned("symbols", f"{base} training.log_every=1", f"{base} training.log_every=50 evaluation.sequences=2")
    )
    for name, value in many.weights.items():
        assert value.tobytes() == few.weights[name].tobytes(), f"logging every update changes {name}"
    for curve in ("forcing_probability", "loss"):
        seen = [{p["update"]: p["value"] for p in x.record["curves"] if p["quantity"] == curve} for x in (many, few)]
        assert len(seen[0]) == 6, f"{curve} logged at {sorted(seen[0])}"
        assert seen[0].items() >= seen[1].items(), f"logging every update changes {curve}"


def law_silence_has_no_exposure_gap(engine: Engine) -> None:
    for regime in ("teacher_forcing", "free_running"):
        (result,) = engine(planned("symbols", f"model=hidden_recurrent model.hidden=3 feedback=none regime={regime}"))
        series = {(s["split"], s["mode"], s["metric"]): s["values"] for s in result.record["series"]}
        assert series, "nothing was measured"
        for (split, mode, metric), values in series.items():
            assert values == series[split, "forced", metric], f"feedback=none has a gap in {metric} on {split} ({mode})"


def law_what_is_deaf_has_no_exposure_gap(engine: Engine, world: str, regimes: Iterable[str]) -> None:
    """One run under every regime, to the bit, and what it says is worth the same forced and free."""
    words = f"model=direct model.hidden=3 evaluation.metrics=[loss] regime={','.join(regimes)}"
    first, *others = engine(planned(world, words))
    for result in (first, *others):
        series = {(s["split"], s["mode"]): s["values"] for s in result.record["series"]}
        assert series, "nothing was measured"
        for (split, mode), values in series.items():
            assert values == series[split, "forced"], f"model=direct has a gap in the loss on {split} ({mode})"
        curves = {(p["quantity"], p["update"]): p["value"] for p in result.record["curves"]}
        for (quantity, update), value in curves.items():
            assert value == curves[quantity.replace("free", "forced"), update], f"{quantity} is not the forced one"
        for name, value in result.weights.items():
            assert value.tobytes() == first.weights[name].tobytes(), f"{name} depends on the regime"


def law_the_table_is_whole(engine: Engine, world: str) -> None:
    """{forced, free} x {train, test}, the same metrics and steps in each."""
    for result in engine(planned(world, "regime=teacher_forcing,free_running")):
        kinds: dict[tuple[str, str], set] = {}
        for s in result.record["series"]:
            kinds.setdefault((s["split"], s["mode"]), set()).add((s["metric"], s["unit"], s["first"], len(s["values"])))
        assert set(kinds) == {(a, b) for a in ("train", "test") for b in ("forced", "free")}, f"measured {sorted(kinds)}"
        assert len({frozenset(found) for found in kinds.values()}) == 1, "the four quarters hold different measures"


_PRINT = """
import json, sys
from freerun.config.hydra.compose import experiments
from freerun.config.run_identity import canonical, identity
print(json.dumps([identity(canonical(e)) for e in experiments(json.loads(sys.argv[1]), sweep=True)]))
"""


@dataclass
class Identities:
    """How identities are made: here, and by a program in another process."""

    program: str = _PRINT
    here: Any = field(default=staticmethod(lambda e: identity(canonical(e))))

    def elsewhere(self, overrides: Iterable[str], hash_seed: str) -> list[str]:
        environment = {"PYTHONHASHSEED": hash_seed, "PYTHONPATH": ":".join(sys.path), "PATH": "/usr/bin:/bin"}
        words = [sys.executable, "-c", self.program, json.dumps(list(overrides))]
        return json.loads(
            subprocess.run(words, env=environment, capture_output=True, text=True, check=True, timeout=120).stdout
        )


def law_identity_is_the_same_everywhere(ids: Identities) -> None:
    overrides = [*WORLDS["symbols"], "model=gru,hidden_recurrent", "regime=scheduled_sampling", "seed=0,1"]
    mine = [ids.here(e) for e in experiments(overrides, sweep=True)]
    assert len(set(mine)) == 4
    for hash_seed in ("0", "1"):
        assert ids.elsewhere(overrides, hash_seed) == mine, f"another process (hash seed {hash_seed}) has other identities"


def law_identity_knows_every_setting(ids: Identities) -> None:
    base = experiments(WORLDS["symbols"], sweep=False)[0]
    seen = {ids.here(base): "nothing changed", plan([base])[0].id: "nothing changed"}
    for change in CHANGES:
        (other,) = experiments([*WORLDS["symbols"], *change.split()], sweep=False)
        name = ids.here(other)
        if change.startswith("evaluation.") and "warmup" not in change:  # another measurement of the same run
            assert name == ids.here(base), f"{change}: another run, where another measurement would do"
            name = plan([other])[0].id
        assert name not in seen, f"{change}: the same identity as {seen[name]}"
        seen[name] = change


#: One change of every setting that the base experiment has, and of every choice.
CHANGES = [
    "seed=1", "seed=1099511627776", "seed=-1", "dtype=float64", "feedback=straight_through",
    "feedback=straight_through regime=free_running gradient=stop", "feedback=argmax",
    "feedback=straight_through regime=free_running gradient=every_2",
    "model.hidden=63", "model=hidden_recurrent", "regime=free_running", "regime=scheduled_sampling",
    "regime=scheduled_sampling regime.schedule=constant", "regime=scheduled_sampling regime.start=0.9",
    "regime=scheduled_sampling regime.end=0.1", "regime=scheduled_sampling regime.span=0.7",
    "regime=scheduled_sampling regime.k=0.5", "regime=scheduled_sampling regime.coin=sequence",
    "regime=scheduled_sampling regime.coin=epoch regime.epoch=2", "regime=scheduled_sampling regime.coin=epoch regime.epoch=3",
    "objective=exact_expert", "objective=exact_expert objective.divergence=reverse",
    "objective=exact_expert objective.divergence=jensen_shannon",
    "objective=exact_expert objective.divergence=jensen_shannon objective.beta=0.1",
    "task.states=4", "task.alphabet_size=5", "task.stay=0.6",
    "task.concentration=0.4", "task.world=1", "task.sequences=21", "task.length=13", "training.updates=5", "training.batch=4",
    "training.lr=0.004", "training.decay=constant", "training.optimizer=adamw", "training.weight_decay=0.1",
    "training.decay=step training.decay_every=2", "training.decay=step training.decay_every=2 training.decay_factor=0.5",
    "training.decay=step training.decay_every=3", "training.decay=plateau", "training.decay=plateau training.decay_factor=0.5",
    "training.decay=plateau training.decay_patience=2", "training.decay=plateau training.decay_threshold=0.01",
    "training.patience=3", "training.patience=3 training.patience_threshold=0.01",
    "training.patience=4", "training.patience=3 training.watch=loss",
    "training.patience=3 training.watch=validation_forced_loss", "training.optimizer=sgd",
    "training.optimizer=sgd training.momentum=0.9",
    "training.clip=2.0", "training.clip=null",
    "training.truncate=3", "training.log_every=3", "evaluation.warmup=3", "evaluation.horizon=6",
    "evaluation.sequences=6",
]  # fmt: skip
