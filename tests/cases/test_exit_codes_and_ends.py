"""Ends and exit codes that were once wrong: every case, each with further instances of its kind.

- a worker that hangs after a fork, or is killed after it; a metric that returns bools, a unit that is a number
- the results folder is renamed while a sweep runs; `.store/index` of 20 GB
- a plugin that raises a BaseException; Ctrl-C in the first moments; `--results` of 300 letters; half of a character in a title
- standard output that is closed, full or cut off by `head`; the terminal is closed; `task.path=/proc/kmsg`
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import pty
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from freerun import early_interrupt
from freerun.cli.main import dispatch, main
from freerun.cli.steady_output import SteadyOutput
from freerun.config.hydra.compose import experiments
from freerun.errors import ConfigError, FreerunError, StoreError
from freerun.execution import group_runner, plan_files, worker_supervisor
from freerun.execution.planned_run import plan
from freerun.io import processes
from freerun.parts import plugins, registry
from freerun.parts.plugins import plugin_files
from freerun.store import record_index
from freerun.store.records import Store
from synthetic import grid, study
from tiers import tiered

RUNS = [
    "run", "-m", "task=markov", "model=gru", "task.sequences=16", "task.length=6", "evaluation.warmup=1", "model.hidden=2",
    "training.updates=2", "training.batch=2", "evaluation.metrics=[loss]", "launcher=inline", "launcher.group=1",
]  # fmt: skip
FREERUN = f"{sys.executable} -m freerun"


def shell(script: str, folder: Path) -> tuple[int, str, str]:
    done = subprocess.run(
        ["/bin/bash", "-o", "pipefail", "-c", script], cwd=folder, capture_output=True, text=True, timeout=120
    )
    return done.returncode, done.stdout, done.stderr


def done(folder: Path) -> int:
    return len(list(Store(folder / "results" / ".store").runs()))


@pytest.mark.slow  # what is said to a closed or full output is tried with quicker commands below
@pytest.mark.parametrize(
    ("ending", "code", "said"),
    [
        ("| head -1", 0, ""),
        (">&- 2>&- <&-", 0, ""),
        ("2> /dev/full", 0, ""),
        ("> /dev/full", 1, "freerun: what was said is lost: No space left on device; the work itself is not\n"),
    ],
)
def test_a_sweep_is_done_whatever_happens_to_its_output(ending, code, said, tmp_path):
    end = shell(f"{FREERUN} {' '.join(RUNS)} seed=0,1,2 {ending}", tmp_path)
    assert (end[0], end[2]) == (code, said)
    assert done(tmp_path) == 3
    assert shell(f"{FREERUN} status", tmp_path)[1].count(" 3 ") == 2, "all runs are done"


@pytest.mark.slow  # the signal and the output of it are tried below
def test_a_sweep_survives_its_terminal(tmp_path):
    """The terminal closes at the first line that is said; the sweep has it as the terminal of its session."""
    process, terminal = pty.fork()
    if not process:
        os.chdir(tmp_path)
        os.execv(sys.executable, [*FREERUN.split(), *RUNS, "seed=0,1,2", "launcher=local", "launcher.workers=1"])
    os.read(terminal, 1)
    os.close(terminal)
    assert os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]) == 0
    assert done(tmp_path) == 3


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGTERM])
@pytest.mark.parametrize("words", [["list", "tasks"], ["status"], ["run", "task=nope"]])
def test_a_closed_terminal_ends_no_command_and_a_request_to_end_does(number, words, monkeypatch):
    ends, before = [], signal.signal(number, signal.SIG_DFL)  # under nohup the tests themselves are deaf to SIGHUP

    def asked(words):
        ends.append(words)
        os.kill(os.getpid(), number)
        return 0

    monkeypatch.setattr("freerun.cli.main.dispatch", asked)
    try:
        with pytest.raises(SystemExit) as end:
            main(words)
        assert (end.value.code, ends) == (0 if number == signal.SIGHUP else 143, [words])
        assert signal.getsignal(number) is signal.SIG_DFL
    finally:
        signal.signal(number, before)


def test_what_is_said_to_a_closed_terminal_is_not_lost_work_and_on_a_broken_disk_it_is():
    for closed, refused in ((True, None), (False, errno.EIO)):
        terminal, slave = pty.openpty()
        with open(slave, "w") as stream:
            output = SteadyOutput(stream)
            if closed:
                os.close(terminal)
                output.write("a" * 10000)
                output.flush()
            else:
                output._at_terminal = False
                output._lose(OSError(errno.EIO, "Input/output error"))
                os.close(terminal)
        assert (output.refused and output.refused.errno) == refused


@pytest.mark.parametrize("ending", ["2>&-", "2> /dev/full", ">&- 2>&-"])
def test_a_refusal_keeps_its_code_whatever_happens_to_its_line(ending, tmp_path):
    assert shell(f"{FREERUN} run task=nope {ending}", tmp_path)[0] == 2


@pytest.mark.parametrize("words", [["run", "task=markov"], ["status"], ["list", "tasks"], ["report", "s"]])
def test_a_working_folder_that_is_gone_is_one_line(words, tmp_path, monkeypatch, capsys):
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    with pytest.raises(SystemExit) as end:
        main(words)
    assert (end.value.code, *capsys.readouterr()) == (
        3, "", "freerun: the working folder is gone: No such file or directory; change to one that is there\n",
    )  # fmt: skip


def test_results_of_another_user_are_one_line(monkeypatch, capsys):
    """Whose umask lets nobody in: what every command meets, wherever it looks first. Root may read all, so it is made up."""

    def locked(words):
        raise PermissionError(errno.EACCES, "Permission denied", "results/s")

    monkeypatch.setattr("freerun.cli.main.dispatch", locked)
    with pytest.raises(SystemExit) as end:
        main(["status"])
    assert (end.value.code, *capsys.readouterr()) == (
        3, "", "freerun: results/s: is not yours to use: Permission denied\n",
    )  # fmt: skip


def test_a_damaged_measurement_whose_run_is_sound_is_told_by_the_table(tmp_path, monkeypatch, capsys):
    """Its row was pending without a word."""
    monkeypatch.chdir(tmp_path)
    assert dispatch([*RUNS, "seed=0", "--as", "s"]) == 0
    (record,) = (tmp_path / "results/.store").glob("*/*-*.json")
    record.write_bytes(record.read_bytes().replace(b'"done"', b'"dnoe"'))
    assert dispatch(["table", "s"]) == 0
    assert "1 damaged record was set aside in results/.store/aside" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("word", "said"),
    [
        (os.fsencode("é").decode("ascii", "surrogateescape"), "'é': this locale knows no such letters"),
        ("a\udcff", "is not UTF-8"),
    ],
)
def test_letters_that_the_locale_does_not_know_are_not_called_broken(word, said):
    with pytest.raises(ConfigError, match=said):
        dispatch(["status", word])


def test_a_listing_that_is_cut_off_ends_well_and_one_that_cannot_be_written_does_not(tmp_path):
    assert shell(f"{FREERUN} list tasks | head -1", tmp_path)[::2] == (0, "")
    code, _, said = shell(f"{FREERUN} list tasks > /dev/full", tmp_path)
    assert code == 1
    assert said.count("\n") == 1


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (f"run task=markov --results {'a' * 300}", "File name too long"),
        (f"plan --results {'a/' * 3000}", "File name too long"),
        ("run task=text task.path=$(printf 'a\\xffb')", "is not UTF-8"),
        ("status $(printf '\\xff')", "is not UTF-8"),
        ("plan half.yaml", "half of a character"),
        ("run plugins=[leaves.py] task=markov", "GeneratorExit"),
        ("run plugins=[own.py] task=markov", "Own: bye"),
    ],
)
def test_what_is_no_text_no_name_or_no_error_of_a_part_is_one_line(words, says, tmp_path):
    (tmp_path / "half.yaml").write_text('title: "x\\uD800y"\ncases:\n  - task: markov\n')
    (tmp_path / "leaves.py").write_text("raise GeneratorExit\n")
    (tmp_path / "own.py").write_text("class Own(BaseException): pass\nraise Own('bye')\n")
    code, _, said = shell(f"{FREERUN} {words}", tmp_path)
    assert code == 2, said
    assert said.count("\n") == 1
    assert says in said
    assert not (tmp_path / "results").exists()


# ---------------------------------------------------------------------- a worker that forks


TINY = ["task.sequences=16", "task.length=6", "evaluation.warmup=1", "model.hidden=2", "training.updates=2", "training.batch=2"]


def planned(store, *words):
    runs = plan(experiments([*words], sweep=True))
    plan_files.write(store, runs)
    return [run.id for run in runs]


FORKER = """
import os
import pathlib
import signal
import time
from dataclasses import dataclass
from enum import Enum

