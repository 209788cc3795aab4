"""Own text: the share of unknown characters is said, nothing to learn is refused, encodings are declared."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from freerun import GRU, Experiment
from freerun.config.run_identity import canonical
from freerun.errors import ConfigError
from freerun.parts.tasks.automaton import Automaton
from freerun.parts.tasks.text import Text


@pytest.fixture
def file(tmp_path):
    def write(content, encoding="utf-8"):
        path = tmp_path / "own.txt"
        path.write_bytes(content if isinstance(content, bytes) else content.encode(encoding))
        return str(path)

    return write


def letters(count, size, first=0x4E00):
    chance = np.random.default_rng(0)
    return "".join(chr(first + k) for k in chance.integers(0, count, size))


def refused(path, *words, **settings):
    with pytest.raises(ConfigError) as fault:
        Text(path=path, **settings).check(70)
    line = str(fault.value)
    assert len(line) <= 190
    assert "\n" not in line
    for word in words:
        assert word in line, line


def test_text_in_an_alphabet_of_1120_letters(file):
    path = file(letters(1120, 9000))
    refused(path, "no letter comes 50 times", "task.rare=1")
    Text(path=path, rare=1).check(70)


@pytest.mark.parametrize(
    ("text", "settings"),
    [("a" * 9000, {}), ("ab" * 2000 + "c" * 9000, {"train": 0.2, "rare": 5000}), (letters(400, 9000, 0x1F300), {})],
)
def test_nothing_to_learn_is_refused(file, text, settings):
    refused(file(text), "task.path=", **settings)


@pytest.mark.parametrize(("rare", "share"), [(50, "58"), (20, "58")])
def test_the_share_of_unknown_characters_is_said(file, rare, share):
    """Of 10,000 characters 42 % are of ten letters, the others of a thousand."""
    common, seldom = letters(10, 4200, 0x61), letters(1000, 5800)
    chance = np.random.default_rng(1)
    mixed = list(common + seldom)
    chance.shuffle(mixed)
    task = Text(path=file("".join(mixed)), rare=rare)
    assert f"{share} % of them are unknown, rarer than {rare} in the training part" in " ".join(task.notes())
    assert "unknown" not in " ".join(Text(path=file("abcdefgh" * 1000)).notes())
    assert Text().notes() == ()


@pytest.mark.parametrize(
    ("content", "word", "settings"),
    [
        ("gr\u00f6\u00dfe " * 900, "task.encoding=latin-1", {"encoding": "latin-1"}),
        ("\u201cso\u201d said he " * 900, "task.encoding=cp1252", {"encoding": "cp1252"}),
        ("plain words " * 900, "task.encoding=utf-16", {"encoding": "utf-16"}),
    ],
)
def test_another_encoding_is_refused_with_its_cure(file, content, word, settings):
    path = file(content, settings["encoding"])
    refused(path, "not UTF-8 at byte", word)
    assert Text(path=path, **settings).read() == content
    refused(file(content), "UTF-8 by every sign", "leave that out", **settings)


def test_no_text_at_all_is_refused(file):
    refused(file(b""), "the file is empty")
    refused(file(b"\x1f\x8b\x08abc"), "unpack it")
    refused(file(b"a\0b\0" * 900), "NUL")


@pytest.mark.parametrize("path", ["/proc/kmsg", "/proc/self/status", "/dev/zero", "/"])
def test_proc_kmsg_is_no_plain_file(path):
    """A file of the kernel may never end; no task reads one."""
    if not Path(path).exists():
        pytest.skip("this machine has none")
    for make in (lambda: Text(path=path), lambda: Automaton(file=path)):
        with pytest.raises(ConfigError, match=r"plain file|regular file"):
            make()


def test_home_is_expanded(file, tmp_path, monkeypatch):
    file("some words " * 900)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert Text(path="~/own.txt").read().startswith("some")


def test_a_later_setting_leaves_identities_as_they_were(file):
    """The encoding came later: where it is by default, runs are those that they were."""
    path = file("gr\u00f6\u00dfe " * 900, "latin-1")
    assert "encoding" not in canonical(Experiment(task=Text(), model=GRU(hidden=4)))["task"]
    assert canonical(Experiment(task=Text(path=path, encoding="latin-1"), model=GRU(hidden=4)))["task"]["encoding"] == "latin-1"
