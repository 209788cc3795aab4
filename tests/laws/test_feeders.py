"""A new way of feeding, written here alone, runs through the whole engine; and what a feeder may not do is refused."""

from __future__ import annotations

import inspect
import math
import re
from dataclasses import dataclass, replace
from typing import Any

import pytest
import torch

from freerun.config.evaluation_settings import Evaluation
from freerun.config.experiment import Experiment
from freerun.config.training_settings import Training
from freerun.engine import feeding, group_batch, rollout, training
from freerun.engine.feeding import Lessons
from freerun.engine.replicas import Group
from freerun.errors import ConfigError
from freerun.execution import group_runner, grouping, resume
from freerun.execution.grouping import groups
from freerun.execution.planned_run import plan
from freerun.laws.register import of
from freerun.laws.toolkit import CLOSE, gap
from freerun.parts import objectives, registry
from freerun.parts.feeders import Feed, Feeder, Kept, Memory, Number
from freerun.parts.models.gru import GRU
from freerun.parts.objectives.pushforward import Pushforward
from freerun.parts.regimes import Regime
from freerun.parts.regimes.free_running import FreeRunning
from freerun.parts.regimes.teacher_forcing import TeacherForcing
from freerun.parts.tasks.hidden_markov import HiddenMarkov
from freerun.parts.tasks.lorenz63 import Lorenz63
from freerun.store.records import Store
from laws.runs import Engine, law_alone_and_in_a_group_are_the_same, unchecked
from reliability import resume as kit
from tiers import tiered


@dataclass(frozen=True)
class Peers(Feeder):
    """Truth and a peer's rollout take turns by sequence; the peer is the mean of the weights so far, its values shaken."""

    def kept(self, update, sizes):
        tensors = {"peer": (sizes.weights,)} if update else {}
        return Kept(tensors=tensors, numbers={"seen": Number(start=0.0, least=0.0, most=sizes.updates)})

    def remember(self, batch, memory):
        seen = [count + 1 for count in memory.numbers["seen"]]
        now = batch.weights()
        peer = memory.tensors.get("peer", now)
        share = now.new_tensor([1 / count for count in seen])[:, None]
        return Memory(tensors={"peer": peer + share * (now - peer)}, numbers={"seen": seen})

    def feed(self, batch, memory):
        mask = torch.stack([run.regime.turns(batch.truth[..., 0, :, 0], batch.update) for run in batch.runs], 1)
        with torch.no_grad():
            free = torch.zeros_like(mask)
            free[: batch.warmup] = 1
            _, fed = batch.roll(mask=free, weights=memory.tensors.get("peer"))
            if not batch.symbols:
                fed = fed + self.regime.shake * batch.normals("shake", batch.steps, batch.count, fed.shape[-1])
        return Feed(mask=mask, truth=torch.where(mask[..., None] == 1, batch.truth, fed), beforehand=True)


@dataclass(kw_only=True)
class TakesTurns(Regime):
    """Every other sequence is fed the truth."""

    shake: float = 0.01

    def feeder(self):
        return Peers(self)

    def turns(self, like, update):
        turn = (torch.arange(like.shape[1], device=like.device) + update) % 2 == 0
        return turn.to(like.dtype).expand_as(like)

    def mask(self, coins, update, updates):
        return self.turns(coins, update)

    def probability(self, update, updates):
        return 0.5


UPDATES = 9
WORLDS = {
    "values": Lorenz63(sequences=20, length=12, transient=1.0),
    "symbols": HiddenMarkov(sequences=20, length=12),
}


@pytest.fixture(autouse=True)
def known(monkeypatch):
    """The regime is known by a name, as that of a plugin is."""
    monkeypatch.setattr(registry, "plugin_parts", {**registry.plugin_parts, "regime": {"takes_turns": TakesTurns}})


def experiment(world="values", regime=None, **settings):
    """A run that is short; that it is beside itself as in training is measured too."""
    warmup = 3 if world == "values" else None
    return Experiment(
        task=WORLDS[world], model=GRU(hidden=4), regime=regime or TakesTurns(),
        training=Training(updates=UPDATES, batch=3, lr=0.05, log_every=1),
        evaluation=Evaluation(sequences=5, warmup=warmup, horizon=7, orbit=0, distances=True), **settings,
    )  # fmt: skip


def group_of(*experiments):
    return Group(list(experiments), {e.seed: e.task.build(e.seed, 12) for e in experiments})


@dataclass(frozen=True)
class Killed:
    """Three runs, and how they are killed (`reliability.resume.Case`)."""

    world: str
    every: int
    seed: int = 3

    def runs(self):
        return plan([experiment(self.world, seed=seed) for seed in range(3)])


# --- a new way of feeding ---


@pytest.mark.parametrize("law", of("regime"), ids=lambda law: law.name)
def test_it_keeps_the_laws_of_a_regime(law):
    with unchecked():
        if law.applies(TakesTurns()):
            law(TakesTurns())


@pytest.mark.parametrize("world", WORLDS)
def test_it_has_the_same_bits_alone_and_in_a_group(world):
    runs = plan([experiment(world, seed=seed) for seed in range(3)] + [experiment(world, FreeRunning())])
    law_alone_and_in_a_group_are_the_same(Engine(), runs)


@pytest.mark.parametrize(("world", "every"), [("values", 1), ("symbols", 2)])
def test_killed_and_resumed_it_leaves_the_bits_of_a_run_that_nobody_disturbed(world, every, tmp_path):
    assert kit.check(Killed(world, every), tmp_path) > 0, "no run was resumed in the middle"


@pytest.mark.parametrize(
    ("world", "choices"),
    tiered(
        [
            ("symbols", "regime=scheduled_sampling regime.coin=epoch regime.epoch=4"),
            ("symbols", "regime=free_running objective=exact_expert objective.divergence=jensen_shannon"),
            ("values", "regime=scheduled_sampling objective=exact_expert gradient=stop"),
            ("symbols", "regime=free_running objective=distillation objective.labels=0.5 objective.teacher=TEACHER"),
        ],
        quick=lambda case: "coin=epoch" in case[1],
    ),
)
def test_a_coin_of_an_epoch_and_an_expert_are_what_they_were_after_a_kill(world, choices, tmp_path):
    case = kit.Case(world=world, choices=f"model=gru {choices}", seed=1, every=1)
    assert kit.check(case, tmp_path) > 0, "no run was resumed in the middle"


@pytest.mark.parametrize("what", ["tensors", "numbers"])
def test_what_it_remembers_moves_its_bits(what, tmp_path, monkeypatch):
    """The test above could not fail if the memory were of no effect."""
    runs, calm, rough = Killed("values", 2).runs(), Store(tmp_path / "calm"), Store(tmp_path / "rough")
    calm.open()
    kit.trained(runs, calm, 0)
    kit.killed(runs, rough)
    genuine = resume.Keeper.restore

    def forgetful(keeper, trainer):
        done, lessons = genuine(keeper, trainer), trainer.lessons
        if done and what == "tensors":
            lessons.memory = replace(lessons.memory, tensors={"peer": torch.zeros_like(lessons.memory.tensors["peer"])})
        if done and what == "numbers":
            lessons.memory = replace(lessons.memory, numbers={"seen": [0.0] * 3})
        return done

    monkeypatch.setattr(resume.Keeper, "restore", forgetful)
    kit.trained(runs, rough, 0)
    assert any(kit.left(calm, run.id) != kit.left(rough, run.id) for run in runs)


