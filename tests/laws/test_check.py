"""Tests of `freerun check`: it sees what is broken, and every part of the pages that teach it passes."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from freerun.cli.commands.check import _read_words, _show
from freerun.errors import ConfigError
from freerun.io import processes
from freerun.io.text import CHOICES
from freerun.laws import check_process, register
from freerun.laws.check import LIMIT, Checked, Verdict, check
from freerun.parts import plugins, registry
from tiers import tiered

TOP = Path(__file__).resolve().parents[2]
#: What is spoiled in each part of the pages, and a piece of the counter-example.
EDITS = {
    "bursts": ("return self.burst", "return 1 - self.burst", "claims 0.750 at update 0 of 40, forces 0.250"),
    "smoothed": (
        "mean(0) for t",
        "mean(0) + 0.01 * torch.rand(()) for t",
        "asked twice at update 0 it feeds by another truth",
    ),
    "dither": ("return outputs +", "return outputs.detach() +", "the gradient is [0, 0, 0, 0, 0]"),
    "leaky": ("u, state)\n        return over_time", "u, self.start(*u.shape[1:3], u))\n        return over_time", "continued"),
    "ring": ("chance.random((length, count))", "chance.random((count, length)).T", "change training"),
    "brier": ("observed.mean(off, observed.weights)", "off[observed.warmup :].mean(1)", "in the padding change the measure"),
    "halvorsen": (
        "0.1 * noise",
        "0.1 * np.random.default_rng().normal(size=noise.shape)",
        "two builds of 12 steps, seed 0, differ",
    ),
    "by_sequence": ("    coin = Coin.sequence\n\n", "", "coins next to each other in time correlate by 1.00"),
    "two_layers": ("logistic(project", "torch.sigmoid(project", "rounding in another order"),
    "leaky_reservoir": (
        "r, state = self.advance(weights, u, state)",
        "r, state = self.advance(weights, u, self.start(*u.shape[:2], u))",
        "unroll and step differ",
    ),
    "henon": ('["train"][: self.length + 1]', '["train"]', "windows of 12 + 1 steps change training"),
    "log_cosh": (".mean(-1)\n", ".mean(-1).mean().expand(outputs.shape[:-1])\n", "loss"),
    "last_step": (
        "    figures = {}\n",
        '    figures = {}\n    material.steps["gap"] = material.steps["gap"].abs()\n',
        "steps is another table afterwards",
    ),
    "every_other": ("return 1 / self.period", "return 0.25 / self.period", "claims 0.125 at update 0 of 40, forces 0.500"),
}


def codes(page: str) -> dict[str, str]:
    """The parts of a page: every block of Python that begins with its file's name."""
    blocks = re.findall(r"```python\n# (\w+)\.py\n(.*?)```", (TOP / page).read_text(), re.DOTALL)
    return {name: f"# {name}.py\n{code}" for name, code in blocks}


def consoles(page: str) -> list[tuple[str, list[str]]]:
    """Every command of a page with the lines that it is said to print."""
    blocks = re.findall(r"```console\n\$ (.*?)\n(.*?)```", (TOP / page).read_text(), re.DOTALL)
    return [(command, lines.splitlines()) for command, lines in blocks]


PAGE = "docs/parts.md"
CODES = codes(PAGE)
#: Shown first, without what the check prints.
FIRST = "every_other"


@pytest.fixture
def desk(tmp_path, monkeypatch):
    """An empty folder, and no plugins."""
    monkeypatch.setattr(registry, "plugin_parts", {kind: {} for kind in registry.KINDS})
    monkeypatch.setattr(registry, "plugin_figures", {})
    monkeypatch.setattr(plugins, "_plugin_files", {})
    monkeypatch.chdir(tmp_path)
    return tmp_path


def checked(target: str, kind: str | None = None, **settings) -> Checked:
    """The verdicts, from this process."""
    done = Checked()

    def tell(event, **values):
        if event == "laws":
            done.parts, done.verdicts = values["parts"], [Verdict(**each) for each in values["laws"]]
        if event == "verdict":
            judged = done.verdicts[values["number"]]
            judged.verdict, judged.why, judged.cure = values["verdict"], values["why"], values["cure"]

    check_process.judge({"target": target, "kind": kind, "settings": settings, "first": 0}, tell)
    return done


def agrees(shown: list[str], printed: list[str]) -> None:
    """The lines of a page are those that were printed, in order; `...` stands for any."""
    rest = iter(printed)
    for line in shown:
        assert line == "..." or line in rest, f"the page shows, and the command does not print: {line!r}"


def printed(done: Checked, capsys) -> list[str]:
    capsys.readouterr()
    _show(done)
    return [line.rstrip() for line in capsys.readouterr().out.splitlines()]


@pytest.mark.parametrize("kind", register.KINDS)
def test_every_law_says_what_to_do_about_a_part_that_breaks_it(kind):
    for law in register.of(kind):
        assert law.cure.endswith("."), law.function
        assert 30 <= len(law.cure) <= 360, law.function
        assert "Cure" not in law.text


