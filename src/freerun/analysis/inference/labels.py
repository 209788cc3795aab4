"""Labels: what people call the tasks, models and regimes of the tables, and how a unit is set."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from pathlib import PurePath
from typing import Any

#: Most letters of a value in a label, and of a digest.
_LONGEST, _DIGEST = 40, 8

WORDS = {
    "adding": "Adding problem",
    "advection": "Advection",
    "automaton": "Finite automaton",
    "burgers": "Burgers",
    "delayed_recall": "Delayed recall",
    "digits": "Digits",
    "embedded_reber": "Embedded Reber",
    "errors_in_variables": "Errors in variables",
    "grammar": "Grammar",
    "hidden_markov": "Hidden Markov",
    "hyper_roessler": "Hyperchaotic R\N{LATIN SMALL LETTER O WITH DIAERESIS}ssler",
    "kuramoto_sivashinsky": "Kuramoto-Sivashinsky",
    "lorenz63": "Lorenz-63",
    "lorenz96": "Lorenz-96",
    "mackey_glass": "Mackey-Glass",
    "markov": "Markov source",
    "path_star": "Path-star",
    "reber": "Reber",
    "roessler": "R\N{LATIN SMALL LETTER O WITH DIAERESIS}ssler",
    "series": "Series",
    "sunspots": "Sunspots",
    "text": "Text",
    "thomas": "Thomas",
    "transduction": "Transduction",
    "two_step": "Two symbols",
    "convolution": "Convolution",
    "gru": "GRU",
    "lstm": "LSTM",
    "lru": "LRU",
    "min_gru": "minGRU",
    "selective_ssm": "Selective SSM",
    "hidden_recurrent": "Hidden-recurrent",
    "output_recurrent": "Output-recurrent",
    "direct": "Direct forecast",
    "echo_state": "Echo-state network",
    "encoder_decoder": "Encoder-decoder",
    "linear": "Linear",
    "sequence_to_one": "Sequence-to-one",
    "shallow_plrnn": "Shallow PLRNN",
    "stencil": "Stencil",
    "transformer": "Transformer",
}

#: The setting that tables and comparisons say whatever a study sweeps: how much truth is fed in the end.
ALWAYS_SHOWN = "regime.end"


def label(name: str) -> str:
    """The label of a part by its name; for an unknown part, the name with spaces."""
    return WORDS.get(name, name.replace("_", " "))


def merged(name: str, setting: str) -> str:
    """A name with a setting in brackets, ``scheduled sampling (end=0, lr=0.01)``."""
    if not setting:
        return name
    return f"{name[:-1]}, {setting})" if name.endswith(")") else f"{name} ({setting})"


def with_end(method: str, end: float, chosen: str = "") -> str:
    """A method with what every table shows beside its label: what was tuned of it, and the end of its schedule.

    As it is where there is neither, or its label says so.
    """
    method = merged(method, chosen)
    said = re.search(r"[(, ]end=", method) is not None
    return method if said or end != end else merged(method, f"end={end:g}")


def measure(label: str, unit: str) -> str:
    """The label of a quantity with its unit, for an axis or a heading."""
    return f"{label} ({shown(unit)})" if unit and unit != "share" else label


def shown(unit: str) -> str:
    """A unit as it is printed: powers as superscripts."""
    return unit.replace("^2", "\N{SUPERSCRIPT TWO}").replace("^3", "\N{SUPERSCRIPT THREE}")


def short_texts(name: str, values: Iterable[Any]) -> dict[Any, str]:
    """The values of a setting as labels show them: short, and as many different ones as there are values.

    A file by its name, with as many folders as tell it from others; a digest by its first digits; a list without quotes.
    """
    full = {value: f"{value:g}" if isinstance(value, float) else str(value) for value in values}
    if len(set(full.values())) < len(full):
        return {value: str(value) for value in full}
    last = name.rpartition(".")[2]
    if last in ("path", "start", "teacher"):
        return _tails(full)
    if last in ("content", "source"):
        short = {value: text[:_DIGEST] for value, text in full.items()}
    else:
        short = {value: _cut(_plain_list(text)) for value, text in full.items()}
    return short if len(set(short.values())) == len(short) else full


def _tails(paths: dict[Any, str]) -> dict[Any, str]:
    """The ends of paths that tell them apart."""
    parts = {value: PurePath(text).parts for value, text in paths.items()}
    for depth in range(1, max((len(each) for each in parts.values()), default=0) + 1):
        tails = {value: "/".join(each[-depth:]) for value, each in parts.items()}
        if len(set(tails.values())) == len(tails):
            return tails
    return paths


def _plain_list(text: str) -> str:
    """A list of names, which tables hold as JSON, as people write it; one name alone is that name."""
    if not text.startswith('["'):
        return text
    try:
        names = json.loads(text)
    except ValueError:
        return text
    return str(names[0]) if len(names) == 1 else f"[{', '.join(map(str, names))}]"


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."