import torch

from freerun.parts.regimes import Regime


class How(Enum):
    well = "well"
    kill = "kill"
    hang = "hang"
    escape = "escape"


@dataclass(kw_only=True)
class Forker(Regime):
    \"\"\"Free running, which forks a process that sleeps and then is killed, or hangs.\"\"\"

    how: How = How.well

    def probability(self, update, updates):
        return 0.0

    def mask(self, coins, update, updates):
        if update == 1 and self.how is not How.well:
            child = os.fork()
            if not child:
                if self.how is How.escape:  # into a session of its own, where nothing reaches it
                    os.setsid()
                time.sleep(600)
                os._exit(0)
            with open("forked", "a") as file:
                file.write(f"{os.getpid()} {child}\\n")
            if self.how is How.hang:
                time.sleep(600)
            os.kill(os.getpid(), signal.SIGKILL)
        return torch.zeros_like(coins)
"""


@pytest.mark.slow  # killed and hanging workers that do not fork: tests/execution/test_worker_supervisor.py
@pytest.mark.parametrize(("how", "says"), [("kill", "SIGKILL"), ("hang", "not finished after 6 s"), ("escape", "SIGKILL")])
def test_a_worker_that_forks_and_is_killed_or_hangs_fails_alone_and_leaves_nothing_running(how, says, tmp_path, monkeypatch):
    store = Store(tmp_path / ".store")
    store.open()
    monkeypatch.chdir(tmp_path)
    (tmp_path / "forker.py").write_text(FORKER)
    words = [*TINY, f"plugins=[{tmp_path / 'forker.py'}]", "regime=forker"]
    (bad,), (sound,) = planned(store, *words, f"regime.how={how}"), planned(store, *words)
    plugins = tuple(plugin_files().items())
    worker = worker_supervisor.Worker(worker_supervisor.Terms(time_limit=6 if how == "hang" else None, plugins=plugins))
    doing = threading.Thread(target=worker.do, args=(store, [bad, sound]), daemon=True)
    doing.start()
    doing.join(100)  # the forked process lives for ten minutes
    assert not doing.is_alive()
    worker.close()
    pids = [[int(word) for word in line.split()] for line in (tmp_path / "forked").read_text().splitlines()]
    if how == "escape":
        for _, child in pids:
            os.kill(child, signal.SIGKILL)
    assert says in store.failures.reason(bad)
    assert list(store.runs()) == [sound]
    assert len(pids) == 2  # in the group, and alone
    time.sleep(0.5)
    assert not any(processes.started(pid) for pair in pids for pid in pair)


# ---------------------------------------------------------------------- what a plugin's metric measures


METRIC = """
from dataclasses import dataclass
import torch
from freerun.measurement.metrics import Metric
from freerun.store.quantity import Quantity
@dataclass(kw_only=True)
class Own(Metric):
    "Odd."
    per = "rollout"
    quantity = Quantity(label="Own", unit="share", better="higher")
    def applies(self, observed): return True
    def measure(self, observed): return {value}
