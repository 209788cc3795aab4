"""Cells of a table as numbers: what is a number, what is missing, and what is neither, with its likely cure."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from jaxtyping import Bool, Float

from freerun.io.text import one_line

#: Texts that say that there is no value, in small letters.
MISSING = (
    "", "-", "--", "---", "\N{EN DASH}", "\N{EM DASH}", ".", "..", "...", "?", "na", "n/a", "#n/a", "<na>", "n.a.", "nan",
    "-nan", "nil", "null", "none", "missing", "#div/0!", "#value!", "#ref!", "#num!", "nat",
)  # fmt: skip
#: Sizes between which a number can be computed with in single precision, its square in double precision.
SMALLEST, GREATEST = 1e-30, 1e30
#: Which share of the rows has a value at least in a column of which few have none.
_FEW_MISSING = 0.9
_A_SECOND = {"s": 1, "ms": 1e3, "us": 1e6, "ns": 1e9}
#: Numbers that loggers write where they have none.
SENTINELS = frozenset(
    sign * size
    for size in (
        99.0,
        99.9,
        99.99,
        999.0,
        999.9,
        999.99,
        9999.0,
        9999.9,
        9999.99,
        99999.0,
        99999.9,
        999999.0,
        8888.0,
        88888.0,
        32767.0,
        32768.0,
        65535.0,
        2147483647.0,
        2147483648.0,
        1e20,
        9.96921e36,
    )
    for sign in (1, -1)
)


@dataclass(frozen=True, kw_only=True)
class Writing:
    """How a file writes numbers: settings of the task.

    Attributes:
        decimal: what stands before decimals.
        thousands: what stands between thousands; "" for nothing.
        markers: further texts that say that there is no value.
    """

    decimal: str = "."
    thousands: str = ""
    markers: tuple[str, ...] = ()

    def pattern(self) -> str:
        """Return the regular expression of a number."""
        whole, point = "[0-9]+", re.escape(self.decimal)
        if self.thousands:
            whole = f"([0-9]{{1,3}}({re.escape(self.thousands)}[0-9]{{3}})+|[0-9]+)"
        return rf"^[+-]?({whole}({point}[0-9]*)?|{point}[0-9]+)([eE][+-]?[0-9]+)?$"

    def marking(self) -> list[float]:
        """Return the numbers among the markers: -999 is -999.0 too."""
        return [float(marker) for marker in self.markers if re.fullmatch(Writing().pattern(), marker.strip())]


@dataclass(frozen=True, kw_only=True)
class Column:
    """A column, read as numbers as far as it holds any.

    Attributes:
        name: of the column.
        numbers: its values; NaN where there is none.
        missing: where it says that there is no value.
        texts: its cells as they are written, an array of strings of pyarrow; None for a column of Parquet that is no text.
        other: the rows whose cells are neither a number nor missing, counted from 0.
        kind: what it is if it is neither numbers nor text: `dates`, `durations`, whose numbers are seconds, or the name of its
            type.
    """

    name: str
    numbers: Float[np.ndarray, " S"]
    missing: Bool[np.ndarray, " S"]
    texts: Any
    other: np.ndarray
    kind: str = ""

    @property
    def numeric(self) -> bool:
        """Whether it holds a number at all."""
        return not self.kind and len(self.numbers) > int(self.missing.sum()) + len(self.other)

    @property
    def empty(self) -> bool:
        """Whether no row has a value."""
        return not self.kind and bool(self.missing.all())

    def text(self, row: int) -> str:
        """Return a cell as it is written, "" for nothing."""
        if self.texts is None:
            return written(float(self.numbers[row]))
        value = self.texts[row].as_py()
        return "" if value is None else str(value)

    def cell(self, row: int) -> str:
        """Return a cell as messages quote it."""
        return one_line(self.text(row), 30)

    def nearly(self) -> bool:
        """Whether it is written like numbers that another setting would read, or that have a unit beside them."""
        texts = [self.text(row).strip() for row in self.other[:100].tolist()]
        beside = {found.group("before", "after") if (found := _BESIDE.fullmatch(text)) else None for text in texts}
        return any(map(_NEARLY.fullmatch, texts)) or (len(beside) == 1 and None not in beside)

    def grouped(self) -> int | None:
        """Return the first row in which a point could stand before thousands; None if it can stand before decimals alone.

        It could, where it stands before three digits wherever it stands, and other cells hold whole numbers below 1000 that
        would be much the larger ones.
        """
        import pyarrow.compute as compute

        if self.texts is None or self.kind:
            return None
        bare = compute.fill_null(compute.utf8_trim_whitespace(self.texts), "")
        grouped, whole = (
            np.asarray(compute.match_substring_regex(bare, form).to_numpy(zero_copy_only=False)) for form in (_GROUPED, _WHOLE)
        )
        whole &= ~self.missing
        others = ~(grouped | whole | self.missing | (self.numbers == 0))
        if not grouped.any() or whole.sum() < _WHOLES or others.any():
            return None
        small, large = (float(np.median(np.abs(self.numbers[some]))) for some in (grouped, whole))
        return int(grouped.argmax()) if large > _LARGER * small else None

    @property
    def sound(self) -> bool:
        """Whether every cell is a number."""
        return self.numeric and not len(self.other) and not bool(self.missing.any())

    def of_rows(self, rows: np.ndarray) -> Column:
        """Return some of its rows."""
        import pyarrow as arrow

        texts = None if self.texts is None else self.texts.take(arrow.array(rows))
        other = np.flatnonzero(np.isin(rows, self.other))
        return replace(self, numbers=self.numbers[rows], missing=self.missing[rows], texts=texts, other=other)

    @property
    def telling(self) -> np.ndarray:
        """The rows that tell what it is, counted from 0: those with a value, if few have none; else all."""
        known = np.flatnonzero(~self.missing)
        return known if len(known) >= _FEW_MISSING * len(self.missing) else np.arange(len(self.missing))

    @property
    def whole(self) -> bool:
        """Whether every cell is a whole number."""
        return self.sound and bool(np.all(np.isfinite(self.numbers) & (self.numbers == np.round(self.numbers))))

    @property
    def unique(self) -> bool:
        """Whether no number comes twice."""
        return len(np.unique(self.numbers)) == len(self.numbers)


def column(name: str, cells: Any, writing: Writing) -> Column:
    """Return a column of a table from its cells, an array of pyarrow."""
    import pyarrow.types as types

    if types.is_dictionary(cells.type):
        cells = cells.dictionary_decode()
    none = np.empty(0, dtype=np.int64)
    if str(cells.type) == "string_view":
        cells = cells.cast("string")
    if types.is_string(cells.type) or types.is_large_string(cells.type):
        return _of_texts(name, cells, writing)
    if (types.is_integer(cells.type) and not _exact(cells)) or (types.is_decimal(cells.type) and cells.type.precision > 15):
        return _of_texts(name, cells.cast("string"), Writing(markers=writing.markers))  # ids of which no two are one
    missing = np.asarray(cells.is_null(nan_is_null=True).to_numpy(zero_copy_only=False), dtype=bool)
    if types.is_integer(cells.type) or types.is_floating(cells.type) or types.is_decimal(cells.type):
        numbers = cells.cast("float64", safe=False).to_numpy(zero_copy_only=False).astype(np.float64)
        missing = missing | np.isin(numbers, writing.marking())
        return Column(name=name, numbers=np.where(missing, np.nan, numbers), missing=missing, texts=None, other=none)
    nothing = np.full(len(cells), np.nan)
    if types.is_duration(cells.type):
        seconds = cells.cast("int64").cast("float64", safe=False).to_numpy(zero_copy_only=False) / _A_SECOND[cells.type.unit]
        return Column(name=name, numbers=seconds, missing=missing, texts=None, other=none, kind="durations")
    kind = "dates" if types.is_timestamp(cells.type) or types.is_date(cells.type) else str(cells.type)[:30]
    if types.is_null(cells.type):
        kind, missing = "", np.ones(len(cells), dtype=bool)
    return Column(name=name, numbers=nothing, missing=missing, texts=cells if kind == "dates" else None, other=none, kind=kind)


def written(number: float) -> str:
    """Return a number as people write it, in so many digits that no other one has them."""
    short = f"{number:.10g}"
    return short if float(short) == number else str(int(number)) if number.is_integer() else repr(number)


def _exact(cells: Any) -> bool:
    """Whether whole numbers are those that they are in double precision."""
    import pyarrow.compute as compute

    ends = compute.min_max(cells).as_py()
    return all(end is None or abs(end) <= 2**53 for end in ends.values())


def _of_texts(name: str, cells: Any, writing: Writing) -> Column:
    import pyarrow as arrow
    import pyarrow.compute as compute

    bare = compute.utf8_trim_whitespace(cells)
    for letter in _SAME.get(writing.thousands, ""):
        bare = compute.replace_substring(bare, letter, writing.thousands)
    small = compute.utf8_lower(bare)
    markers = arrow.array([*MISSING, *(marker.strip().lower() for marker in writing.markers)], type=bare.type)
    missing = np.asarray(compute.fill_null(compute.is_in(small, value_set=markers), True).to_numpy(zero_copy_only=False))
    missing |= np.asarray(cells.is_null().to_numpy(zero_copy_only=False))
    matches = compute.fill_null(compute.match_substring_regex(bare, writing.pattern()), False)
    endless = compute.fill_null(compute.match_substring_regex(small, r"^[+-]?(inf|infinity)$"), False)
    written = np.asarray(compute.or_(matches, endless).to_numpy(zero_copy_only=False)) & ~missing
    if writing.thousands:
        bare = compute.replace_substring(bare, writing.thousands, "")
    if writing.decimal != ".":
        bare = compute.replace_substring(bare, writing.decimal, ".")
    numbers = np.full(len(cells), np.nan)
    numbers[written] = [float(cell) for cell in bare.filter(arrow.array(written)).to_pylist()]
    missing |= np.isin(numbers, writing.marking())
    numbers[missing] = np.nan
    other = np.flatnonzero(~(written | missing))
    return Column(name=name, numbers=numbers, missing=missing, texts=cells, other=other)


#: The fewest whole ones, and how many times as large, that make points before three digits ask for thousands.
_WHOLES, _LARGER = 3, 3
#: A number with three digits behind a point, and a whole one, below 1000.
_GROUPED, _WHOLE = r"^[+-]?[1-9][0-9]{0,2}\.[0-9]{3}$", r"^[+-]?[1-9][0-9]{0,2}$"
_NEARLY = re.compile(
    r"[+\-\u2212(]?\s*[$\u20ac\u00a3\u00a5]?\s*\d[\d,.'\u2019 \u00a0\u202f_]*([eE][+-]?\d+)?\s*[%)]?"
    r"(\s*(\u00b1|\+/?-)\s*\d[\d.,]*)?"
)
#: A number with a sign of money, of a bound, a quote or a unit beside it, or with the exponent of Fortran.
_BESIDE = re.compile(
    r"(?P<before>['\"=~<>\u2264\u2265\u00b1]|[A-Z]{0,3}[$\u00a3\u00a5\u20a0-\u20cf]|[A-Z]{3} |(?:Rs|kr|Fr)\.? )?"
    r"\s?[+-]?\d[\d.,]*([eEdD][+-]?\d+)?"
    r"(?P<after>\s?[^\d\s.,;:/#-][^\d.,;:/#-]{0,7})?"
)
_THOUSANDS = {
    r"[+-]?\d{1,3}(,\d{3})+\.\d*": "task.thousands=comma",
    r"[+-]?\d{1,3}(,\d{3}){2,}": "task.thousands=comma",
    r"[+-]?\d{1,3},\d{3}": "task.thousands=comma or task.decimal=comma",
    r"[+-]?\d*,\d+([eE][+-]?\d+)?": "task.decimal=comma",
    r"[+-]?\d{1,3}(\.\d{3})+,\d*": "task.thousands=point task.decimal=comma",
    r"[+-]?\d{1,3}(\.\d{3}){2,}": "task.thousands=point",
    r"[+-]?\d{1,3}([ \u00a0\u202f]\d{3})+(\.\d*)?": "task.thousands=space",
    r"[+-]?\d{1,3}(['\u2019]\d{3})+(\.\d*)?": "task.thousands=apostrophe",
    r"[+-]?\d{1,3}(_\d{3})+(\.\d*)?": "task.thousands=_",
}
#: What is hard to type, or has a meaning for a shell, by its name.
SEPARATORS = {"comma": ",", "point": ".", "space": " ", "apostrophe": "'", "none": ""}
#: Letters that stand for a separator too.
_SAME = {" ": "\u00a0\u202f", "'": "\u2019"}


def cure(cell: str) -> str:
    """Return what can be done about a cell that is no number, in a few words."""
    for pattern, setting in _THOUSANDS.items():
        if re.fullmatch(pattern, cell.strip()):
            return setting
    found = _BESIDE.fullmatch(cell.strip())
    if found and (found["before"] or found["after"]):
        sign = one_line((found["before"] or found["after"]).strip(), 12)
        return f"without {sign!r} it is one; task.markers=[...] if there is none; or other task.columns"
    return "task.markers=[...] if it says that there is none, or name other task.columns"
