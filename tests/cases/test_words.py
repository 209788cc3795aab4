"""Cases of words and labels: what the program says is true, whole, and tells apart what differs."""

from __future__ import annotations

import io
import json

import pandas as pd
import pytest

import freerun
from freerun import (
    GRU,
    Evaluation,
    Experiment,
    FreeRunning,
    HiddenMarkov,
    PrefixCurriculum,
    ScheduledSampling,
    SparseForcing,
    TeacherForcing,
    Training,
)
from freerun.analysis.inference.labels import short_texts
from freerun.analysis.inference.replicates import described
from freerun.analysis.report import comparison, findings
from freerun.analysis.tables import tidy
from freerun.cli import terminal
from freerun.cli.commands.list import main as list_parts
from freerun.cli.main import main
from freerun.config import run_identity
from freerun.config.hydra.compose import experiments
from freerun.config.presets import presets
from freerun.parts import registry
from synthetic import study, tree

#: What is compared below: a task with errors of one kind, so small that it is made at once.
LENGTH = 6


def refused(capsys, *words: str) -> str:
    """The one line in which words are refused."""
    with pytest.raises(SystemExit) as end:
        main(list(words))
    out, err = capsys.readouterr()
    assert (end.value.code, out, err.count("\n")) == (2, "", 1)
    return err


@pytest.mark.parametrize("feedback", ["sample", "argmax", "none model=hidden_recurrent"])
@pytest.mark.parametrize("gradient", ["stop", "every_2"])
def test_gradient_through_with_feedback_that_carries_none_is_resolved_and_said(feedback, gradient):
    words = [f"feedback={feedback.split()[0]}", *feedback.split()[1:]]
    one, other = experiments([*words, f"gradient=through,{gradient}"], sweep=True)
    assert run_identity.canonical(one) == run_identity.canonical(other)
    assert (one.notes, len(other.notes)) == ((), 1)
    assert "carries no gradient, so that the run is that of gradient=through" in other.notes[0]


@pytest.mark.parametrize("feedback", ["sample", "argmax", "none"])
def test_no_label_has_a_gradient_through_feeds_that_carry_none(feedback):
    """Beside a flow of which both gradients are tried: `through` is one method on both. An unknown rule keeps its setting."""
    rules = {"a": ("through", "mean"), "b": ("stop", "mean"), "c": ("through", feedback), "d": ("stop", "of_a_plugin")}
    rows = [{"run": run, "gradient": gradient, "feedback": rule} for run, (gradient, rule) in rules.items()]
    said = described(pd.DataFrame(rows), ["gradient"])
    assert said == ["", "gradient=stop", "", "gradient=stop"]
    assert described(pd.DataFrame(rows[:2]), ["gradient"]) == ["gradient=through", "gradient=stop"]


@pytest.mark.parametrize(
    ("regime", "warmup", "same"),
    [
        (SparseForcing(tau=LENGTH), 1, FreeRunning()),
        (SparseForcing(tau=LENGTH + 4, phase=LENGTH), 1, FreeRunning()),
        (SparseForcing(tau=LENGTH - 1), 3, FreeRunning()),
        (SparseForcing(tau=LENGTH, phase=2), 1, None),
        (SparseForcing(tau=2), 1, None),
        (SparseForcing(tau=1), 1, TeacherForcing()),
        (ScheduledSampling(start=0.0), 1, FreeRunning()),
        (ScheduledSampling(start=1.0, end=1.0), 3, TeacherForcing()),
        (ScheduledSampling(), 1, None),
        (PrefixCurriculum(start=0.0), 1, FreeRunning()),
    ],
)
def test_sparse_forcing_with_tau_of_the_length_is_said_to_be_free_running(regime, warmup, same, tmp_path):
    def made(fed):
        evaluation = Evaluation(warmup=warmup, sequences=4)
        task, training = HiddenMarkov(sequences=16, length=LENGTH), Training(updates=2, batch=4, log_every=1)
        return Experiment(task=task, model=GRU(hidden=2), regime=fed, training=training, evaluation=evaluation)

    (note,) = made(regime).notes or ("",)
    name = None if same is None else registry.name_of(same)
    assert note.endswith("" if name is None else f"it feeds exactly as regime={name}")
    assert bool(note) is (name is not None)
    curves = freerun.run([made(regime), made(same or FreeRunning())], tmp_path).curves
    losses = [list(of["value"]) for _, of in curves[curves["quantity"] == "loss"].groupby("run", observed=True)]
    assert (losses[0] == losses[-1]) is (name is not None)


def lost_runs(statuses):
    """Runs of which some diverged or failed, as a frame of the report."""
    reasons = {"diverged": "loss not finite at update 7", "failed": "boom"}
    return pd.DataFrame({"status": statuses, "reason": [reasons.get(status) for status in statuses]})


@pytest.mark.parametrize(
    ("statuses", "said", "not_said"),
    [
        (["diverged"] * 3, ["has a result", "3 diverged of 3", "oss not finite at update 7"], "finished yet"),
        (["failed"] * 2, ["2 failed of 2", "oom"], "finished yet"),
        (
            ["diverged", "failed", "pending"],
            ["1 diverged, 1 failed and 1 pending of 3", "The first reason of 2"],
            "finished yet",
        ),
        (["pending"] * 2, ["No run of this study has finished yet"], "has a result"),
    ],
)
def test_all_runs_diverged_is_said_and_how(statuses, said, not_said):
    text = findings.nothing(lost_runs(statuses))
    assert not [part for part in said if part not in text], text
    assert not_said not in text


@pytest.mark.parametrize(("seeds", "other", "said"), [
    ([0], [0], "fewer than three seeds are shared"), ([0, 1], [0, 1], "fewer than three seeds are shared"),
    ([0, 1, 2], [2, 3, 4], "fewer than three seeds are shared"), ([0, 1, 2], [3, 4, 5], "no seed is shared over the same data"),
])  # fmt: skip
def test_compare_with_one_seed_each_the_same_one_says_why_it_is_not_paired(seeds, other, said, tmp_path):
    runs = [tree(regime="teacher_forcing", seed=seed) for seed in seeds]
    store, ids = study(tmp_path, [*runs, *(tree(regime="free_running", seed=seed) for seed in other)])
    text = " ".join(comparison.in_study("free_running", "teacher_forcing", tidy.frames(store, ids, "s"), tmp_path).sentences)
    assert f"Not paired, since {said}, in 1" in text, text


@pytest.mark.parametrize("digits", ["573886641e447750", "1234567890123456", "00000000000000e1", "12d4567890123456"])
def test_run_id_573886641e447750_is_no_number(digits, monkeypatch):
    assert len(digits) == 16
    monkeypatch.setattr(run_identity, "_digest", lambda tree: digits + "a" + "0" * 47)
    found = run_identity.identity(run_identity.canonical(experiments([], sweep=False)[0]))
    assert len(found) == 16
    assert pd.read_csv(io.StringIO(f"run\n{found}\n"))["run"].tolist() == [found], "a reader takes it for text"


def test_run_ids_that_are_no_numbers_are_what_they_were():
    tree = run_identity.canonical(experiments(["seed=3"], sweep=False)[0])
    plain = {"generation": run_identity.GENERATION, **run_identity.trained(tree)}
    assert run_identity.identity(tree) == run_identity._digits(plain)
    ids = [run_identity.identity({**tree, "seed": seed}) for seed in range(3000)]
    assert len(set(ids)) == 3000
    assert pd.read_csv(io.StringIO("run\n" + "\n".join(ids)), dtype=None)["run"].tolist() == ids


def results(task: str, regime: str, rows: int) -> pd.DataFrame:
    """Rows of a table with numbers of several widths."""
    return pd.DataFrame({"task": task, "regime": regime, "forced": [0.2071234] * rows, "free": 1.234e-9, "gap": -12345.678})


@pytest.mark.parametrize("rows", [1, 3])
@pytest.mark.parametrize("wide", ["a regime with quite a long name (end=0.25, lr=0.00300001)", "x" * 150])
def test_the_terminal_table_through_a_pipe_never_cuts_a_number(rows, wide, capsys):
    frame = pd.DataFrame(
        {"task": "Lorenz-63", "regime": wide, "forced": [0.2071234] * rows, "free": 1.234e-9, "gap": -12345.678}
    )
    terminal.show_table(frame)
    out = capsys.readouterr().out
    assert len(out.splitlines()) == rows + 1, "a row is a line"
    assert wide in out
    for number in ("0.2071", "1.234e-09", "-1.235e+04"):
        assert out.count(number) == rows, out


@pytest.mark.parametrize("width", [50, 70, 100])
def test_the_terminal_table_on_a_narrow_terminal_cuts_no_number(width, capsys, monkeypatch):
    monkeypatch.setattr(terminal, "_console", lambda: terminal.Console(width=width, highlight=False, markup=False))
    frame = pd.DataFrame(
        {"task": "Lorenz-63" * 9, "regime": "x" * 90, "forced": [0.2071234], "free": 1.234e-9, "gap": -12345.678}
    )
    terminal.show_table(frame)
    out = capsys.readouterr().out
    assert all(len(line) <= width for line in out.splitlines())
    assert all(number in out for number in ("0.2071", "1.234e-09", "-1.235e+04")), out


@pytest.mark.parametrize(
    ("key", "values"),
    [
        ("task.path", ["/data/one.csv", "/data/two.csv"]),
        ("task.path", ["/data/a/one.csv", "/data/b/one.csv"]),
        ("task.columns", [json.dumps(["load"]), json.dumps(["temp"]), json.dumps(["load", "temp"])]),
        ("task.content", ["0" * 64, "1" * 64]),
    ],
)
def test_a_sweep_over_own_files_or_columns_has_short_distinct_labels(key, values):
    short = short_texts(key, values)
    assert len(set(short.values())) == len(values)
    assert all(len(text) <= 20 for text in short.values()), short


@pytest.mark.parametrize(
    ("word", "near"),
    [("new", None), ("example", None), ("zzz", None), ("tabel", "table"), ("stduy", "study"), ("repport", "report")],
)
def test_freerun_new_lists_all_commands_and_suggests_only_what_is_near(word, near, capsys):
    from freerun.cli.arguments import COMMANDS

    err = refused(capsys, word)
    if near is None:
        assert err.rstrip().endswith(", ".join(sorted(COMMANDS)))
    else:
        assert f"did you mean '{near}'?" in err


@pytest.mark.parametrize("kind", ["regime", "task", "objective"])
def test_presets_are_listed(kind, capsys):
    list_parts([f"{kind}s"])
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines if line.endswith("(preset)")] == presets(kind)
    assert kind == "objective" or presets(kind)