"""


@pytest.mark.parametrize("task", ["markov", "adding model=sequence_to_one feedback=none evaluation.warmup=0"])
@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (
            "torch.tensor([True])",
            r"metric own must measure a tensor of floating-point numbers with one axis, not torch.bool [1]",
        ),
        ("torch.tensor([3])", r"not torch.int64 [1]"),
        ("torch.zeros(2, 3)", r"not torch.float32 [2, 3]"),
        ("torch.tensor(1.0)", r"not torch.float32 []"),
        ("[1.0]", "not list"),
        ("None", "not NoneType"),
        ("torch.zeros(2)", "has one value for a rollout (per), and measured 2"),
    ],
)
def test_what_no_record_may_hold_fails_the_run_once(value, reason, task, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(registry, "plugin_parts", {kind: {} for kind in registry.KINDS})
    monkeypatch.setattr(plugins, "_plugin_files", {})
    monkeypatch.chdir(tmp_path)
    (tmp_path / "own.py").write_text(METRIC.format(value=value))
    words = [
        "run",
        f"task={task.split()[0]}",
        "model=gru",
        *TINY,
        "launcher=inline",
        *task.split()[1:],
        "plugins=[own.py]",
        "evaluation.metrics=[own]",
    ]
    words = [word for word in words if not ("adding" in task and word in ("model=gru", "evaluation.warmup=1"))]
    assert dispatch(words) == 1
    said = capsys.readouterr().err
    assert said.count("failed: ") == 1
    assert reason in said
    store = Store(tmp_path / "results" / ".store")
    assert [run for run in store.runs() if "-" in run] == []
    assert list((store.root / "aside").glob("*")) == []


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ('unit="share"', "unit=5"),
        ('label="Own"', "label=None"),
        ('better="higher"', "better=1"),
        ('label="Own"', 'label="\\ud800"'),
    ],
)
def test_a_unit_that_is_a_number_is_refused_before_anything_is_trained(changed, reason, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "own.py").write_text(METRIC.format(value="torch.zeros(2)").replace(changed, reason))
    words = ["run", "task=markov", "model=gru", *TINY, "launcher=inline", "plugins=[own.py]", "evaluation.metrics=[own]"]
    with pytest.raises(ConfigError) as fault:
        dispatch(words)
    assert "own" in str(fault.value)
    assert not (tmp_path / "results").exists()


# ---------------------------------------------------------------------- the results folder is renamed


RENAMED = {
    "results": ("results",), "the store": ("results/.store",), "the study": ("results/s",),
    "and made anew": ("results", "results/.store"),
}  # fmt: skip


@pytest.mark.parametrize(
    ("what", "moment"),
    tiered(
        [(what, moment) for what in RENAMED for moment in ("before a record", "after the last")],
        quick=lambda case: case == ("results", "before a record"),
    ),
)
def test_results_renamed_while_a_sweep_runs_are_not_made_anew(what, moment, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    genuine, count = group_runner.run_group, 0

    def moving(*words):
        nonlocal count
        if moment == "after the last":
            genuine(*words)
        count += 1
        if count == 3:
            place, *anew = (tmp_path / name for name in RENAMED[what])
            place.rename(tmp_path / "moved")
            for folder in anew:
                folder.mkdir(parents=True)
        if moment != "after the last":
            genuine(*words)

    monkeypatch.setattr(group_runner, "run_group", moving)
    with pytest.raises(SystemExit) as end:
        main([*RUNS, "seed=0,1,2", "--as", "s"])
    assert end.value.code == 3
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(
        f"freerun: results/{'s' if what == 'the study' else '.store'}: was renamed, moved or removed meanwhile"
    )
    anew = [path for name in RENAMED[what][1:] for path in (tmp_path / name).iterdir()]
    assert anew == []
    assert (tmp_path / RENAMED[what][0]).exists() == (what == "and made anew")
    for name in RENAMED[what][:0:-1]:
        (tmp_path / name).rmdir()
        with contextlib.suppress(OSError):
            (tmp_path / name).parent.rmdir()
    (tmp_path / "moved").rename(tmp_path / RENAMED[what][0])
    monkeypatch.setattr(group_runner, "run_group", genuine)
    assert dispatch([*RUNS, "seed=0,1,2", "--as", "s"]) == 0
    kept = 3 if moment == "after the last" or what == "the study" else 2
    assert f"s: 3 runs, {kept} done, {3 - kept} to do" in capsys.readouterr().out


@pytest.mark.slow
def test_results_renamed_under_workers_are_not_made_anew(tmp_path):
    words = [word for word in RUNS if not word.startswith(("launcher=", "training.updates"))]
    words = [
        sys.executable,
        "-m",
        "freerun",
        *words,
        "training.updates=1500",
        "seed=range(6)",
        "launcher.workers=2",
        "--as",
        "s",
    ]
    sweep = subprocess.Popen(words, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    store = tmp_path / "results/.store"
    while sweep.poll() is None and len(list(store.glob("*/*-*.json"))) < 2:
        time.sleep(0.05)
    (tmp_path / "results").rename(tmp_path / "moved")
    _, said = sweep.communicate(timeout=60)
    assert sweep.returncode == 3, said
    assert said.count("\n") == 1
    assert "was renamed, moved or" in said
    assert not (tmp_path / "results").exists()
    assert 2 <= len(list((tmp_path / "moved/.store").glob("*/*-*.json"))) < 6


def test_a_store_is_made_once(tmp_path):
    """By whoever writes first; a store that was there and is gone is not made anew, whatever is written."""
    store = Store(tmp_path / "deep" / "store")
    store.failures.note("0" * 16, "reason")
    assert store.failures.reason("0" * 16) == "reason"
    store.root.rename(tmp_path / "moved")
    for write in (store.open, lambda: store.failures.note("1" * 16, "reason"), lambda: store.set_aside("0" * 16)):
        with pytest.raises(StoreError, match="was renamed, moved or removed meanwhile"):
            write()
    store.failures.log("1" * 16, "text")
    assert not store.root.exists()


# ---------------------------------------------------------------------- an index of 20 GB


@pytest.fixture
def made(tmp_path, monkeypatch):
    """Results of a study, with its index."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(record_index, "SETTLED", 0.0)
    wanted = grid(tasks=("markov",), seeds=2)
    store, ids = study(tmp_path / "results" / ".store", wanted)
    info = {"name": "s", "ids": ids, "planned": dict(zip(ids, wanted, strict=True)), "command": "freerun study s.yaml"}
    (tmp_path / "results/s").mkdir()
    (tmp_path / "results/s/study.json").write_text(json.dumps(info))
    assert dispatch(["table", "s"]) == 0
    return store


@pytest.mark.parametrize("kept", [0, 100, 200, None], ids=["nothing", "half of its head", "its head", "all of it"])
@pytest.mark.parametrize("size", [20 * 2**30, 3 * 2**30, 2**32])
def test_an_index_of_20_gb_is_not_read_and_made_anew(size, kept, made):
    """Sparse, and with as much of a sound one at its beginning as there may be."""
    path = made.root / record_index.NAME
    sound = path.read_bytes()
    path.write_bytes(sound[:kept])
    os.truncate(path, size)
    began = time.process_time()
    assert dispatch(["table", "s"]) == 0
    assert time.process_time() - began < 2
    assert path.stat().st_size == len(sound)


# ---------------------------------------------------------------------- interrupted at once


INTERRUPTED = """
import os, signal, sys
sys.orig_argv = sys.argv[2:]
class Interrupting:
    def find_spec(self, name, *rest):
        if name == sys.argv[1]:
            sys.meta_path.remove(self)
            os.kill(os.getpid(), signal.SIGINT)
sys.meta_path.insert(0, Interrupting())
signal.signal(signal.SIGINT, signal.default_int_handler)
from freerun.cli.main import main
main(["--version"])
"""


@pytest.mark.parametrize(
    ("module", "started", "line"),
    tiered(
        [
            ("freerun.arithmetic", ["python", "-m", "freerun", "run"], True),
            ("freerun.deferred_imports", ["python", "/usr/bin/freerun", "run"], True),
            ("freerun.cli.main", ["python", "-m", "freerun"], True),
            ("importlib.metadata", ["python", "-m", "freerun"], True),
            ("freerun.arithmetic", ["python", "mine.py", "freerun"], False),
        ],
        quick=lambda case: case[0] != "freerun.cli.main",
    ),
)
def test_ctrl_c_in_the_first_moments_is_one_line(module, started, line, tmp_path):
    words = [sys.executable, "-c", INTERRUPTED, module, *started]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, timeout=60)
    if line:
        assert (done.returncode, done.stdout, done.stderr) == (130, "", early_interrupt.LINE)
    else:
        assert done.stderr.endswith("KeyboardInterrupt\n"), "a program that uses the package has its own handling"


