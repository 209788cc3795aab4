"""Cases of settings without effect: what is typed and changes nothing is refused, or said in one line."""

from __future__ import annotations

import pytest

import freerun
from freerun import GRU, Evaluation, Experiment, HiddenMarkov, Training
from freerun.analysis.tables import idle_settings, tidy
from freerun.cli.main import main
from freerun.errors import ConfigError
from freerun.execution.launchers import choose
from synthetic import study, tree

TINY = "task=hidden_markov task.sequences=16 task.length=6 evaluation.warmup=1 evaluation.sequences=4 model.hidden=2"
RUN = [*TINY.split(), "training.updates=2", "training.batch=2", "launcher=inline"]


def said(capsys, *words: str) -> tuple[object, str]:
    """The exit code of a line, and what was said on standard error."""
    with pytest.raises(SystemExit) as end:
        main(list(words))
    return end.value.code, capsys.readouterr().err


def evaluated(task: str, distances: bool = False, **settings):
    made = tree(task=task)
    made["evaluation"] |= {"distances": distances, **({"settings": settings} if settings else {})}
    return made


TASKS = ("hidden_markov", "lorenz63")
#: What is planned, and the settings that are then said to change nothing.
PLANNED = {
    "a metric of flows on symbols": ([evaluated("hidden_markov", valid_time={"threshold": 0.3})], ["valid_time.threshold"]),
    "two settings of a metric": ([evaluated("lorenz63", d_stsp={"bins": 9, "box": "sigmas"})], ["d_stsp.bins", "d_stsp.box"]),
    "distances that nothing looks at": ([evaluated("hidden_markov", distances=True)], ["distances=true"]),
    "a metric that one of the tasks measures": ([evaluated(task, valid_time={"threshold": 0.3}) for task in TASKS], []),
    "no settings": ([evaluated("lorenz63")], []),
}  # fmt: skip


@pytest.mark.parametrize("what", PLANNED)
def test_a_setting_of_a_metric_that_no_task_measures_is_said_to_change_nothing(what, tmp_path):
    planned, idle = PLANNED[what]
    store, ids = study(tmp_path, planned)
    lines = idle_settings.notes(tidy.frames(store, ids, "s"), planned)
    assert len(lines) == len(idle)
    assert all(line.startswith(f"evaluation.{key} ") for line, key in zip(lines, idle, strict=True)), lines
    store, ids = study(tmp_path / "none", planned, dict.fromkeys(range(len(planned)), ("failed", "boom")))
    assert idle_settings.notes(tidy.frames(store, ids, "s"), planned) == [], "nobody knows yet"


NOTE = "note: evaluation.valid_time.threshold changes nothing: no run here measures valid_time\n"


@pytest.mark.slow
def test_every_command_that_measures_says_which_settings_change_nothing(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert said(capsys, "run", *RUN, "--as", "one", "evaluation.valid_time.threshold=0.3")[0] == 0
    code, err = said(capsys, "measure", "one", "evaluation.nrmse.window=3", "launcher=inline")
    assert (code, err.count(NOTE), err.count("note: evaluation.nrmse.window changes nothing")) == (0, 1, 1)
    search = ["search", *RUN, "training.lr=choice(0.1,0.2)", "--sampler", "grid", "evaluation.valid_time.threshold=0.3"]
    code, err = said(capsys, *search, "--as", "two")
    assert (code, err.count(NOTE)) == (0, 1)


def test_what_is_run_from_the_command_line_or_from_python_says_which_settings_change_nothing(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code, err = said(capsys, "run", *RUN, "evaluation.valid_time.threshold=0.3")
    assert (code, err.count(NOTE)) == (0, 1)
    evaluation = Evaluation(warmup=1, sequences=4, settings={"valid_time": {"threshold": 0.3}})
    training = Training(updates=2, batch=2)
    freerun.run(
        [Experiment(task=HiddenMarkov(sequences=16, length=6), model=GRU(hidden=2), training=training, evaluation=evaluation)],
        tmp_path / "results",
    )
    assert capsys.readouterr().err.count(NOTE) == 1


def test_a_setting_of_a_metric_that_was_not_asked_for_is_refused(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for metrics, key in {"loss": "valid_time.threshold=0.3", "loss,rmse": "nrmse.window=3", "d_h": "d_stsp.bins=9"}.items():
        code, err = said(capsys, "run", "task=lorenz63", f"evaluation.metrics=[{metrics}]", f"evaluation.{key}")
        assert (code, err.count("\n")) == (2, 1)
        assert f"{key.partition('=')[0]}: " in err
        assert "evaluation.metrics" in err
    with pytest.raises(ConfigError, match="d_h is not among"):
        Evaluation(metrics=["loss"], settings={"d_h": {"smoothing": 9}})
    asked = [*RUN, "--as", "one", "evaluation.valid_time.threshold=0.3", "evaluation.metrics=[loss,valid_time]"]
    assert said(capsys, "run", *asked)[0] == 0
    code, err = said(capsys, "measure", "one", "metrics=[loss]", "launcher=inline")
    assert (code, "changes nothing" in err) == (0, False), "its setting goes with the metric that is left out"


IDLE = (
    "plan --replace",
    "search training.lr=choice(1,2) --replace",
    "study first_look tune.trials=3",
    "run tune.trials=3",
    "run launcher.partition=gpu",
    "run launcher=inline launcher.minutes=3",
    "run launcher=inline launcher.workers=2",
    "run launcher=joblib launcher.wait=false",
    "run regime=teacher_forcing regime.end=1",
    "report first_look --format pdf",
    "figures first_look --workers 2",
    "status --group 3",
)


def test_options_that_a_command_has_no_use_for_are_refused(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for line in IDLE:
        code, err = said(capsys, *line.split())
        assert (code, err.count("\n")) == (2, 1), (line, err)
    assert "launcher.workers=2: " in said(capsys, "run", "launcher=ray", "launcher.address=auto", "launcher.workers=2")[1]
    assert list(tmp_path.iterdir()) == []


def test_what_only_sbatch_takes_is_said_to_be_of_no_use_without_a_cluster(capsys):
    pytest.importorskip("submitit")
    for words, idle in {
        ("partition=gpu",): "launcher.partition: ",
        ("account=me", "qos=long", "minutes=3"): "launcher.account, launcher.qos: ",
        ("minutes=3", "memory=2"): "",
    }.items():
        choose(["launcher=slurm", "launcher.cluster=local", *(f"launcher.{word}" for word in words)], {})
        err = capsys.readouterr().err
        assert err.startswith(f"note: {idle}" if idle else "")
        assert bool(err) is bool(idle)
