"""Cases of habits: what users of Hydra type works, or one line names what does it here."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from freerun.cli.main import main
from freerun.config.hydra.compose import experiments
from freerun.config.run_identity import canonical
from freerun.engine.compiled.library import library
from freerun.execution import time_estimate
from freerun.execution.pace import Pace
from freerun.laws.toolkit import series_file
from freerun.parts import registry
from freerun.sweeps import experiment_file, study
from tiers import tiered

#: Small enough to be trained while one waits.
TINY = "task.sequences=16 task.length=6 evaluation.warmup=1 model.hidden=2 training.updates=2 training.batch=2"
#: Words of the insides, which no user has to know.
INTERNAL = (
    *(
        "ConfigLoader",
        "ValueType",
        "omegaconf",
        "OmegaConf",
        "ANTLR",
        "Lexer",
        "NoViableAlt",
        "viable",
        "mismatched input",
        "EQUAL",
    ),
    *(
        "extraneous",
        "<EOF>",
        "Traceback",
        "Exception",
        "TypeError",
        "ValueError",
        "Optional",
        "Integer",
        "Float",
        "of type '",
        "Union[",
    ),
    *("argparse", "invalid choice", "is not supported", "struct", "enumerate", "DictConfig", "NoneType", "unexpected error"),
)
#: What is refused: by habit, lines and what the one line that refuses each of them must name.
REFUSED = {
    "interpolation": [
        ("run training.lr=${oc.env:LR}", ["training.lr=${oc.env:LR}", "interpolation", "training.lr=$NAME"]),
        ("run -m training.updates=${training.batch}", ["interpolation", "training.updates=$NAME"]),
        ("plan evaluation.horizon=${oc.env:H,5}", ["interpolation", "evaluation.horizon=$NAME"]),
    ],
    "a list of parts": [
        ("run model=[gru,lstm]", ["-m model=gru,lstm"]),
        ("run -m regime=[teacher_forcing]", ["-m regime=teacher_forcing"]),
        ("plan task=[markov,reber,text]", ["-m task=markov,reber,text"]),
    ],
    "names in capitals": [
        ("run model=GRU", ["did you mean 'gru'?"]),
        ("run training.LR=1", ["did you mean 'lr'?"]),
        ("plan task=Lorenz63", ["did you mean 'lorenz63'?"]),
        ("run Model=gru", ["did you mean 'model'?"]),
        ("table w --format TEX", ["did you mean 'latex'?"]),
    ],
    "interval in run -m": [
        ("run -m training.lr=interval(1e-4,1e-2)", ["training.lr=interval(1e-4,1e-2)", "freerun search", "range(a,b)"]),
        ("run training.lr=tag(log,interval(1e-4,1e-2))", ["freerun search"]),
        ("plan model.hidden=interval(2,8)", ["freerun search"]),
        ("study path_star seed=interval(1,3)", ["freerun search"]),
    ],
    "glob of what has no names": [
        ("run -m seed=glob(*)", ["seed=glob(*)", "model=glob(*)", "key=a,b"]),
        ("run -m training.lr=glob(0*)", ["training.lr=glob(0*)", "key=a,b"]),
        ("search model.hidden=glob(*)", ["model.hidden=glob(*)", "key=a,b"]),
        ("run -m model=glob(z*)", ["model=glob(z*)", "choose one of: convolution"]),
    ],
    "folders and names of configurations": [
        ("run --config-dir conf", ["--config-dir", "plugins=[FILE.py]", "freerun study FILE.yaml"]),
        ("run -cd=conf", ["-cd", "plugins=[FILE.py]"]),
        ("study --config-name=mine", ["--config-name", "freerun study FILE.yaml"]),
        ("run -cn mine", ["-cn", "freerun run FILE.yaml"]),
        ("plan --config-path conf", ["--config-path", "freerun study FILE.yaml"]),
        ("run -cp conf", ["-cp", "freerun study FILE.yaml"]),
        ("run hydra.searchpath=[file://conf]", ["hydra.searchpath", "plugins=[FILE.py]"]),
        ("--config-name=mine", ["--config-name", "freerun study FILE.yaml"]),
    ],
    "info": [
        ("run --info", ["--info", "freerun list", "--cfg job", "freerun plan"]),
        ("run -i defaults", ["-i", "freerun list"]),
        ("study --info all", ["--info", "freerun list"]),
    ],
    "other parts of the configuration": [
        ("run -c hydra", ["-c/--cfg", "job", "'hydra'"]),
        ("run --cfg all", ["job", "'all'"]),
        ("plan --cfg=hydra", ["job", "'hydra'"]),
        ("search --cfg job seed=0", ["--cfg", "freerun run, plan and study"]),
        ("run --cfg job --resolve", ["--resolve", "leave it out"]),
        ("run --cfg job --package task", ["--package", "leave it out"]),
        ("run -p _global_ -c job", ["-p", "leave it out"]),
    ],
    "folders of results": [
        ("run hydra.run.dir=/tmp/x", ["hydra.run.dir=/tmp/x", "--results DIR", "--as NAME"]),
        ("run -m hydra.sweep.dir=/tmp/x seed=0,1", ["hydra.sweep.dir=/tmp/x", "--results DIR"]),
        ("study hydra.sweep.subdir=x", ["hydra.sweep.subdir=x", "--results DIR"]),
        ("run hydra.output_subdir=null", ["--results DIR"]),
        ("run hydra.job.name=mine", ["hydra.job.name=mine", "--as NAME"]),
    ],
    "launchers and sweepers": [
        ("run hydra/launcher=joblib", ["hydra/launcher=joblib", "write launcher=joblib"]),
        ("run -m hydra/launcher=submitit_slurm seed=0,1", ["write launcher=slurm"]),
        ("run -m hydra/launcher=submitit_local seed=0,1", ["write launcher=local"]),
        ("run -m hydra/launcher=basic seed=0,1", ["write launcher=inline"]),
        ("run -m hydra.launcher.n_jobs=4 seed=0,1", ["hydra.launcher.n_jobs=4", "launcher.workers=N"]),
        ("run hydra.launcher.partition=gpu", ["launcher."]),
        ("run -m hydra/sweeper=optuna", ["freerun search", "--sampler NAME"]),
        ("run -m hydra.sweeper.n_trials=20", ["freerun search", "--trials N"]),
        ("run hydra.sweeper.params.seed=0,1", ["key=a,b with -m"]),
        ("run hydra.mode=MULTIRUN seed=0,1", ["hydra.mode=MULTIRUN", "-m"]),
        ("run hydra.job.chdir=true", ["hydra.job.chdir=true", "no settings"]),
        ("run hydra/job_logging=none", ["no settings"]),
        ("plan hydra.verbose=true", ["no settings"]),
    ],
    "collections of settings": [
        ("run experiment=foo", ["experiment=foo", "freerun study NAME", "freerun list studies"]),
        ("run +experiment=path_star", ["freerun study path_star"]),
        ("plan +study=first_look", ["freerun study first_look"]),
        ("run preset=x", ["preset=x", "freerun study NAME"]),
        ("run path_star", ["path_star is a study", "freerun study path_star"]),
    ],
    "keys that there are not": [
        ("run +key=value", ["key=value", "unknown key 'key'"]),
        ("run qick=true", ["unknown key 'qick'", "did you mean 'quick'"]),
        ("run quick=true", ["quick=true", "freerun study NAME quick=true"]),
        ("study path_star qick=true", ["did you mean 'quick'"]),
        ("plan path_star sed=3", ["did you mean 'seed'"]),
        ("run launche.workers=2", ["did you mean 'launcher.workers'"]),
        ("run evaluaton.horizon=2", ["did you mean 'evaluation.horizon'"]),
        ("run lg=csv", ["did you mean 'log'"]),
        ("run hidden=3", ["unknown key 'hidden'", "choose one of: device, dtype, engine, evaluation"]),
        ("run ++training.lrr=0.1", ["training.lrr", "'lr'"]),
        ("run +model.depth=3", ["model.depth", "of model gru"]),
        ("run -m regime=free_running,scheduled_sampling regime.ende=1", ["regime.ende=1", "free_running", "'end'"]),
        ("run -m model=gru,lstm model.hiden=1", ["model.hiden=1", "gru, lstm", "'hidden'"]),
        ("run -m task=markov,reber task.stats=1", ["task.stats=1", "markov, reber"]),
    ],
    "keys to be removed": [
        ("run ~training.clip", ["~training.clip", "training.clip=null"]),
        ("plan ~training.clip", ["~training.clip", "training.clip=null"]),
        ("plan -m ~feedback", ["feedback=null"]),
        ("study ~seed", ["~seed", "leave it out"]),
        ("run ~model=gru", ["~model", "leave it out"]),
    ],
    "null": [
        ("run seed=null", ["seed=null", "must be a whole number"]),
        ("run task=null", ["task=null", "choose one of"]),
        ("run dtype=null", ["dtype=null", "must be text"]),
        ("run regime=scheduled_sampling regime.end=null", ["regime.end=null", "must be a number"]),
        ("run training.decay=null", ["unknown decay null", "cosine"]),
    ],
    "packages": [
        ("run task@other=lorenz63", ["task@other=lorenz63", "write task=lorenz63"]),
        ("run +model@second=gru", ["model@second=gru", "write model=gru"]),
        ("plan regime@_global_=free_running", ["write regime=free_running"]),
    ],
    "lists in quotes and brackets": [
        ("""run -m 'seed="0,1"'""", ["""seed="0,1\"""", "without brackets or quotes", "-m"]),
        ("run training.lr=[0.1,0.2]", ["must be a number", "key=a,b with -m"]),
        ("run 'training.lr=0.1, 0.2'", ["several values", "add -m"]),
        ("run seed=0,1", ["seed=0,1", "add -m"]),
    ],
    "help, version, completion": [
        ("run --hydra-help", ["freerun --help", "freerun run --help"]),
        ("--hydra-help", ["freerun --help"]),
        ("run --version", ["freerun --version"]),
        ("run --shell-completion", ["freerun completion", "bash"]),
        ("run -sc install=bash", ["freerun completion"]),
        ("-sc query=zsh", ["freerun completion"]),
    ],
    "no command, or none that sweeps": [
        ("task=lorenz63 seed=0", ["'task=lorenz63'", "freerun run key=value"]),
        ("-m seed=0,1", ["-m", "freerun run -m"]),
        ("study -m seed=0,1", ["-m", "freerun run -m"]),
        ("search --multirun seed=0", ["--multirun", "freerun run -m"]),
        ("run --run seed=0", ["--run", "leave it out"]),
        ("run --experimental-rerun x.pickle", ["freerun run FILE.yaml"]),
        ("run --seed=3", ["'--seed'", "write seed=VALUE"]),
        ("run --training.lr 0.1", ["write training.lr=VALUE"]),
    ],
    "an option given twice": [
        ("compare a b --study first --study second", ["--study: given twice", "'first'", "'second'"]),
        ("table first_look --results one --results=two", ["--results: given twice", "'one'", "'two'"]),
        ("study first_look --workers 2 --as x --workers 1", ["--workers: given twice", "one alone can count"]),
    ],
    "names of folders": [
        ("report results/first_look/", ["of a path its last part is the name: first_look"]),
        ("status ./first_look", ["its last part is the name: first_look"]),
        ("table first_look --out .", [".: must end in"]),
        ("compare '' gru --study first_look", ["'first_look'"]),
    ],
    "signs of the grammar": [
        ("run task={a", ["task={a", "bracket"]),
        ("run -m training.lr=foo(1,2)", ["there is no foo()", "range()"]),
        ("run -m seed=range(a,b)", ["range(first,end,step)"]),
        ("""run 'training.lr="a'""", ["a quote is open"]),
        ("run training.lr:0.1", ["training.lr:0.1", "of the form key=value"]),
        ("run training.lr=a=b", ["in quotes"]),
        ("run plugins=[~/p.py]", ["plugins=[~/p.py]", "write a path without ~"]),
        ("run training.lr=fast", ["must be a number", "'fast'"]),
        ("run evaluation.distances=perhaps", ["must be true or false"]),
        ("run training.gradient_norms=3", ["must be true or false, got 3"]),
        ("run task.world_by_seed=-1", ["must be true or false, got -1"]),
        ("run -m seed=choice()", ["choice(a,b)"]),
        ("run 'model={name:gru,hidden:4}'", ["a part is chosen by its name, settings", "model=gru model.hidden=..."]),
        ("run 'regime={name:scheduled_sampling}'", ["regime=scheduled_sampling regime.KEY=..."]),
    ],
}  # fmt: skip


