"""Axis columns: the labels of conditions taken apart, each swept setting a column of its own, and rows sorted by them."""

from __future__ import annotations

import math
import re

import pandas as pd

#: The columns of labels that are taken apart, in the order of the table.
LABELS = ("task", "model", "regime")
#: The settings of a label, ``name (lr=0.01, end=0.5)``, and what parts them.
_SETTINGS, _NEXT = re.compile(r"^(.*) \(([^()]*=.*)\)$"), re.compile(r", (?=[\w.]+=)")


def by_axes(table: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    """Return a table of conditions with a column for each setting that its labels say, sorted by these columns.

    The settings of a task stand behind the task, those of a model behind the model, all others behind the regime; one that a
    condition does not have is empty. Names keep the order in which they first come up, settings that are numbers are sorted.

    Args:
        table: with the columns `LABELS`.

    Returns:
        The table, and the columns by which it is sorted.
    """
    parts = {name: [parted(str(label)) for label in table[name]] for name in LABELS}
    words = {name: list(dict.fromkeys(word for _, settings in rows for word in settings)) for name, rows in parts.items()}
    every = [word for of_label in words.values() for word in of_label]
    columns: dict[str, list[str]] = {}
    for name, rows in parts.items():
        columns[name] = [plain for plain, _ in rows]
        for word in words[name]:
            title = word if every.count(word) == 1 and word not in (*LABELS, *table.columns) else f"{name}.{word}"
            columns[title] = [settings.get(word, "") for _, settings in rows]
    axes = pd.DataFrame(columns, index=table.index)
    order = pd.DataFrame({name: _places(values) for name, values in columns.items()}, index=table.index)
    rest = table.drop(columns=list(LABELS))
    placed = order.sort_values(list(order.columns), kind="stable").index
    return pd.concat([axes, rest], axis=1).loc[placed].reset_index(drop=True), list(columns)


def parted(label: str) -> tuple[str, dict[str, str]]:
    """Return a label without the settings in its brackets, and these settings; what stands there otherwise stays.

    >>> parted("GRU (hidden=32, layers=2)")
    ('GRU', {'hidden': '32', 'layers': '2'})
    >>> parted("Text (a.txt)")
    ('Text (a.txt)', {})
    """
    match = _SETTINGS.match(label)
    if match is None:
        return label, {}
    kept, settings = list[str](), dict[str, str]()
    for piece in _NEXT.split(match[2]):
        word, equals, value = piece.partition("=")
        if equals and re.fullmatch(r"[\w.]+", word):
            settings[word] = value
        else:
            kept.append(piece)
    return f"{match[1]} ({', '.join(kept)})" if kept else match[1], settings


def _places(values: list[str]) -> list[float]:
    """The place of each value in the order of a column; nothing stands first."""
    numbers = [_number(value) for value in values]
    if all(math.isfinite(number) for number, value in zip(numbers, values, strict=True) if value):
        return [number if value else -math.inf for number, value in zip(numbers, values, strict=True)]
    first = {value: float(place) for place, value in enumerate(dict.fromkeys(value for value in values if value))}
    return [first.get(value, -1.0) for value in values]


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan
