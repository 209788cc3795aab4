"""Figures of own data: the column's name and no blank panel; letters that the font lacks are left to the table."""

from __future__ import annotations

import numpy as np
import pytest

from freerun.analysis.figures import _style, orbit, text_samples
from freerun.analysis.figures._figure_data import Sample
from freerun.analysis.report.page import sample_blocks


class Shown:
    """The material of a study, as far as figures of samples look at it."""

    def __init__(self, kind, *contents):
        self.samples = {kind: [Sample(task="t", model="GRU", method="m", seed=0, content=each) for each in contents]}

    def methods(self):
        return ["m"]

    def lost(self):
        import pandas as pd

        return pd.DataFrame(columns=["task_label", "model_label", "method", "lost", "ended"])


def values(width, names=None):
    chance = np.random.default_rng(0)
    true, made = (chance.normal(size=(20, width)).tolist() for _ in range(2))
    return {"kind": "orbit", "dt": 1.0, "warmup": 5, "true": true, "generated": made, **({"names": names} if names else {})}


@pytest.mark.parametrize(
    ("width", "names", "labels"),
    [
        (1, ["load, MW"], ["load, MW"]),
        (1, None, ["x"]),
        (2, ["load", "temp"], ["load", "temp"]),
        (2, None, ["x", "y"]),
        (3, None, ["x", "z"]),
        (3, ["a", "b", "c$"], ["a", "c$"]),
        (5, ["a" * 60, "b", "c", "d", "e"], ["a" * 21 + "...", "c"]),
    ],
)
def test_orbit_of_columns_has_their_names_and_no_blank_panel(width, names, labels):
    with _style.style():
        (figure,) = orbit.draw(Shown("orbit", values(width, names))).values()
        _style.bytes_of(figure, "png")
    axes = [each for each in figure.axes if each.axison]
    assert [each.get_ylabel() for each in axes] == labels
    assert len(axes) == len(figure.axes) == (1 if width == 1 else 2)
    assert all(each.has_data() for each in axes)
    usual = width >= 3 and names is None
    assert bool(figure.get_label()) != usual
    assert usual or (names or ["x"])[0] in figure.get_label()


def lines(letters):
    chance = np.random.default_rng(0)
    words = ["".join(chance.choice(list(letters), 40)) for _ in range(3)]
    return {"kind": "text", "lines": [{"prompt": words[0], "truth": words[1], "generated": words[2]}] * 2}


@pytest.mark.parametrize(
    ("letters", "drawn"),
    [
        ("abc def.\n", True),
        ("\u00e4\u00f6\u00fc\u00df\u20ac ", True),
        ("\u0430\u0431\u0432\u0433 ", True),
        ("\u05d0\u05d1\u05d2 ", False),
        ("\u7684\u4e00\u662f", False),
        ("\U0001f600\U0001f680", False),
        ("\u0627\u0628\u062a ", False),
        ("abcdefghij\u7684", False),
    ],
    ids=["English", "German", "Cyrillic", "Hebrew", "Chinese", "emoji", "Arabic", "mixed"],
)
def test_text_is_drawn_in_letters_of_the_font_alone(letters, drawn):
    shown = Shown("text", lines(letters))
    with _style.style():
        assert bool(text_samples.draw(shown)) == drawn
    blocks = sample_blocks(shown.samples)
    assert any(letters[0] in line["before"] + line["after"] for block in blocks for line in block["lines"])
