"""Tests of the tasks with exact optima and with bounds: they hold what their pages promise."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
import torch

from freerun.config.experiment import Experiment
from freerun.engine.rollout import rollout
from freerun.errors import ConfigError
from freerun.laws._observed_rollouts import observed
from freerun.laws.toolkit import CLOSE, gap, noise, weights_of
from freerun.measurement.metrics.exact_match import ExactMatch
from freerun.parts.feedback import one_hot
from freerun.parts.feedback.argmax import Argmax
from freerun.parts.feedback.none import Nothing
from freerun.parts.feedback.sample import Sample
from freerun.parts.models.gru import GRU
from freerun.parts.models.output_recurrent import OutputRecurrent
from freerun.parts.models.sequence_to_one import SequenceToOne
from freerun.parts.tasks.adding import Adding
from freerun.parts.tasks.advection import Advection
from freerun.parts.tasks.delayed_recall import DelayedRecall
from freerun.parts.tasks.embedded_reber import EmbeddedReber
from freerun.parts.tasks.errors_in_variables import ErrorsInVariables
from freerun.parts.tasks.path_star import Form, PathStar
from yardsticks import exact


@pytest.mark.parametrize(("phi", "signal"), [(0.95, 0.8), (-0.6, 0.3), (0.5, 1.0)])
def test_the_noisy_signal_has_the_covariances_that_the_optimum_rests_on(phi, signal):
    """Sequences are independent: the mean of y_0 y_k and of y_k^2 over them, within five standard errors."""
    count = 40_000
    part = ErrorsInVariables(phi=phi, signal=signal, sequences=count).build(3, 8).splits["train"]
    values = torch.cat([part.start[None], part.targets])[..., 0].double()
    for k in range(1, 9):
        product = values[0] * values[k]
        assert abs(product.mean() - signal * phi**k) < 5 * product.std() / count**0.5, f"lag {k}"
        assert abs(values[k].square().mean() - 1) < 5 * 2**0.5 / count**0.5, f"step {k}"


def test_the_expected_loss_of_a_linear_model_is_the_written_one():
    a, count = 0.7, 40_000
    part = ErrorsInVariables(sequences=count).build(0, 6).splits["train"]
    free = part.start[None, :, 0].double() * a ** torch.arange(1.0, 7)[:, None].double()
    errors = (free - part.targets[..., 0].double()).square()
    wanted = torch.from_numpy(exact.errors_in_variables_loss(a, 0.8, 0.95, 6))
    assert bool(((errors.mean(1) - wanted).abs() < 5 * errors.std(1) / count**0.5).all())


def test_a_field_moves_by_whole_points_as_a_shift_and_by_parts_as_its_spectrum_turns():
    part = Advection(cfl=-1.0, steps=20).build(0, 5).splits["train"]
    whole = torch.cat([part.start[None], part.targets])
    assert (whole[1:] - whole[:-1].roll(-1, -1)).abs().max() < 1e-5  # float32 of values up to 10
    part = Advection(steps=20).build(0, 5).splits["test"]
    whole = torch.fft.rfft(torch.cat([part.start[None], part.targets]).double())
    turn = torch.exp(torch.tensor(2j * np.pi * 0.75 / 30) * torch.arange(16))
    assert (whole[1:] - whole[:-1] * turn).abs().max() < 1e-4
    assert whole[..., 6:].abs().max() < 1e-4  # five modes and no more
    assert whole[..., 0].abs().max() < 1e-4


def test_windows_of_a_field_overlap_within_a_trajectory_and_go_on_beyond_training():
    task = Advection(trajectories=4, steps=9, length=3)
    near, far = (task.build(0, length).splits["train"] for length in (3, 40))
    assert len(near) == 4 * 7
    for first in range(0, 28, 7):
        for begin in range(1, 7):
            assert torch.equal(far.start[first + begin], far.targets[begin - 1, first])
    assert torch.equal(near.targets, far.targets[:3])
    assert torch.equal(near.start, far.start)


def _rolled(model, task, rule, forced: bool, sharpness: float) -> torch.Tensor:
    """Which symbols come out right, ``[T N]``, of a random model on every cue once."""
    part = task.build(0, task.length).splits["train"]
    part = part.take(torch.tensor([int((part.targets[-1] == c).nonzero()[0]) for c in range(task.cues)]), task.length)
    k = task.cues + 1
    weights = {name: w.detach() * sharpness for name, w in weights_of(model, 2 * k, k, replicas=1).items()}
    like = torch.zeros(task.length, 1, task.cues, k, dtype=torch.float64)
    truth = one_hot(part.targets[:, None], like)
    mask = None if forced else torch.zeros(truth.shape[:3], dtype=torch.float64)
    made = rollout(
        model, weights, truth=truth, start=one_hot(part.start[None], like[0]), feedback=rule, mask=mask,
        inputs=part.inputs[:, None].double(), uniform=noise(*truth.shape[:3]).sigmoid(),
    )  # fmt: skip
    return made.outputs[:, 0], part.targets


def _alike(rows):
    """Whether all rows are one, but for rounding: the rows of a product need not be summed in one order."""
    return gap(rows, rows[:1].expand_as(rows)) < CLOSE


@pytest.mark.parametrize("sharpness", [1, 5, 30])
@pytest.mark.parametrize("cues", [2, 5])
def test_forced_an_output_recurrent_model_answers_every_cue_alike(cues, sharpness):
    """Whatever the weights: one answer for all cues is right for one of K."""
    outputs, targets = _rolled(OutputRecurrent(hidden=7), DelayedRecall(cues=cues, blanks=4), Argmax(), True, sharpness)
    assert _alike(outputs[-1])
    assert int((outputs[-1].argmax(-1) == targets[-1]).sum()) <= 1
    assert not _alike(outputs[0]), "the cue is not even seen"


@pytest.mark.parametrize("model", [OutputRecurrent(hidden=7), GRU(hidden=7)], ids=["output_recurrent", "gru"])
def test_what_lifts_the_bound_is_memory_or_the_control(model):
    for control in (False, True):
        outputs, _ = _rolled(model, DelayedRecall(cues=3, blanks=4, control=control), Argmax(), True, 5)
        assert _alike(outputs[-1]) != (control or isinstance(model, GRU))


@pytest.mark.parametrize("sharpness", [1, 5])
def test_an_echoed_cue_is_known_as_long_as_its_feed_is_read(sharpness):
    for order in range(1, 8):
        for echo in (False, True):
            task = DelayedRecall(cues=3, blanks=4, echo=echo)
            outputs, _ = _rolled(OutputRecurrent(hidden=7, order=order), task, Argmax(), True, sharpness)
            assert _alike(outputs[-1]) is not (echo and order > task.blanks), (order, echo)


def test_an_echo_is_the_first_target_alone():
    part = DelayedRecall(cues=3, blanks=2, echo=True, sequences=300).build(0, 4).splits["train"]
    cue = part.inputs[0].argmax(-1)
    assert torch.equal(part.targets, torch.stack([cue, torch.full_like(cue, 3), torch.full_like(cue, 3), cue]))
    with pytest.raises(ConfigError, match=r"^task\.echo must be false where control repeats the cue at every step, got True$"):
        DelayedRecall(control=True, echo=True)


def test_a_cue_is_asked_for_and_the_blanks_are_constant():
    for control in (False, True):
        task = DelayedRecall(cues=3, blanks=2, control=control, sequences=300)
        part = task.build(0, task.length).splits["train"]
        cue = part.inputs[0].argmax(-1)
        assert task.length == 4
        assert sorted(cue.unique().tolist()) == [0, 1, 2]
        assert torch.equal(part.targets[-1], cue)
        assert torch.equal(part.targets[:-1], (cue if control else torch.full_like(cue, 3)).expand(3, -1))
        assert part.inputs.sum((1, 2)).tolist() == [300, 0, 0, 300]
        assert bool((part.weights == 1).all())


@pytest.mark.parametrize("form", Form)
def test_the_path_leads_along_the_edges_that_were_shown(form):
    task = PathStar(form=form, arms=3, arm=4, nodes=15, sequences=80)
    part = task.build(0, task.length).splits["train"]
    assert task.length == 12 + 1 + 4
    goals = []
    for n in range(80):
        shown = [(int(x[:15].argmax()), int(x[15:30].argmax())) for x in part.inputs[:13, n]]
        *edges, (start, goal) = shown
        assert part.inputs[:13, n].sum(-1).tolist() == [2] * 12 + [3]
        assert not part.inputs[13:, n].any()
        sources = [a for a, _ in edges]
        assert sources.count(start) == 3
        assert len(set(edges)) == 12
        assert len({*itertools.chain(*edges)}) == 13
        path = part.targets[12:, n].tolist()
        if form is Form.reversed:
            path.reverse()
        assert (path[0], path[-1]) == (start, goal)
        assert all(step in edges for step in itertools.pairwise(path))
        assert goal not in sources
        goals.append([b for a, b in edges if a == start].index(path[1]))
    assert min(goals.count(arm) for arm in range(3)) > 10  # 80/3 = 27, standard deviation 4
    assert part.weights.sum(1).tolist() == [0] * 13 + [80] * 4
    assert bool((part.targets[:12] == 15).all())


def test_what_a_teacherless_task_may_be_combined_with():
    task = PathStar(form=Form.teacherless, sequences=80)
    found = Experiment(task=task, model=GRU(hidden=3))
    assert isinstance(found.feedback, Nothing)
    assert found.span == (7, 3)
    with pytest.raises(ConfigError, match=r"feedback=argmax: task path_star feeds nothing back.*choose feedback=none"):
        Experiment(task=task, model=GRU(hidden=3), feedback=Argmax())
    with pytest.raises(ConfigError, match="model=output_recurrent: task path_star feeds nothing back"):
        Experiment(task=task, model=OutputRecurrent(hidden=3))
    assert Experiment(task=PathStar(sequences=80), model=GRU(hidden=3), feedback=Nothing()).span == (7, 3)
    assert isinstance(Experiment(task=PathStar(sequences=80), model=GRU(hidden=3)).feedback, Argmax)


@pytest.mark.parametrize(
    ("cls", "settings", "reason"),
    [
        (DelayedRecall, {"length": 7}, "length must be 0 or 12"),
        (DelayedRecall, {"cues": 1}, "cues must be at least 2"),
        (DelayedRecall, {"blanks": 0}, "blanks must be at least 1"),
        (PathStar, {"length": 9}, "length must be 0 or 10"),
        (PathStar, {"arms": 3}, "nodes must be at least 1 . arms x arm = 10"),
        (PathStar, {"arms": 1}, "arms must be at least 2"),
        (PathStar, {"arm": 1}, "arm must be at least 2"),
        (ErrorsInVariables, {"phi": 1.0}, r"phi must lie in \(-1, 1\)"),
        (ErrorsInVariables, {"signal": 0.0}, r"signal must lie in \(0, 1\]"),
        (Advection, {"points": 10}, "points must be more than twice the modes"),
        (Advection, {"steps": 4}, "steps must be at least the length of a window"),
        (Advection, {"trajectories": 3}, "trajectories must be at least 4"),
        (Adding, {"shortest": 31}, "shortest must lie between 2 and length"),
        (Adding, {"shortest": 1}, "shortest must lie between 2 and length"),
    ],
)
def test_settings_that_make_no_sense_are_refused(cls, settings, reason):
    with pytest.raises(ConfigError, match=reason):
        cls(**settings)


@pytest.mark.parametrize("task", [DelayedRecall(), PathStar()], ids=["delayed_recall", "path_star"])
def test_a_window_longer_than_the_answer_is_refused(task):
    task.check(task.length)
    with pytest.raises(ConfigError, match="must not be more"):
        task.check(task.length + 1)
    assert replace(task).length == task.length  # a resolved length is accepted again


def test_sequences_of_the_adding_problem_end_where_they_say():
    part = Adding(shortest=4, length=9, sequences=600).build(0, 9).splits["train"]
    numbers, marks = part.inputs.unbind(-1)
    steps = torch.arange(9)[:, None]
    assert sorted((part.ends + 1).unique().tolist()) == [4, 5, 6, 7, 8, 9]
    assert not part.inputs[steps > part.ends].any()
    assert torch.equal(marks.sum(0), torch.full((600,), 2.0))
    half = (part.ends + 1) // 2
    assert torch.equal((marks * (steps < half)).sum(0), torch.ones(600))
    assert ((numbers * marks).sum(0) - part.targets[0, :, 0]).abs().max() < 1e-6  # float32


@pytest.mark.parametrize("model", [SequenceToOne(hidden=5)], ids=["sequence_to_one"])
def test_padding_changes_no_answer_and_no_gradient(model):
    """Whatever stands behind the end, a NaN as well."""
    part = Adding(shortest=3, length=9, sequences=40).build(0, 9).splits["train"]
    behind = (torch.arange(9)[:, None] > part.ends)[:, None, :, None]
    assert bool(behind.any())
    found = []
    for filling in (0.0, 1e3, -7.0, torch.nan):
        weights = weights_of(model, 2, 1, replicas=1)
        inputs = torch.where(behind, filling, part.inputs[:, None].double())
        nothing = torch.zeros(9, 1, 40, 0, dtype=torch.float64)
        made = rollout(
            model, weights, truth=nothing, start=nothing[0], feedback=Nothing(), mask=None, inputs=inputs, ends=part.ends[None]
        )
        answers = made.outputs
        found.append([answers.detach(), *torch.autograd.grad(answers.sum(), list(weights.values()))])
    for other in found[1:]:
        assert torch.equal(found[0][0], other[0])
    for other in found[1:]:
        assert all(torch.equal(a, b) for a, b in zip(found[0], other, strict=True))


@pytest.mark.parametrize(
    ("seed", "length", "begins"), [(0, 2, "10a4a0f8d586"), (0, 30, "07803931865e"), (7, 31, "3c279eebd51f")]
)
def test_without_padding_the_adding_problem_is_what_it_was(seed, length, begins):
    for shortest in (None, length):
        data = Adding(sequences=401, length=length, shortest=shortest).build(seed, length)
        assert data.fingerprint.startswith(begins)
        assert data.splits["train"].ends is None


def test_exact_match_counts_whole_answers():
    seen = observed(EmbeddedReber(sequences=80))
    right = replace(seen, picks=torch.where(seen.weights > 0, seen.targets, -1))
    answered = seen.weights[seen.warmup :].any(0)
    assert ExactMatch().measure(right).tolist() == [1.0]
    spoiled = right.picks.clone()
    spoiled[seen.warmup, answered.nonzero()[0]] = -1
    assert ExactMatch().measure(replace(right, picks=spoiled)).item() == pytest.approx(1 - 1 / int(answered.sum()))
    early = right.picks.clone()
    early[: seen.warmup] = -1
    assert ExactMatch().measure(replace(right, picks=early)).tolist() == [1.0]
    assert ExactMatch().measure(replace(right, weights=torch.zeros_like(seen.weights))).isnan().all()


def test_exact_match_of_a_task_without_feedback_reads_the_outputs():
    task = PathStar(form=Form.teacherless, sequences=80)
    part = task.build(0, task.length).splits["test"]
    like = torch.zeros(*part.targets.shape, 9)
    for rule, applies in ((Nothing(), True), (Sample(), True)):
        experiment = Experiment(task=replace(task, form=Form.forward), model=GRU(hidden=3), feedback=rule)
        seen = replace(
            observed(EmbeddedReber(sequences=80)), experiment=experiment, outputs=one_hot(part.targets, like),
            targets=part.targets, weights=part.weights, fed=like, picks=None, warmup=7, start=None,
            hidden=None,
        )  # fmt: skip
        assert ExactMatch().applies(seen) == applies
        assert ExactMatch().measure(seen).tolist() == [1.0]