def test_a_broken_law_is_shown_with_its_cure(desk, capsys):
    (desk / "spoiled.py").write_text(CODES["bursts"].replace(*EDITS["bursts"][:2]))
    done = checked("spoiled.py")
    broken = [each for each in done.verdicts if each.verdict == "broken"]
    assert [each.cure for each in broken] == [
        law.cure for law in register.of("regime") if law.name == "probability_is_the_masks_mean"
    ]
    assert f"Cure: {broken[0].cure}" in " ".join(" ".join(printed(done, capsys)).split())
    assert not any(each.cure for each in done.verdicts if each.verdict != "broken")


def test_every_part_of_the_pages_is_spoiled_once():
    assert set(CODES) == set(EDITS)
    commands = [command for command, _ in consoles(PAGE)]
    assert commands == [f"freerun check {name}.py" for name in CODES if name != FIRST for _ in range(2)]


#: Of the parts of the pages these two are tried and spoiled quickly.
QUICK = list(CODES)[:2]


@pytest.mark.parametrize("name", tiered(CODES, quick=lambda name: name in QUICK))
def test_a_part_of_the_pages_passes_and_the_page_shows_what_is_printed(name, desk, capsys):
    (desk / f"{name}.py").write_text(CODES[name])
    done = checked(f"{name}.py")
    assert done.kept, [each for each in done.verdicts if each.verdict == "broken"]
    assert all(each.verdict for each in done.verdicts)
    shown = [lines for command, lines in consoles(PAGE) if command == f"freerun check {name}.py"]
    for lines in shown[:1]:
        agrees(lines, printed(done, capsys))


@pytest.mark.parametrize("name", tiered(CODES, quick=lambda name: name in QUICK))
def test_a_broken_edit_of_a_part_of_the_pages_is_caught(name, desk, capsys):
    before, after, says = EDITS[name]
    assert CODES[name].count(before) == 1
    (desk / f"{name}.py").write_text(CODES[name].replace(before, after))
    done = checked(f"{name}.py")
    assert not done.kept
    assert any(says in each.why for each in done.verdicts if each.verdict == "broken"), done.verdicts
    for lines in [lines for command, lines in consoles(PAGE) if command == f"freerun check {name}.py"][1:]:
        agrees(lines, printed(done, capsys))


HANGS = """
import os, pathlib, time
from freerun.parts.regimes.free_running import FreeRunning


class Odd(FreeRunning):
    def mask(self, coins, update, updates):
        if os.environ.get("ODD") == "hangs" and len(coins) == 6:
            pathlib.Path("hanging").write_text(str(os.getpid()))
            time.sleep(1000)
        if os.environ.get("ODD") == "dies" and len(coins) == 6:
            os._exit(7)
        if os.environ.get("ODD") == "exits" and len(coins) == 6:
            raise SystemExit
        if os.environ.get("ODD") == "forks" and len(coins) == 6:
            child = os.fork()
            if not child:
                time.sleep(600)
                os._exit(0)
            pathlib.Path("forked").write_text(str(child))
            os.abort()
        return super().mask(coins, update, updates)
"""


@pytest.mark.parametrize(
    ("how", "says"),
    tiered(
        [
            ("hangs", "no end in 20 s"),
            ("dies", "the process ended with code 7"),
            ("exits", "SystemExit (line 14)"),
            ("forks", "the process was killed (SIGABRT)"),
        ],
        quick=lambda case: case[0] == "dies",
    ),
)
def test_a_part_that_hangs_dies_or_exits_breaks_that_law_alone(how, says, desk, monkeypatch):
    (desk / "odd.py").write_text(HANGS)
    monkeypatch.setenv("ODD", how)
    done = check("odd.py", limit=20.0 if how == "hangs" else LIMIT)
    broken = [each for each in done.verdicts if each.verdict == "broken"]
    assert [each.why for each in broken] == [says]
    assert broken[0].law.startswith("No memory")
    assert all(each.verdict for each in done.verdicts)
    if how == "forks":
        assert not processes.started(int((desk / "forked").read_text()))


def test_an_interrupted_check_leaves_no_process_behind(desk):
    (desk / "odd.py").write_text(HANGS)
    words = [sys.executable, "-m", "freerun", "check", "odd.py"]
    process = subprocess.Popen(words, env={**os.environ, "ODD": "hangs"}, stderr=subprocess.PIPE, stdout=subprocess.PIPE)
    for _ in range(1200):
        if (desk / "hanging").exists() and (desk / "hanging").read_text():
            break
        time.sleep(0.1)
    child = int((desk / "hanging").read_text())
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert process.returncode == 130
    with pytest.raises(ProcessLookupError):
        os.kill(child, 0)


def test_a_fault_inside_a_part_is_a_broken_law_with_its_line(desk):
    (desk / "divides.py").write_text(CODES["every_other"])
    done = checked("divides.py", period=0)
    broken = {each.law.split(",")[0]: each.why for each in done.verdicts if each.verdict == "broken"}
    assert broken["At every update"] == "ZeroDivisionError: division by zero (line 16)"
    (desk / "warns.py").write_text(CODES["every_other"].replace("return 1 /", "__import__('warnings').warn('far'); return 1 /"))
    done = checked("warns.py")
    assert "UserWarning: far (line 16)" in {each.why for each in done.verdicts}


