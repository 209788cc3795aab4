"""Tests of trained models in Python: they say what the framework's own rollouts say, in the units of the data."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import freerun
from freerun import Evaluation, Experiment, FreeRunning, Training
from freerun.api import step_export
from freerun.engine import engine_choice
from freerun.engine.replicas import Group
from freerun.errors import ConfigError
from freerun.execution.planned_run import plan
from freerun.laws.toolkit import small
from freerun.parts import registry
from freerun.parts.feedback.argmax import Argmax
from freerun.parts.models.direct import Direct
from freerun.parts.models.encoder_decoder import EncoderDecoder
from freerun.parts.models.gru import GRU
from freerun.parts.models.linear import Linear
from freerun.parts.models.selective_ssm import SelectiveSSM
from freerun.parts.models.sequence_to_one import SequenceToOne
from freerun.parts.models.transformer import Transformer
from freerun.store.results_folder import Place
from tiers import tiered

#: One task of each kind: symbols that begin with nothing, or with a symbol; an alphabet; values, increments, inputs.
TASKS = {
    "symbols": ("hidden_markov", {}), "letters": ("embedded_reber", {}), "text": ("text", {}), "values": ("lorenz63", {}),
    "increments": ("lorenz63", {"predict": "increment"}), "recording": ("sunspots", {}), "inputs": ("delayed_recall", {}),
}  # fmt: skip


@pytest.fixture(autouse=True)
def by_the_loop():
    """What is compared has the same bits."""
    engine_choice.use("reference")
    yield
    engine_choice.use(None)


def trained(name, folder, model=None, warmup=2):
    task, settings = TASKS.get(name, (name, {}))
    experiment = Experiment(
        task=small(registry.get("task", task), **settings), model=model or GRU(hidden=3), regime=FreeRunning(),
        training=Training(updates=2, batch=2), evaluation=Evaluation(sequences=4, warmup=warmup, orbit=0, metrics=["loss"]),
    )  # fmt: skip
    freerun.run([experiment], folder)
    (run,) = plan([experiment])
    from freerun.analysis.tables import tidy
    from freerun.api.trained_runs import TrainedRun

    store = Place(results=folder).store
    return TrainedRun(id=run.trained, tree=run.tree, store=store, tables=tidy.frames(store, [run.id], "s", {run.id: run.tree}))


def group_of(run):
    """The run as the framework trains and measures it, with its trained weights."""
    group = Group([run.experiment], {run.experiment.seed: run.data})
    weights = run.store.weights(run.id)
    group.parameters.flat[0] = torch.cat([torch.from_numpy(weights[name]).reshape(-1) for name in group.parameters.shapes])
    steps = run.data.splits["test"].steps()
    return group, group.batch("test", {run.experiment.seed: torch.arange(4)}, steps)


def told(run, sequences):
    """Sequences of one replica as a user has them: in the units of the data, the first step in front."""
    whole = torch.cat([sequences.start[0][None], sequences.targets[:, 0]])
    if not run.experiment.task.symbols:
        return (whole.double() * run.data.std + run.data.mean).numpy()
    return (whole if bool((sequences.start >= 0).all()) else whole[1:]).numpy()


#: Models that tell the warm-up from what follows, by the task they are tried on.
RELEASING = {"direct": ("values", Direct(hidden=3)), "encoder_decoder": ("inputs", EncoderDecoder(hidden=3, encoder_hidden=2))}


@pytest.mark.parametrize(
    "name", tiered([*TASKS, *RELEASING], lambda name: name in ("letters", "increments", "inputs", *RELEASING))
)
def test_it_says_what_the_framework_says_forced_and_free(name, tmp_path):
    run = trained(*RELEASING[name][:1], tmp_path, RELEASING[name][1]) if name in RELEASING else trained(name, tmp_path)
    model, (group, sequences) = run.model(), group_of(run)
    inputs = None if sequences.inputs is None else sequences.inputs[:, 0].numpy()
    whole = told(run, sequences)
    forced = group.roll(group.weights(), sequences, None, None).outputs[:, 0]
    torch.testing.assert_close(model(whole, inputs), forced, rtol=1e-4, atol=1e-5)
    if model.feedback.silent:
        return
    warmup, steps = run.experiment.span[0], len(sequences.targets)
    rule = registry.get("feedback", "argmax" if run.experiment.task.symbols else "mean")()
    free = group.roll(group.weights(), sequences, group.release(steps, 4), None, feedback=rule)
    begun = whole[: len(whole) - steps + warmup]
    made = model.generate(4, steps - warmup, begun if len(begun) else None, feedback=rule, inputs=inputs)
    if not model._units.from_nothing:
        same = model.generate(4, steps - warmup, feedback=rule, inputs=inputs)
        assert same == made if isinstance(made, list) else np.allclose(same, made)
    if run.experiment.task.symbols:
        numbers = free.fed[warmup:, 0].argmax(-1).numpy()
        if run.data.alphabet is not None:
            assert made == ["".join(run.data.alphabet[number] for number in row) for row in numbers.T]
        else:
            np.testing.assert_array_equal(made, numbers)
    else:
        scaled = (torch.from_numpy(made) - run.data.mean) / run.data.std
        torch.testing.assert_close(scaled.float(), free.fed[warmup:, 0], rtol=1e-3, atol=1e-4)


def test_it_is_a_module_whose_parameters_are_the_run_s_weights(tmp_path):
    run = trained("symbols", tmp_path)
    model = run.model()
    kept = run.store.weights(run.id)
    assert set(model.state_dict()) == set(kept) == {name for name, _ in model.named_parameters()}
    assert all(np.array_equal(model.state_dict()[name].numpy(), value) for name, value in kept.items())
    model(np.zeros((5, 2), dtype=int)).square().mean().backward()
    assert all(parameter.grad is not None for parameter in model.parameters())
    other = run.model()
    with torch.no_grad():
        next(other.parameters()).add_(1)
    assert all(np.array_equal(run.model().state_dict()[name].numpy(), value) for name, value in kept.items())


@pytest.mark.parametrize("cell", [GRU(hidden=3), EncoderDecoder(hidden=3, encoder_hidden=2)], ids=["gru", "encoder_decoder"])
def test_steps_by_hand_are_what_it_says_forced(cell, tmp_path):
    model = trained("inputs", tmp_path, cell).model()
    chance = torch.Generator().manual_seed(0)
    inputs = torch.rand(5, 2, model.data.inputs, generator=chance)
    truth = torch.randint(model.data.outputs, (5, 2), generator=chance)
    fed, state, said = torch.zeros(2, model.data.outputs), model.start(2), []
    for t in range(5):
        state = model.release(state) if t == model.experiment.span[0] else state
        output, state = model.step(torch.cat([inputs[t], fed], -1), state)
        said.append(output)
        fed = torch.nn.functional.one_hot(truth[t], model.data.outputs).float()
    torch.testing.assert_close(torch.stack(said), model(truth.numpy(), inputs.numpy()), rtol=1e-5, atol=1e-6)


def test_draws_are_those_of_the_seed_and_the_temperature_sharpens(tmp_path):
    model = trained("symbols", tmp_path).model()
    first = model.generate(200, 10)
    assert np.array_equal(first, model.generate(200, 10))
    assert not np.array_equal(first, model.generate(200, 10, seed=1))
    cold = model.generate(200, 10, temperature=1e-4)
    assert np.array_equal(cold, model.generate(200, 10, feedback=registry.get("feedback", "argmax")()))
    assert len(np.unique(first[0])) > len(np.unique(cold[0])) == 1


def test_a_prefix_may_be_one_for_all_or_one_for_each(tmp_path):
    model = trained("text", tmp_path).model()
    one = model.generate(2, 6, "the ")
    assert one == model.generate(2, 6, ["the ", "the "])
    assert {len(text) for text in one} == {6}
    assert model.generate(2, 0, "the ") == ["", ""]


@pytest.mark.parametrize(
    ("name", "words", "said"),
    [
        ("text", {"prefix": "\N{SNOWMAN}"}, "is not in the alphabet"), ("text", {"prefix": ["ab", "abc"]}, "of one length"),
        ("text", {"prefix": ""}, "at least one step must be given"),
        ("symbols", {"prefix": "ab"}, "has no alphabet"),
        ("symbols", {"prefix": [0, 99]}, "whole numbers from 0 to"),
        ("symbols", {"prefix": [[0, 1, 1]]}, "of 3 sequences, for 2"),
        ("symbols", {"temperature": 0}, "temperature: must be positive, got 0"),
        ("symbols", {"count": 0}, "count: must be at least 1"), ("symbols", {"count": True}, "count: must be a whole number"),
        ("symbols", {"steps": True}, "steps: must be a whole number"),
        ("values", {"temperature": 0.5}, "temperature=0.5: is for symbols"),
        ("symbols", {"feedback": registry.get("feedback", "mean")()}, "is not for what this task has"),
        ("values", {"prefix": [[1.0, np.nan, 3.0]]}, "values must be finite numbers"),
        ("values", {"prefix": [[1.0, 2.0]]}, "values have 3 columns"), ("values", {"count": 10**6}, "give a prefix"),
        ("symbols", {"inputs": np.zeros((3, 2, 1))}, "has no exogenous inputs"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused_in_one_line(name, words, said, kept_runs):
    with pytest.raises(ConfigError, match=said):
        kept_runs(name).model().generate(**{"count": 2, "steps": 3, **words})


@pytest.fixture(scope="module")
def kept_runs(tmp_path_factory):
    made = {}

    def get(name):
        if name not in made:
            made[name] = trained(name, tmp_path_factory.mktemp("kept"))
        return made[name]

    return get


def test_a_model_that_answers_once_has_no_free_rollout(tmp_path):
    with pytest.raises(ConfigError, match="nothing is fed back to this model"):
        trained("adding", tmp_path, SequenceToOne(hidden=3), warmup=None).model().generate(1, 3)


def test_a_run_without_weights_says_so(tmp_path):
    run = trained("symbols", tmp_path)
    run.store.path(run.id).with_suffix(".safetensors").unlink()
    with pytest.raises(ConfigError, match=r"has no weights in .*; train it first"):
        run.model()


def test_teacher_forcing_reads_nothing_of_its_own(tmp_path):
    """What stands behind a step changes nothing before it."""
    model = trained("symbols", tmp_path).model()
    truth = np.arange(12).reshape(6, 2) % model.data.outputs
    changed = truth.copy()
    changed[3:] = 0
    ours, theirs = model(truth), model(changed)
    assert torch.equal(ours[:4], theirs[:4])
    assert not torch.equal(ours[4:], theirs[4:])


def test_states_are_those_of_the_steps_by_hand(tmp_path):
    model = trained("symbols", tmp_path).model()
    truth = model.generate(3, 6)
    said = model.states(truth)
    fed, state = torch.zeros(3, model.data.outputs), model.start(3)
    for t in range(6):
        _, state = model.step(fed, state)
        torch.testing.assert_close(said[t], state[0][0])
        fed = torch.nn.functional.one_hot(torch.from_numpy(truth[t]), model.data.outputs).float()
    assert said.shape == (6, 3, 3)
    with pytest.raises(ConfigError, match="states: this model has no hidden state"):
        trained("values", tmp_path, Linear()).model().states(np.zeros((4, 1, 3)))


def test_a_rule_of_feedback_goes_by_its_name(tmp_path):
    model = trained("symbols", tmp_path).model()
    assert np.array_equal(model.generate(4, 6, feedback="argmax"), model.generate(4, 6, feedback=Argmax()))
    with pytest.raises(ConfigError, match="feedback=argmx: unknown feedback; did you mean 'argmax'"):
        model.generate(4, 6, feedback="argmx")


@pytest.mark.slow
@pytest.mark.parametrize("cell", [GRU(hidden=3), SelectiveSSM(hidden=3)], ids=["gru", "selective_ssm"])
def test_the_step_is_exported_as_a_program_of_its_own(cell, tmp_path):
    model = trained("values", tmp_path, cell).model()
    path = model.export_step(tmp_path / "step.pt2", count=2)
    step = torch.export.load(path).module()
    u, state = torch.rand(2, 3, generator=torch.Generator().manual_seed(0)), model.start(2)
    output, after = model.step(u, state)
    again, *parts = step(u, *(part[0] for part in state))
    torch.testing.assert_close(again, output)
    for part, kept in zip(parts, after, strict=True):
        torch.testing.assert_close(part, kept[0])


@pytest.mark.slow
def test_the_step_is_exported_as_onnx_and_reckons_the_same(tmp_path):
    """By the evaluator of ONNX itself, which knows nothing of torch; over three steps, so that the state goes on."""
    reference = pytest.importorskip("onnx.reference", reason="the extra onnx is not installed")
    pytest.importorskip("onnxscript", reason="the extra onnx is not installed")
    model = trained("values", tmp_path, GRU(hidden=3)).model()
    step = reference.ReferenceEvaluator(str(model.export_step(tmp_path / "step.onnx", count=2)))
    assert step.input_names == ["u", "state_0"]
    assert step.output_names == ["output", "next_state_0"]
    inputs, state = torch.rand(3, 2, 3, generator=torch.Generator().manual_seed(0)), model.start(2)
    theirs = state[0][0].numpy()
    for u in inputs:
        output, state = model.step(u, state)
        again, theirs = step.run(None, {"u": u.numpy(), "state_0": theirs})
        np.testing.assert_allclose(again, output.detach().numpy(), atol=1e-6)
        np.testing.assert_allclose(theirs, state[0][0].detach().numpy(), atol=1e-6)


def test_what_cannot_be_exported_is_said_in_one_line(tmp_path, monkeypatch):
    model = trained("values", tmp_path).model()
    with pytest.raises(ConfigError, match=r"export_step step.h5: must end in .pt2 \(torch.export\) or .onnx"):
        model.export_step(tmp_path / "step.h5")
    for count in (0, True):
        with pytest.raises(ConfigError, match=f"export_step count: must be a whole number of at least 1, got {count}"):
            model.export_step(tmp_path / "step.pt2", count=count)
    monkeypatch.setattr(step_export, "find_spec", lambda package: None)
    with pytest.raises(ConfigError, match=r"export_step step\.onnx: needs onnx and onnxscript; pip install 'freerun\[onnx\]'"):
        model.export_step(tmp_path / "step.onnx")
    growing = Transformer(hidden=4, heads=1)
    arguments = torch.zeros(1, 1, 3), growing.start(1, 1, torch.zeros(1, 3))
    with pytest.raises(ConfigError, match="the state of transformer grows with every step"):
        step_export.write(growing, {}, arguments, tmp_path / "step.pt2")


def test_a_weight_may_be_named_as_a_method_is(tmp_path):
    model = trained("symbols", tmp_path, SelectiveSSM(hidden=3)).model()
    assert "step.weight" in model.state_dict()
    assert set(model.state_dict()) == set(model.weights())
    assert model.generate(2, 5).shape == (5, 2)
