"""Hostile files that are kept here: none runs anything, none is believed, no name becomes a path or markup."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from freerun.analysis import figures, report
from freerun.analysis.report import paper_table
from freerun.analysis.tables import tidy
from freerun.errors import ConfigError, CorruptRecord
from freerun.io.container import wrapped
from freerun.io.text import CHOICES
from freerun.parts.plugins import load_plugin
from freerun.store import study_file
from freerun.store.records import FORM, Store
from reliability import configurations, hostile
from reliability.watched import watched
from synthetic import grid, study, tree

HERE = Path(__file__).parent
#: What a path, HTML, LaTeX, mathtext, Markdown and a spreadsheet would obey.
EVIL = "=../../x$x$<script>alert(1)</script>\\input{/etc/passwd}](javascript:x)_^"
IN_A_PROCESS = """
import sys
from pathlib import Path
from reliability import hostile
from freerun.analysis.tables import tidy as tables
from freerun.config.hydra import compose
compose.experiments(["task=lorenz63"], sweep=False)
for number, case in enumerate(hostile.kept()):
    hostile.check(case, Path(sys.argv[1]) / str(number))
print(number + 1)
"""


def test_reading_every_kept_file_runs_nothing(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", IN_A_PROCESS, str(tmp_path)], capture_output=True, text=True, timeout=120, cwd=HERE.parent
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert int(done.stdout) == len(hostile.kept()) > 150


def test_every_kept_override_is_refused(tmp_path):
    for number, line in enumerate(configurations.KEPT.read_text().splitlines()):
        sweep = ["-m"] if number % 2 else []
        configurations.check(["run", "--cfg", "job", *sweep, "task=lorenz63", line], tmp_path)


@pytest.mark.parametrize("words", [["run", "hydra/launcher=joblib"], ["study", str(HERE / "studies" / "alias_bomb.yaml")]])
def test_a_real_process_refuses_in_one_line(words, tmp_path):
    done = subprocess.run([sys.executable, "-m", "freerun", *words], capture_output=True, text=True, timeout=60, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.count("\n") == 1
    assert len(done.stderr.partition(CHOICES)[0]) <= 201
    assert list(tmp_path.iterdir()) == []


@pytest.fixture(scope="module")
def named(tmp_path_factory):
    """A study whose records are full of hostile names, with everything that is made of it."""
    folder = tmp_path_factory.mktemp("outer") / "results" / "s"
    experiments = grid(
        (EVIL, "lorenz63"), (EVIL,), ("teacher_forcing", EVIL), seeds=3, gradient=EVIL, **{f"training__{EVIL}": EVIL}
    )
    store, ids = study(folder.parent / ".store", experiments, {1: ("diverged", EVIL), 2: ("pending", "")})
    store.failures.note(ids[2], f"{EVIL}\x1b[2J")
    info = {"name": "../../up", "title": EVIL, "question": EVIL, "command": EVIL, "overrides": [EVIL]}
    info |= {"ids": ids, "planned": dict(zip(ids, experiments, strict=True))}
    folder.mkdir(parents=True)
    (folder / study_file.NAME).write_text(json.dumps(info))
    known = study_file.read(folder)
    plain, its = study(folder.parent.parent / "plain", grid(seeds=1))
    report.build(folder.parent.parent / "plain", plain, {"name": "plain", "ids": its})  # what is imported and compiled once
    with watched(folder.parent):
        report.build(folder, store, known)
        frames = tidy.frames(store, ids, "s", known["planned"])
        for kind in paper_table.FORMATS:
            paper_table.write(frames, folder, kind)
    return folder


def test_hostile_names_stay_inside_the_folder(named):
    outer = named.parents[1]
    assert {path.name for path in outer.iterdir()} == {"results", "plain"}
    assert {path.name for path in named.parent.iterdir()} == {"s", ".store"}
    assert study_file.read(named)["name"] == "s"
    assert all(re.fullmatch(r"[A-Za-z0-9_.-]+", path.name) for path in named.rglob("*"))
    assert not any(path.is_symlink() for path in named.rglob("*"))


def test_the_page_has_no_script_and_a_policy_that_forbids_one(named):
    page = (named / "report.html").read_text(encoding="utf-8")
    policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]*)"', page)
    assert policy is not None
    assert "default-src 'none'" in policy[1]
    assert "script" not in policy[1]
    assert policy.start() < page.index("<title>")
    outside = re.sub(r'src="data:image/png;base64,[A-Za-z0-9+/=]*"', "", page)
    assert not re.search(r"<\s*(script|iframe|object|embed|form|base|link)\b", outside, re.IGNORECASE)
    assert not re.search(r"<[^>]*\s(on\w+|srcdoc)\s*=", outside, re.IGNORECASE)
    assert not re.search(r"""(href|src)\s*=\s*["']?\s*(javascript|http|//)""", outside, re.IGNORECASE)
    assert "&lt;script&gt;" in page
    assert "\x1b" not in page