def test_it_feeds_what_it_says():
    """By the five-line textbook: the mean of the weights so far, rolled out free, where it is a sequence's turn."""
    group = group_of(experiment("symbols", dtype="float64"))
    lessons, flats = Lessons(group), []
    for update in range(4):
        flats.append(group.parameters.flat.clone())
        given = lessons.give(update, group.weights(), {})
        mean = group.parameters.named(flat=torch.stack(flats).mean(0))
        uniform = group.chance("samples", update, 12, 3)
        peer = group.roll(mean, given.sequences, group.release(12, 3), uniform).fed
        truth, _ = group.encoded(given.sequences)
        for b in range(3):
            wanted = truth if (b + update) % 2 == 0 else peer
            assert gap(given.fed[:, :, b], wanted[:, :, b]) < CLOSE
        group.parameters.flat += 0.1 * (update + 1)


def test_runs_of_other_settings_keep_to_themselves():
    each = [experiment(regime=TakesTurns(shake=shake), seed=seed) for shake in (0.01, 0.02) for seed in range(2)]
    pieces = groups(plan([*each, experiment(regime=FreeRunning())]), 64)
    found = sorted(sorted(repr(run.experiment.regime) for run in piece) for piece in pieces)
    assert found == sorted([["FreeRunning()"], *[[f"TakesTurns(shake={shake})"] * 2 for shake in (0.01, 0.02)]])


def test_an_objective_of_the_loop_is_refused():
    with pytest.raises(ConfigError, match="choose a regime that is a mask"):
        experiment(objective=Pushforward(), gradient="stop")


@pytest.mark.parametrize(
    "module", [feeding, group_batch, rollout, training, grouping, resume, group_runner, objectives], ids=lambda m: m.__name__
)
def test_nothing_on_the_way_knows_a_regime_or_a_feeder_by_name(module):
    regimes = registry.builtin_parts("regime")
    feeders = {type(cls().feeder()) for cls in regimes.values()}
    names = {cls.__name__ for cls in {*regimes.values(), *feeders}} | regimes.keys()
    code = re.sub(r'""".*?"""', "", inspect.getsource(module), flags=re.DOTALL)
    assert not {name for name in names if re.search(rf"\b{name}\b", code)}


# --- what a feeder may not do ---


@dataclass(kw_only=True)
class Given(TakesTurns):
    """Feeds by the feeder that it is given."""

    kind: Any = Peers

    def feeder(self):
        return self.kind(self)


def batch_of(lessons, weights=None):
    """The sequences of the first update."""
    group = lessons.group
    sequences = group.batch("train", {seed: torch.arange(3) for seed in group.seeds}, 12)
    return lessons.batch(0, weights or group.weights(), sequences, None, group.feedback)


@dataclass(kw_only=True)
class Feeds(TakesTurns):
    """Feeds what it is given."""

    what: str = ""

    def feeder(self):
        return Faulty(self)


@dataclass(frozen=True)
class Faulty(Feeder):
    def feed(self, batch, memory):
        like, what = torch.zeros_like(batch.truth), self.regime.what
        return {
            "a mask of 2": lambda: Feed(mask=like[..., 0] + 2),
            "a mask that is no number": lambda: Feed(mask=like[..., 0] * math.nan),
            "a mask for one run": lambda: Feed(mask=like[:, 0, :, 0]),
            "a mask of another type": lambda: Feed(mask=like[..., 0].double()),
            "a truth without its last step": lambda: Feed(truth=batch.truth[:-1]),
            "a truth of another type": lambda: Feed(truth=batch.truth.double()),
            "no truth in the warm-up": lambda: Feed(mask=like[..., 0], truth=like - 7),
        }[what]()