def words_of(line: str) -> list[str]:
    """The words of a line; brackets and stars are as they would be in quotes."""
    return [word.strip("'") for word in re.findall(r"'[^']*'|\S+", line)]


def said(capsys, *words: str) -> tuple[object, str, str]:
    """The exit code of a line, and what was said to its two outputs."""
    with pytest.raises(SystemExit) as end:
        main(list(words))
    return (end.value.code, *capsys.readouterr())


@pytest.fixture(autouse=True)
def desk(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("habit", REFUSED)
def test_hydra_habits_are_answered_in_one_line_of_plain_words(habit, desk, capsys):
    assert len(REFUSED[habit]) >= 3
    for line, parts in REFUSED[habit]:
        code, out, err = said(capsys, *words_of(line))
        assert (code, out, err.count("\n")) == (2, "", 1), (line, err)
        assert len(err.partition("; choose one of")[0]) <= 200, (line, err)
        assert " ... " not in err.partition("; choose one of")[0], f"{line}: cut, {err}"
        assert not [part for part in parts if part not in err], (line, err)
        assert not [word for word in INTERNAL if word in err], (line, err)
    assert list(desk.iterdir()) == [], "nothing is written"


#: What works: by habit, lines, and the experiments that each of them stands for, a line of plain settings for each.
WORKS = {
    "glob(*)": [
        ("regime=glob(*_forcing,exclude=[e*,g*,n*,s*])", ["regime=teacher_forcing"]),
        ("model=glob(g*)", ["model=gru"]),
        ("model=glob([gru,l*])", ["model=gru", "model=linear", "model=lru", "model=lstm"]),
        ("task=glob(reb*)", ["task=reber"]),
    ],
    "range, choice, sort, shuffle": [
        ("seed=range(2)", ["seed=0", "seed=1"]),
        ("seed=range(1,6,2)", ["seed=1", "seed=3", "seed=5"]),
        ("model=choice(gru,lstm)", ["model=gru", "model=lstm"]),
        ("seed=sort(3,1)", ["seed=1", "seed=3"]),
    ],
    "+key=value and ++key=value": [
        ("+training.lr=0.1", ["training.lr=0.1"]),
        ("++training.lr=0.1,0.2", ["training.lr=0.1", "training.lr=0.2"]),
        ("+feedback=argmax", ["feedback=argmax"]),
        ("++model=lstm ++model.hidden=3", ["model=lstm model.hidden=3"]),
    ],
    "key=null": [
        ("training.clip=null", ["training.clip=null"]),
        ("feedback=null", [""]),
        ("evaluation.horizon=null", [""]),
    ],
    "a setting of some of the swept parts": [
        (
            "regime=teacher_forcing,scheduled_sampling regime.end=.1,.5",
            [
                "regime=teacher_forcing",
                "regime=scheduled_sampling regime.end=.1",
                "regime=scheduled_sampling regime.end=.5",
            ],
        ),
        (
            "task=lorenz63,roessler task.sigma=9,10 task.dt=0.01",
            [
                *("task=lorenz63 task.sigma=9 task.dt=0.01", "task=lorenz63 task.sigma=10 task.dt=0.01"),
                "task=roessler task.dt=0.01",
            ],
        ),
        ("model=transformer,gru model.heads=2", ["model=transformer model.heads=2", "model=gru"]),
        (
            "regime=glob([free*,noisy_fo*]) regime.noise=0.2",
            ["regime=free_running", "regime=noisy_forcing regime.noise=0.2"],
        ),
    ],
}  # fmt: skip


@pytest.mark.parametrize("habit", WORKS)
def test_hydra_habits_that_work(habit, capsys):
    assert len(WORKS[habit]) >= 3
    for line, meant in WORKS[habit]:
        code, out, err = said(capsys, "run", "--multirun", "-c", "job", *line.split())
        plain = [canonical(experiments(words.split(), sweep=False)[0]) for words in meant]
        assert (code, out) == (0, experiment_file.printed(plain)), (line, err)
        assert not [word for word in INTERNAL if word in err], err


def test_a_setting_that_belongs_to_some_of_the_swept_parts_is_said_to(capsys):
    for line, notes in {
        "regime=free_running,scheduled_sampling regime.end=.1,.5 seed=0,1": ["regime.end: regime=free_running", "(2 times)"],
        "model=transformer,gru model.heads=2": ["model.heads: model=gru has no such setting", "without it"],
        "regime=scheduled_sampling,free_running,teacher_forcing regime.start=1 seed=3": [
            "regime.start: regime=free_running has", "regime.start: regime=teacher_forcing has",
        ],
    }.items():  # fmt: skip
        code, _, err = said(capsys, "run", "-m", "--cfg", "job", *line.split())
        assert code == 0
        assert not [note for note in notes if note not in err], err
    case = {"cases": [{"regime": ["teacher_forcing", "scheduled_sampling"], "regime.end": [0.1, 0.5], "seed": 0}]}
    with open("both.yaml", "w") as file:
        file.write(str(case))
    assert len(study.load("both.yaml", []).runs) == 3
    assert "regime.end: regime=teacher_forcing" in capsys.readouterr().err


def test_help_and_options_are_what_they_are_with_overrides(capsys):
    for line in ("run --help task=lorenz63", "run task=nonsense -h", "study seed=0,1 --help", "plan -m --info --help"):
        code, out, err = said(capsys, *line.split())
        assert (code, err) == (0, "")
        assert out.startswith(f"usage: freerun {line.split()[0]}")
    assert said(capsys, "--version")[1].startswith("freerun ")
    for line in ("run -m seed=0,1 -c job", "run --multirun seed=0,1 --cfg=job", "run seed=0,1 -cjob -m"):
        assert said(capsys, *line.split())[1].count("\nseed: ") == 2


FITTING = {"series": [f"task.path={series_file()}"], "adding": ["model=sequence_to_one"]}
#: Lines whose experiments are printed and read back.
PRINTED = {
    "metrics": ["task=lorenz63", "evaluation.metrics=[rmse,valid_time]", "evaluation.valid_time.threshold=0.3", "seed=2"],
    "training": ["gradient=every_3", "feedback=gumbel", "training.lr=1e-5", "training.clip=null", "seed=7", "dtype=float64"],
    "sweep": ["-m", "regime=teacher_forcing,scheduled_sampling", "regime.end=0.1,0.5"],
    **{name: [f"task={name}", *FITTING.get(name, [])] for name in registry.parts("task")},
    **{name: [f"regime={name}", "task=lorenz63"] for name in registry.parts("regime")},
}  # fmt: skip


@pytest.mark.parametrize("name", tiered(PRINTED, quick=("metrics", "training", "sweep").__contains__))
def test_cfg_job_can_be_fed_back(name, desk, capsys):
    code, out, _ = said(capsys, "run", *PRINTED[name], "--cfg", "job")
    assert code == 0
    (desk / "printed.yaml").write_text(out)
    assert said(capsys, "run", "printed.yaml", "-c", "job")[:2] == (0, out)
    assert said(capsys, "plan", "printed.yaml", "--cfg", "job")[:2] == (0, out)


@pytest.mark.slow
def test_what_cfg_job_has_printed_of_a_sweep_or_a_study_can_be_planned(desk, capsys):
    (desk / "few.yaml").write_text("cases: [{model: [gru, lstm], seed: range(3)}]\n")
    for line, runs in {"study few.yaml": 6, "plan few.yaml seed=0,1": 4, "run -m seed=0,1,2": 3}.items():
        (desk / "printed.yaml").write_text(said(capsys, *line.split(), "--cfg", "job")[1])
        code, out, _ = said(capsys, "plan", "printed.yaml")
        assert (code, out.split(",")[0].split(": ")[1]) == (0, f"{runs} runs")


def test_cfg_job_prints_the_part_that_is_asked_for_and_nothing_that_tuning_has_yet_to_choose(desk, capsys):
    (desk / "few.yaml").write_text("cases: [{model: [gru, lstm], seed: range(2)}]\n")
    (desk / "tuned.yaml").write_text("cases: [{seed: 0}]\ntune: {axes: {training.lr: 1e-3,1e-2}, seeds: 7}\n")
    for line in ("study few.yaml", "plan few.yaml", "run -m model=gru,lstm seed=0,1"):
        parts = [said(capsys, *line.split(), "--shard", part, "--cfg", "job")[1].count("\nseed:") for part in ("1/2", "2/2")]
        assert parts == [2, 2], line
    for line in ("study few.yaml --tune", "plan tuned.yaml", "study tuned.yaml"):
        code, out, err = said(capsys, *line.split(), "-c", "job")
        assert (code, out, err.count("\n")) == (2, "", 1), line
        assert "follows from its tuning" in err


def test_a_printed_experiment_is_run_with_what_is_typed_beside_it(desk, capsys):
    code, out, _ = said(capsys, "run", *TINY.split(), "regime=scheduled_sampling", "regime.end=0.5", "--cfg", "job")
    (desk / "one.yaml").write_text(out)
    plain = ["run", *TINY.split(), "regime=scheduled_sampling", "regime.end=0.5", "-c", "job"]
    for typed in (["seed=3"], ["regime.end=0.25", "training.lr=0.1"], ["+seed=1"]):
        assert said(capsys, "run", "one.yaml", *typed, "-c", "job")[1] == said(capsys, *plain, *typed)[1]
    other = said(capsys, "run", "regime=free_running", "one.yaml", "-c", "job")[1]
    assert other == said(capsys, "run", *TINY.split(), "regime=free_running", "-c", "job")[1], "its settings go with the part"
    assert said(capsys, "run", "one.yaml", "-m", "seed=0,1", "-c", "job")[1].count("\nseed:") == 2
    (desk / "study.yaml").write_text("cases: [{seed: 0}]\n")
    (desk / "odd.yaml").write_text("task: 3\n")
    (desk / "data.csv").write_bytes(Path(series_file()).read_bytes())
    (desk / "own.yaml").write_text(said(capsys, "run", "task=series", "task.path=data.csv", "-c", "job")[1])
    (desk / "data.csv").write_text((desk / "data.csv").read_text().replace("1", "2"))
    for line, parts in {
        "run study.yaml": ["study.yaml", "freerun study"],
        "run odd.yaml": ["odd.yaml", "--cfg job"],
        "run none.yaml": ["none.yaml", "No such file"],
        "study one.yaml": ["one.yaml", "freerun run one.yaml"],
        "run one.yaml sed=1": ["sed=1", "'seed'"],
        "run one.yaml regime.edn=1": ["regime.edn=1", "of regime scheduled_sampling"],
        "run one.yaml study.yaml": ["one name"],
        "run own.yaml": ["own.yaml, experiment 1", "task=series", "changed"],
    }.items():
        code, out, err = said(capsys, *line.split())
        assert (code, out, err.count("\n")) == (2, "", 1), (line, err)
        assert not [part for part in parts if part not in err], (line, err)


def test_plan_plans_what_was_typed(desk, capsys):
    for line, runs in {
        "task=lorenz63 seed=0,1": 2,
        "task=lorenz63": 1,
        "-m task=reber seed=range(3) model=glob(g*)": 3,
    }.items():
        code, out, _ = said(capsys, "plan", *line.split())
        assert code == 0
        asked = study.adhoc([word for word in line.split() if word != "-m"], sweep=True)
        assert out.startswith(f"{asked.name}: {runs} run"), out
    (desk / "few.yaml").write_text("cases: [{seed: range(3)}]\n")
    for line, name in {"few.yaml": "few", "few.yaml seed=0": "few"}.items():
        assert said(capsys, "plan", *line.split())[1].startswith(f"{name}: "), line
    for line in ("--tune seed=0", "seed=0 tune.trials=3", "-m --tune seed=0"):
        code, _, err = said(capsys, "plan", *line.split())
        assert (code, "freerun plan first_look --tune" in err) == (2, True), err


def lasted(updates: int, begin: float, update: float, log: float, *, every: int, told: bool = True) -> time_estimate.Cost:
    """What a run has cost whose beginning, updates and logs take so many seconds; `told`: it was timed update by update."""
    seconds, now = [begin + update + log], begin + update + log
    for number in range(1, updates):
        now += update + (log if number % every == 0 or number == updates - 1 else 0)
        seconds += [now, now]
    clock = iter([seconds[0], *seconds])
    pace = Pace(lambda number, values: None, clock=lambda: next(clock))
    for number in range(updates):
        pace(number, {"loss": [0.0]} if number % every == 0 or number == updates - 1 else {})
    timed = pace.seconds(1) if told else {}
    return time_estimate.Cost(
        updates=updates,
        training=now,
        update=timed.get("update_seconds"),
        logging=timed.get("logging_seconds", 0.0),
        evaluation=2.0,
    )


@pytest.mark.parametrize("text", ["", "\n \n", "---\n", "---\n---", "{}\n", "# nothing\n", "task: {name: markov}\n---\n{}\n"])
@pytest.mark.parametrize("command", ["run", "plan", "run --cfg job"])
def test_a_file_that_holds_no_experiment_is_refused(text, command, desk, capsys):
    """As a command that was refused leaves one behind `>`; nothing to do is not all done."""
    (desk / "f.yaml").write_text(text)
    code, out, err = said(capsys, *command.split(), "f.yaml")
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert err.startswith("freerun: f.yaml: ")
    assert not (desk / "results").exists()


@pytest.mark.parametrize(
    ("updates", "begin", "update", "log"),
    [(2, 40.0, 0.01, 0.2), (1, 3.0, 0.01, 0.2), (3, 8.0, 0.02, 1.0), (30, 30.0, 0.005, 0.1), (200, 1.0, 0.05, 0.0)],
)
def test_plan_after_a_run_of_2_updates_is_within_a_factor_of_two_or_not_known(updates, begin, update, log):
    told = [lasted(updates, begin, update, log, every=100, told=told).predicted(10_000, 100) for told in (True, False)]
    true = begin + 10_000 * update + 100 * log + 2
    assert told[1] is None, "an older record that does not say what an update took"
    assert (told[0] is None) is (updates <= 2)
    assert told[0] is None or true / 2 < told[0] < 2 * true
    assert lasted(3000, begin, update, log, every=100, told=False).predicted(10_000, 100) < 2 * true


def test_plan_after_a_run_of_2_updates_says_that_it_guesses(capsys):
    assert said(capsys, "run", *TINY.split(), "launcher=inline")[0] == 0
    for line, words in {
        "training.updates=20000": "a rough guess",
        "training.updates=2 seed=1": "earlier runs",
        "training.updates=9": "rough",
    }.items():
        assert words in said(capsys, "plan", *TINY.split(), *line.split())[1].splitlines()[-1], line


@pytest.mark.skipif(library() is None, reason="the compiled engine is not built here (no C compiler)")
def test_plan_after_runs_of_another_engine_says_that_it_guesses(capsys):
    """Which takes several times as long: what it took tells nothing of this one."""
    assert said(capsys, "run", *TINY.split(), "launcher=inline", "engine=reference")[0] == 0
    for engine, words in {"reference": "earlier runs", "compiled": "a rough guess"}.items():
        line = said(capsys, "plan", *TINY.split(), "seed=1", f"engine={engine}")[1].splitlines()[-1]
        assert words in line, line


FLOW = """
from dataclasses import dataclass
import numpy as np
from freerun import Flow

@dataclass(kw_only=True)
class {name}(Flow):
    \"\"\"A flow of a user's own.\"\"\"

    coarsest = 0.02
    dt: float = 0.02
    substeps: int = 2
    transient: float = 20.0
    a: float = {a}

    def slope(self, state):
        x, y, z = state.T
        return np.stack([{slope}], axis=1)

    def begin(self, noise, step):
        return 0.1 * noise + np.array([-1.0, 0.0, 0.0])
"""
#: A name, a parameter, the right-hand side, and between what the largest exponent lies, per time unit: Lorenz has 0.9056.
FLOWS = [
    ("Lorenz", 28.0, "10 * (y - x), x * (self.a - z) - y, x * y - 8 / 3 * z", 0.88, 0.93),
    ("Halvorsen", 1.4, "*(-self.a * u - 4 * v - 4 * w - v * v for u, v, w in ((x, y, z), (y, z, x), (z, x, y)))", 0.1, 2.0),
    ("Rotating", 0.2, "-y - z, x + self.a * y, 0.2 + z * (x - 5.7)", 0.05, 0.09),
]


@pytest.mark.slow
@pytest.mark.parametrize(("name", "a", "slope", "least", "most"), FLOWS, ids=[flow[0] for flow in FLOWS])
def test_own_flow_is_a_file_that_imports_public_names_alone(name, a, slope, least, most, desk, capsys, monkeypatch):
    monkeypatch.setattr(registry, "plugin_parts", {kind: {} for kind in registry.KINDS})
    (desk / f"{name.lower()}.py").write_text(FLOW.format(name=name, a=a, slope=slope))
    line = [f"plugins=[{name.lower()}.py]", f"task={name.lower()}", "task.sequences=16", "model.hidden=2", "training.updates=2"]
    (made,) = experiments(line, sweep=False)
    assert least < 1 / (made.task.lyapunov_steps() * made.task.dt) < most
    code, out, err = said(capsys, "run", *line, "evaluation.sequences=4", "evaluation.orbit=0", "launcher=inline")
    assert (code, "failed" in out + err) == (0, False), out + err


@pytest.mark.parametrize("words", [("--results=~/own",), ("--results", "~/own")])
def test_a_home_that_no_shell_puts_in_is_put_in(words, desk, monkeypatch, capsys):
    home = desk / "home"
    monkeypatch.setenv("HOME", str(home))
    for line, place in (
        (("table", "a", *words), "home/own"),
        (("plan", "~/no.yaml"), "home/no.yaml"),
        (("merge", "~/no"), "home/no"),
    ):
        err = said(capsys, *line)[2]
        assert place in err, err
        assert "~" not in err
    assert not (desk / "~").exists()


def test_a_key_that_is_taken_away_is_no_home(desk, capsys):
    assert "~training.lr: no key is removed" in said(capsys, "run", "~training.lr")[2]