@pytest.mark.parametrize(
    ("words", "program"),
    [
        (["python", "-m", "freerun"], True), (["/usr/bin/python3", "-X", "dev", "-m", "freerun", "run"], True),
        (["/usr/bin/python3", "/home/me/.venv/bin/freerun", "run"], True), (["freerun.exe", "list"], True),
        (["python", "-m", "freerun.execution.worker_process"], False), (["python", "-m", "pytest", "freerun"], False),
        (["python"], False), ([], False), (["python", "-m"], False), (["python", "mine.py", "freerun"], False),
        (["python", "mine.py", "-m", "freerun"], False), (["python", "-W", "freerun", "mine.py"], False),
    ],
)  # fmt: skip
def test_the_program_is_known_by_how_it_was_started(words, program):
    assert early_interrupt.is_program(words) == program


# ---------------------------------------------------------------------- output of every command


COMMANDS = [
    "list", "list tasks", "--help", "run --help", "--version", "status", "status s", "table s", "table s --format latex",
    "export s", "plan task=markov", "retry s", "clean", "completion bash", "compare regime --study s",
    "run task=markov --cfg job", "report s", "figures s", "check teacher_forcing", "run task=nope",
]  # fmt: skip
SLOW = ("report s", "figures s", "check teacher_forcing", "compare regime --study s", "export s")