def test_pictures_hold_no_script_and_no_mathtext(named):
    drawn = list((named / "figures").glob("*.svg"))
    assert drawn
    for path in drawn:
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"<\s*(script|foreignObject|image[^>]*http)\b", text, re.IGNORECASE), path.name
    with figures._style.style():
        import matplotlib as mpl

        assert not mpl.rcParams["text.parse_math"]
        assert not mpl.rcParams["text.usetex"]


def test_markdown_and_latex_show_names_literally(named):
    shown = (named / "report.md").read_text(encoding="utf-8") + (named / "table.md").read_text(encoding="utf-8")
    assert "<script" not in shown
    assert "](javascript" not in shown
    assert "\x1b" not in shown
    tex = (named / "table.tex").read_text(encoding="utf-8")
    assert "\\input" not in tex
    assert "\\textbackslash{}input" in tex
    assert not re.search(r"(?<!\\)\$x", tex)
    assert "\x1b" not in tex


def test_a_plugin_is_run_as_it_was_hashed_and_nothing_is_written_beside_it(tmp_path):
    from freerun.parts import plugins

    file = tmp_path / "brittle.py"
    file.write_text("PWNED = 1\n")
    with pytest.raises(ConfigError, match="has changed since"):
        load_plugin(str(file), "0" * 64)
    with pytest.raises(ConfigError, match="defines no part"):
        load_plugin(str(file))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["brittle.py"]
    assert "brittle" not in str(plugins.plugin_files())


@pytest.mark.parametrize("name", ["$x$.py", "a b.py", "<b>.py", "-x.py", "a=b.py", "a.b.py", "\\input.py", f"{'x' * 70}.py"])
def test_a_plugin_is_not_named_by_markup(name, tmp_path):
    (tmp_path / name).write_text("raise SystemExit('PWNED')\n")
    with pytest.raises(ConfigError, match="named by its file"):
        load_plugin(str(tmp_path / name))


def test_weights_are_those_of_the_model(tmp_path):
    store, _ = study(tmp_path, grid(seeds=1))
    import numpy as np

    from synthetic import record

    run, weights = "f" * 16, {"a": np.zeros((2, 3), np.float32), "b": np.zeros(4, np.float32)}
    store.write(record(run, tree()), weights)
    assert set(store.weights(run, {"a": (2, 3), "b": (4,)})) == {"a", "b"}
    for shapes in ({"a": (2, 3)}, {"a": (3, 2), "b": (4,)}, {"a": (2, 3), "b": (4,), "c": (1,)}, {}):
        with pytest.raises(CorruptRecord, match="other weights than the model's"):
            store.weights(run, shapes)
    for value in (np.zeros(4, np.int64), np.zeros(4, np.float16)):
        store.write(record(run, tree()), {"a": weights["a"], "b": value})
        with pytest.raises(CorruptRecord, match="'b'"):
            store.weights(run, {"a": (2, 3), "b": (4,)})
    path = Store(tmp_path).path(run)
    body = json.loads(path.read_bytes().partition(b"\n")[2])
    for content in (b"", b"\xff" * 8, (2**62).to_bytes(8, "little") + b"{}", b"\x02" + bytes(7) + b"[]"):
        import hashlib

        path.with_suffix(".safetensors").write_bytes(content)
        text = json.dumps({**body, "weights": hashlib.sha256(content).hexdigest()}).encode()
        path.write_bytes(wrapped(text, FORM))
        with pytest.raises(CorruptRecord):
            store.weights(run)
        with pytest.raises(CorruptRecord):
            store.weights(run, {"a": (2, 3)})