@pytest.mark.parametrize(
    ("what", "says"),
    [
        ("a mask of 2", "the mask of Feeds must lie in"),
        ("a mask that is no number", "the mask of Feeds must lie in"),
        ("a mask for one run", r"the mask of Faulty is torch.float32 \(12, 3\); it must be"),
        ("a mask of another type", "the mask of Faulty is torch.float64"),
        ("a truth without its last step", r"the truth of Faulty is torch.float32 \(11, 1, 3, 3\); it must be"),
        ("a truth of another type", "the truth of Faulty is torch.float64"),
    ],
)
def test_what_cannot_be_fed_is_refused_in_one_line(what, says):
    group = group_of(experiment(regime=Feeds(what=what)))
    with unchecked(), pytest.raises(ValueError, match=f"^{says}[^\n]*$"):
        Lessons(group).give(0, group.weights(), {})


def test_the_warmup_is_the_truth_whatever_is_fed():
    group = group_of(experiment(regime=Feeds(what="no truth in the warm-up")))
    given = Lessons(group).give(0, group.weights(), {})
    truth, _ = group.encoded(given.sequences)
    assert torch.equal(given.fed[:3], truth[:3])
    assert (given.mask[:3] == 1).all()
    assert (given.mask[3:] == 0).all()
    assert not torch.equal(given.fed[3:], truth[3:])


def test_runs_that_are_fed_in_two_ways_are_no_group():
    with pytest.raises(ValueError, match=r"must be fed in one way, got Peers.* train them in two groups$"):
        Lessons(group_of(experiment(), experiment(regime=TeacherForcing(), seed=1)))


@dataclass(frozen=True)
class Hides(Peers):
    """Remembers more than it says."""

    def kept(self, update, sizes):
        return replace(super().kept(update, sizes), tensors={})


@dataclass(frozen=True)
class Widens(Peers):
    """Remembers in another precision than it trains in."""

    def remember(self, batch, memory):
        found = super().remember(batch, memory)
        return replace(found, tensors={"peer": found.tensors["peer"].double()})


@dataclass(frozen=True)
class Counts(Peers):
    """Has one number for all runs."""

    def remember(self, batch, memory):
        return replace(super().remember(batch, memory), numbers={"seen": [1.0, 1.0]})


@pytest.mark.parametrize(
    ("feeder", "says"), [(Hides, "'peer': 'torch.float32"), (Widens, "'peer': 'torch.float64"), (Counts, "'seen': '2 numbers'")]
)
def test_a_memory_that_no_checkpoint_would_hold_is_refused(feeder, says):
    group = group_of(experiment(regime=Given(kind=feeder)))
    lessons = Lessons(group)
    with unchecked():
        lessons.memory = lessons.feeder.remember(batch_of(lessons), lessons.memory)
    with pytest.raises(ValueError, match=f"^{feeder.__name__} remembers .*{says}.* after 1 updates, it must be"):
        lessons.remembered(1)


def test_a_memory_that_no_checkpoint_would_hold_stops_a_run(tmp_path, monkeypatch):
    monkeypatch.setattr(TakesTurns, "feeder", lambda self: Hides(self))
    store = Store(tmp_path)
    store.open()
    with pytest.raises(ValueError, match=r"^Hides remembers .* after 2 updates"):
        kit.trained(plan([experiment()]), store, 2)


@dataclass(frozen=True)
class Echoes(Feeder):
    """What the model says of the truth is fed, with its gradient."""

    def feed(self, batch, memory):
        return Feed(truth=batch.roll()[0])


@pytest.mark.parametrize(("gradient", "cut"), [("through", 0), ("stop", 1), ("every 4", 4)])
def test_a_gradient_is_cut_where_the_experiment_says(gradient, cut):
    group = group_of(experiment(regime=Given(kind=Echoes), gradient=gradient))
    lessons, weights = Lessons(group), group.parameters.named(differentiable=True)
    fed = lessons.feed(batch_of(lessons, weights)).truth
    for t, each in enumerate(fed):
        whole = each.sum()
        flows = whole.requires_grad and any(
            bool(slope.any()) for slope in torch.autograd.grad(whole, list(weights.values()), retain_graph=True)
        )
        assert flows == (t >= group.warmup and not (cut and (t + 1) % cut == 0)), f"what is fed after step {t}"