@pytest.mark.parametrize("words", tiered(COMMANDS, quick=lambda words: words not in SLOW))
def test_output_that_is_full_closed_or_cut_off_by_head(words, made, monkeypatch, capfd):
    """Of every command: it ends as it would, 1 where what was said is lost, and says so in one line."""

    def end(stdout):
        monkeypatch.setattr(sys, "stdout", stdout)
        with pytest.raises(SystemExit) as ended:
            main(words.split())
        monkeypatch.undo()
        monkeypatch.chdir(made.root.parents[1])
        return ended.value.code, capfd.readouterr().err

    whole = end(sys.stdout)
    reader, writer = os.pipe()
    os.close(reader)
    with open(writer, "w") as cut, open("/dev/full", "w") as full:
        assert end(cut)[0] == whole[0]
        code, said = end(full)
    assert (code, said.count("\n")) == ((whole[0], 1) if whole[0] else (1, whole[1].count("\n") + 1)), said
    assert "Traceback" not in said
    assert "unexpected" not in said
    assert "AttributeError" not in end(None)[1]


# ---------------------------------------------------------------------- files that are none


PATHS = {
    "text": "run task=text task.path={}", "series": "run task=series task.path={}", "planned": "plan task=series task.path={}",
    "automaton": "run task=automaton task.file={}", "study": "study {}", "plan": "plan {}", "search": "search {}",
    "plugin": "run task=markov plugins=[{}]", "teacher": "run task=markov objective=distillation objective.teacher={}",
    "start": "run task=markov training.start={}",
    "check": "check {}", "text of a study": "study mine.yaml",
}  # fmt: skip


KINDS = ["/proc/kmsg", "/proc/self/status", "/dev/zero", "pipe", "folder", "link to a pipe"]


@pytest.mark.parametrize("words", PATHS.values(), ids=PATHS)
@pytest.mark.parametrize("kind", tiered(KINDS, quick=lambda kind: kind == "pipe"))
def test_a_path_that_is_no_plain_file_is_refused_at_once(kind, words, tmp_path, monkeypatch):
    """Wherever a user may name one; nothing is waited for."""
    monkeypatch.chdir(tmp_path)
    suffix = (
        ".py"
        if "plugins" in words or "check" in words
        else ".yaml"
        if words.split()[0] in ("study", "plan", "search")
        else ".csv"
    )
    path = kind if kind.startswith("/") else f"{kind.replace(' ', '_')}{suffix}"
    if kind == "pipe" or kind == "link to a pipe":
        os.mkfifo(f"pipe{suffix}")
        if kind != "pipe":
            Path(path).symlink_to(f"pipe{suffix}")
    elif kind == "folder":
        Path(path).mkdir()
    elif not Path(path).exists():
        pytest.skip("this machine has none")
    Path("mine.yaml").write_text(f"cases:\n  - task: text\n    task.path: {path if path[0] == '/' else tmp_path / path}\n")

    def late(*_):
        raise AssertionError("still waiting")

    before = signal.signal(signal.SIGALRM, late)
    signal.setitimer(signal.ITIMER_REAL, 60)
    try:
        with pytest.raises(FreerunError) as fault:
            dispatch(words.format(path).split())
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert fault.value.code == 2
    assert "\n" not in str(fault.value)
    assert not (tmp_path / "results").exists()


# ---------------------------------------------------------------------- half of a character


@pytest.mark.parametrize("key", ["title", "question", "name", "cases"])
def test_half_of_a_character_in_a_study_file_is_refused_at_the_start(key, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    value = '"x\\uD800y"'
    lines = {"title": '"t"', "cases": f"[{{task: {value if key == 'cases' else 'markov'}, model: gru}}]"}
    lines |= {} if key == "cases" else {key: value}
    Path("half.yaml").write_text("\n".join(f"{name}: {text}" for name, text in lines.items()))
    with pytest.raises(ConfigError):
        dispatch(["study", "half.yaml", *TINY, "launcher=inline"])
    assert not (tmp_path / "results").exists()


def test_figures_are_drawn_whatever_backend_the_environment_names(tmp_path):
    drawn = f"MPLBACKEND=Qt4Agg {FREERUN} figures own training_curves"
    code, out, errors = shell(f"{FREERUN} {' '.join(RUNS)} seed=0 --as own > /dev/null && {drawn}", tmp_path)
    assert (code, errors) == (0, "")
    assert "training_curves" in out