def test_every_named_choice_is_checked_unless_it_is_given(desk):
    file = desk / "chooses.py"
    file.write_text(
        "from dataclasses import dataclass\nfrom enum import Enum\n"
        "from freerun.parts.regimes.free_running import FreeRunning\n\n"
        "class How(Enum):\n    well = 'well'\n    badly = 'badly'\n\n"
        "@dataclass(kw_only=True)\nclass Chooses(FreeRunning):\n    how: How = How.well\n\n"
        "    def probability(self, update, updates):\n        return 0.5 if self.how is How.badly else 0.0\n"
    )
    broken = [each.why for each in checked("chooses.py").verdicts if each.verdict == "broken"]
    assert broken == ["badly: claims 0.500 at update 0 of 40, forces 0.000"]
    assert checked("chooses.py", how="well").kept


def test_a_part_that_cannot_be_made_from_its_defaults_is_broken(desk):
    (desk / "refuses.py").write_text(CODES["bursts"].replace("burst: int = 1", "burst: int = 9"))
    (first, *others) = checked("refuses.py").verdicts
    assert (first.verdict, first.why) == ("broken", "ConfigError: regime.burst must lie in 1 .. period (4), got 9 (line 20)")
    assert not any(each.verdict for each in others)
    assert checked("refuses.py", period=10).kept


def test_a_file_of_several_kinds_is_checked_for_each(desk):
    (desk / "two.py").write_text(CODES["bursts"] + "\n\n" + CODES["brier"])
    done = checked("two.py")
    assert done.kept
    assert done.parts == ["regime two", "metric two"]
    assert checked("two.py", "metric").parts == ["metric two"]
    with pytest.raises(ConfigError, match="--kind"):
        checked("two.py", burst=2)


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        (["scheduled_samplin"], ["'scheduled_samplin'", "'scheduled_sampling'"]), ([], ["one name"]),
        (["gru", "lstm"], ["gru, lstm"]),
        (["gru", "--kind", "modl"], ["--kind modl", "'model'"]), (["gru", "--kind", "regime"], ["gru", "no regime"]),
        (["gru", "--limit", "0"], ["--limit", "positive", "'0'"]), (["gru", "--limit", "soon"], ["--limit", "'soon'"]),
        (["gru", "--kin", "model"], ["--kin"]), (["no/such.py"], ["no/such.py", "no such Python file"]),
        (["empty.py"], ["empty.py", "defines no part"]), (["half.py"], ["half.py", "lacks", "probability"]),
        (["bursts.py", "perod=3"], ["regime.perod", "'period'"]),
        (["bursts.py", "period=few"], ["regime.period", "'few'"]), (["bursts.py", "burst=9"], ["regime.burst", "got 9"]),
        (["bursts.py", "burst=[1"], ["burst=[1", "not a value"]),
    ],
    ids=lambda x: " ".join(x),
)  # fmt: skip
def test_bad_input_is_one_line(words, parts, desk):
    (desk / "empty.py").write_text("x = 1\n")
    (desk / "half.py").write_text("from freerun.parts.regimes import Regime\n\n\nclass Half(Regime):\n    mask = None\n")
    (desk / "bursts.py").write_text(CODES["bursts"])

    def typed():
        target, kind, _, settings = _read_words(words)
        checked(target, kind, **settings)

    with pytest.raises(ConfigError) as caught:
        typed()
    text = str(caught.value)
    assert "\n" not in text
    assert len(text.partition(CHOICES)[0]) <= 200
    assert all(part in text for part in parts), text


@pytest.mark.parametrize(
    ("words", "code"),
    tiered(
        [(["bursts.py"], 0), (["bursts.py", "burst=2", "period=5"], 0), (["spoiled.py"], 1), (["bursts.py", "burst=0"], 2)],
        quick=lambda case: case[1] > 0,
    ),
)
def test_the_exit_codes_of_the_command(words, code, desk):
    (desk / "bursts.py").write_text(CODES["bursts"])
    (desk / "spoiled.py").write_text(CODES["bursts"].replace(*EDITS["bursts"][:2]))
    done = subprocess.run(
        [sys.executable, "-m", "freerun", "check", *words], capture_output=True, text=True, timeout=250, check=False
    )
    assert done.returncode == code, done.stdout + done.stderr
    if code == 2:
        assert done.stdout == ""
        assert done.stderr == "freerun: regime.burst must lie in 1 .. period (4), got 0\n"
    else:
        assert done.stdout.splitlines()[-1].startswith(f"regime {words[0][:-3]}: ")
    assert {path.name for path in desk.iterdir()} - {"__pycache__"} == {"bursts.py", "spoiled.py"}


def test_a_built_in_part_is_checked_by_its_name():
    done = checked("teacher_forcing")
    assert done.kept
    assert done.parts == ["regime teacher_forcing"]
