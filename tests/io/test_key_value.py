"""Words of the form key=value: one reading of them, and one line for those that are none, wherever they are typed."""

from __future__ import annotations

import pytest

from freerun.cli.main import dispatch
from freerun.errors import ConfigError
from freerun.execution import launchers
from freerun.io import key_value


def test_a_setting_has_a_key_and_whatever_stands_behind_its_first_sign_of_equality():
    words = ["a", "b=1", "c.d=x=y", "e=", "b=2"]
    assert key_value.separate(words) == (["a"], words[1:])
    assert key_value.pairs(words[1:]) == {"b": "2", "c.d": "x=y", "e": ""}
    assert [key_value.key_of(word) for word in words] == ["a", "b", "c.d", "e", "b"]


def test_a_list_has_brackets_or_none():
    assert key_value.listed("a") == ["a"]
    assert key_value.listed("[a, b]") == key_value.listed("a,b ") == ["a", "b"]
    assert key_value.listed("a,,b") == ["a", "", "b"], "what is missing is seen"


@pytest.mark.parametrize("word", ["seed", "", "=3", "x" * 1000])
def test_what_is_no_setting_is_one_short_line(word):
    with pytest.raises(ConfigError, match=r"not a setting of the form key=value$") as caught:
        key_value.split(word)
    assert len(str(caught.value)) < 130


@pytest.mark.parametrize(
    "command",
    [
        lambda: dispatch(["run", "seed"]),
        lambda: dispatch(["search", "seed"]),
        lambda: dispatch(["study", "=3"]),
        lambda: dispatch(["check", "gru", "=3"]),
        lambda: launchers.choose(["launcher"], {}),
        lambda: launchers.choose(["launcher.workers"], {}),
    ],
    ids=["run", "search", "study", "check", "launcher", "launcher.workers"],
)
def test_every_command_says_it_in_the_same_words(command, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match="not a setting of the form key=value"):
        command()
