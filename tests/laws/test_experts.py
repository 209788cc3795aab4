"""Tests of the laws of objectives that ask an expert, and of what their experts say."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from freerun.config.experiment import Experiment
from freerun.config.hydra.compose import experiments
from freerun.config.run_identity import canonical, from_canonical, identity
from freerun.engine import experts
from freerun.engine.replicas import Group
from freerun.errors import ConfigError, given
from freerun.laws import experts as kit
from freerun.laws.register import of
from freerun.laws.toolkit import small, teacher_file, variants
from freerun.parts import registry
from freerun.parts.models.gru import GRU
from freerun.parts.objectives import Answer
from freerun.parts.objectives._divergence import Divergence
from freerun.parts.objectives.distillation import Distillation
from freerun.parts.objectives.exact_expert import ExactExpert, can_answer
from freerun.parts.tasks.hidden_markov import HiddenMarkov
from freerun.parts.tasks.markov import Markov
from freerun.store.records import Store, trained_run
from laws.broken import experts as broken

LAWS = of("objective", "experts")
ASKING = {name: part for name, part in variants("objective").items() if part.asks_the_world or part.teaches() is not None}
CAUGHT = [
    (kit.law_the_expert_is_the_optimum_under_every_regime, broken.ChargesTheLabel),
    (kit.law_the_expert_is_the_optimum_under_every_regime, broken.AStepLate),
    (kit.law_the_expert_is_the_optimum_under_every_regime, broken.ChargesOutside),
    (kit.law_the_expert_is_the_optimum_under_every_regime, broken.Tempered),
    (kit.law_the_teacher_hears_what_was_fed, broken.HearsTheLabelsTwice),
]


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.name)
@pytest.mark.parametrize("objective", ASKING.values(), ids=ASKING)
def test_law(law, objective):
    law(objective)


@pytest.mark.parametrize("labels", [0.0, 0.25])
@pytest.mark.parametrize("task", ["hidden_markov", "lorenz63"])
def test_a_teacher_of_any_world_is_heard(task, labels):
    objective = Distillation(teacher=teacher_file(task), labels=labels)
    for law in LAWS:
        law(objective)


@pytest.mark.parametrize(("law", "objective"), CAUGHT, ids=lambda x: x.__name__)
def test_law_catches(law, objective):
    with pytest.raises(AssertionError):
        law(objective())


def _late(self, sequences, fed):
    return self.__class__.right(self, sequences, torch.cat([fed[:1], fed[:-1]]))


def _knows_everything(self, sequences, fed):
    found = self.__class__.right(self, sequences, fed)
    return Answer(target=found.target, known=torch.ones_like(found.known))


def _one_seed(self, sequences, fed):
    self.mean, self.std = self.mean[:1], self.std[:1]
    return self.__class__.right(self, sequences, fed)


@pytest.mark.parametrize(
    ("expert", "fault"),
    [(experts.Source, _late), (experts.Source, _knows_everything), (experts.System, _late), (experts.System, _one_seed)],
    ids=["source late", "source never lost", "flow late", "flow in another run's units"],
)
def test_law_catches_an_expert(expert, fault, monkeypatch):
    monkeypatch.setattr(expert, "right", expert.answer, raising=False)
    monkeypatch.setattr(expert, "answer", fault)
    with pytest.raises(AssertionError):
        kit.law_the_answer_is_the_worlds_own_to_what_was_fed(ExactExpert())


def _in_its_own_units(self, like):
    self.units = None


def test_law_catches_a_teacher_that_hears_other_units(monkeypatch):
    monkeypatch.setattr(experts.TrainedRun, "_learn_units", _in_its_own_units)
    with pytest.raises(AssertionError):
        kit.law_the_teacher_hears_what_was_fed(Distillation(teacher=teacher_file("lorenz63")))


def test_every_law_has_been_seen_to_fail():
    seen = {law for law, _ in CAUGHT} | {kit.law_the_answer_is_the_worlds_own_to_what_was_fed}
    assert seen == {law.function for law in LAWS}


# --- divergences ---

P = torch.tensor([0.5, 0.3, 0.2, 0.0], dtype=torch.float64)
Q = torch.tensor([0.25, 0.25, 0.4, 0.1], dtype=torch.float64)


def kl(p, q):
    return float(sum(a * np.log(a / b) for a, b in zip(p.tolist(), q.tolist(), strict=True) if a > 0))


@pytest.mark.parametrize(
    ("settings", "wanted"),
    [
        ({}, kl(P, Q)),
        ({"divergence": Divergence.reverse}, kl(Q[:3], P[:3]) + 0.1 * np.log(0.1 / 1e-6)),
        ({"divergence": Divergence.jensen_shannon}, 0.5 * kl(P, (P + Q) / 2) + 0.5 * kl(Q, (P + Q) / 2)),
        (
            {"divergence": Divergence.jensen_shannon, "beta": 0.9},
            0.9 * kl(P, 0.9 * P + 0.1 * Q) + 0.1 * kl(Q, 0.9 * P + 0.1 * Q),
        ),
    ],
    ids=repr,
)
def test_a_divergence_is_its_formula(settings, wanted):
    answer = Answer(target=P.log()[None, None, None], known=torch.ones(1, 1, 1, dtype=torch.bool))
    found = ExactExpert(**settings).departure(Q.log()[None, None, None] + 3, answer, True)
    assert float(found) == pytest.approx(wanted, rel=1e-12)


@pytest.mark.parametrize("divergence", Divergence)
def test_impossible_symbols_leave_every_gradient_finite(divergence):
    outputs = torch.tensor([[-1e4, 0.0, 300.0, 50.0]]).double()[None, None].requires_grad_()
    answer = Answer(target=P.log()[None, None, None], known=torch.ones(1, 1, 1, dtype=torch.bool))
    charge = ExactExpert(divergence=divergence).departure(outputs, answer, True)
    (slope,) = torch.autograd.grad(charge.sum(), outputs)
    assert charge.isfinite().all()
    assert slope.isfinite().all()


# --- who asks together ---


def sources(task, other):
    """Which of four runs ask together, the last of which is of another world; the seed of the second and third is the same."""
    runs = [Experiment(task=task, model=GRU(hidden=3), objective=ExactExpert(), seed=seed) for seed in (0, 1, 1, 2)]
    worlds = {seed: task.build(seed, task.length) for seed in (0, 1, 2)}
    worlds[2].oracle = other.build(2, task.length).oracle
    return [runs for _, runs in experts.Source(Group(runs, worlds)).oracles]


def test_runs_ask_together_where_the_source_is_looked_up_and_the_same():
    assert sources(Markov(sequences=8, length=12), Markov(sequences=8, length=12, world=1)) == [[0, 1, 2], [3]]
    assert sources(HiddenMarkov(sequences=8, length=12), HiddenMarkov(sequences=8, length=12)) == [[0], [1], [2], [3]]


@pytest.mark.parametrize("task", [small(cls) for cls in registry.parts("task").values() if cls.symbols], ids=repr)
def test_what_is_looked_up_knows_nothing_of_its_neighbours(task):
    world = task.build(0, task.length)
    if not getattr(world.oracle, "looks_up", False):
        return
    prefix = torch.randint(world.outputs, (task.length, 333), generator=torch.Generator().manual_seed(1))
    whole = given(world.oracle)(prefix).log_probs
    for first, last in ((0, 1), (5, 8), (32, 64), (100, 333)):
        assert torch.equal(given(world.oracle)(prefix[:, first:last]).log_probs, whole[:, first:last])


# --- whom one can ask ---


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ("task=lorenz63 objective=exact_expert regime=free_running", "choose gradient=stop"),
        ("task=text objective=exact_expert", "neither an oracle nor a flow"),
        ("task=sunspots objective=exact_expert", "neither an oracle nor a flow"),
        ("task=adding model=sequence_to_one objective=exact_expert", "neither an oracle nor a flow"),
        ("task=hidden_markov objective=exact_expert feedback=expected", "choose feedback=sample"),
        ("task=hidden_markov objective=exact_expert regime=generalized_forcing", "choose a regime whose mask is 0 or 1"),
        ("task=lorenz63 objective=exact_expert objective.divergence=reverse", "leave it out"),
        ("task=hidden_markov objective=exact_expert objective.beta=0.3", "left out"),
        ("task=hidden_markov objective=exact_expert objective.divergence=jensen_shannon objective.beta=1", "between 0 and 1"),
        ("task=hidden_markov objective=distillation", "identity of a run"),
        ("task=hidden_markov objective=distillation objective.teacher=0123456789abcdef", "no record of such a run"),
        ("task=hidden_markov objective=distillation objective.teacher=/dev/null", "16 hexadecimal digits"),
        ("task=hidden_markov task.states=4 objective=distillation objective.teacher=TEACHER", "with other settings"),
        ("task=reber objective=distillation objective.teacher=TEACHER", "trained on task hidden_markov"),
        ("task=hidden_markov objective=distillation objective.labels=1 objective.teacher=TEACHER", "[0, 1)"),
    ],
)
def test_what_cannot_be_asked_is_refused_in_one_line(words, reason):
    with pytest.raises(ConfigError) as fault:
        experiments(words.replace("TEACHER", teacher_file()).split(), sweep=False)
    assert reason in str(fault.value)
    assert "\n" not in str(fault.value)
    assert len(str(fault.value)) <= 200


def test_tasks_with_an_oracle_or_a_flow_can_be_asked():
    assert can_answer(small(HiddenMarkov))
    (flow,) = experiments(["task=lorenz63", "objective=exact_expert"], sweep=False)
    assert can_answer(flow.task)


# --- a teacher is part of the student's identity ---


def student(teacher: str) -> Experiment:
    return Experiment(task=HiddenMarkov(sequences=20, length=10), model=GRU(hidden=3), objective=Distillation(teacher=teacher))


def test_the_weights_of_the_teacher_are_part_of_the_students_identity(tmp_path):
    path = Path(teacher_file())
    run = trained_run(path.stem)
    store = Store(tmp_path)
    store.open()
    record = Store(path.parent.parent).read(run)
    weights = Store(path.parent.parent).weights(run)
    record.pop("weights", None)
    store.write(record, weights)
    copy = str(store.path(run))
    first = canonical(student(copy))
    assert first["objective"]["content"] == given(student(str(path)).objective).content(), "another place is another teacher"
    assert from_canonical(first) == student(copy)
    store.path(run).unlink()
    name = sorted(weights)[0]
    store.write(record, {**weights, name: weights[name] + 1})
    assert identity(canonical(student(copy))) != identity(first), "other weights, the same student"
    with pytest.raises(ConfigError, match="has changed"):
        from_canonical(first)


def test_a_teacher_that_diverged_is_refused(tmp_path):
    path = Path(teacher_file())
    run = trained_run(path.stem)
    store = Store(tmp_path)
    store.open()
    record = {**Store(path.parent.parent).read(run), "status": "diverged"}
    record.pop("weights", None)
    store.write(record, Store(path.parent.parent).weights(run))
    with pytest.raises(ConfigError, match="choose a run that is done"):
        student(str(store.path(run)))
