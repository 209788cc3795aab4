"""Overrides by Hydra's grammar: bounded before they are parsed, and the values of a sweep."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from typing import cast

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Glob, IntervalSweep, Override, RangeSweep
from hydra.errors import HydraException

from freerun.config.experiment import PARTS
from freerun.config.presets import choices
from freerun.errors import ConfigError
from freerun.io import key_value
from freerun.io.suggestions import nearest
from freerun.io.text import one_line

#: The most runs that one sweep or case may ask for.
LARGEST = 100_000
#: Most characters of all overrides, of what stands in brackets of one (Hydra's parser takes time as its square), levels of
#: brackets, and digits in a row.
LONGEST, BRACKETED, DEEPEST, DIGITS = 20_000, 3_000, 10, 400
#: Settings whose values are names of files and columns, or signs: what a shell leaves of them needs no quotes of Hydra's.
_PLAIN = (
    "task.path",
    "task.file",
    "task.date",
    "task.date_format",
    "task.id",
    "task.delimiter",
    "task.decimal",
    "task.thousands",
)
#: Settings that are lists of names.
LISTS = ("task.columns", "task.inputs", "task.markers", "evaluation.metrics")
#: Functions of the grammar, with what they take.
_FUNCTIONS = {
    "choice": "values, choice(a,b)",
    "range": "numbers, range(end) or range(first,end,step)",
    "interval": "two numbers, interval(1e-4,1e-2), for freerun search",
    "glob": "a pattern, glob(*)",
    "tag": "log and an interval, tag(log,interval(1e-4,1e-2))",
    "sort": "values, sort(b,a)",
    "shuffle": "values, shuffle(a,b)",
    "int": "a number",
    "float": "a number",
    "str": "a value",
    "bool": "true or false",
}
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")


def _bounded(text: str) -> None:
    """Refuse what would keep the parser busy, before it is parsed.

    Raises:
        ConfigError: naming the rule.
    """
    if len(text) > LONGEST:
        raise ConfigError(f"{quoted(text)}: an override of {len(text)} characters; it may hold at most {LONGEST}")
    if _CONTROL.search(text):
        raise ConfigError(f"{quoted(text)}: holds a control character")
    if re.search(rf"\d{{{DIGITS + 1}}}", text):
        raise ConfigError(f"{quoted(text)}: a number of more than {DIGITS} digits")
    depth = inside = 0
    for letter in text:
        depth = max(0, depth + (letter in "[{(") - (letter in "]})"))
        inside += depth > 0
        if depth > DEEPEST:
            raise ConfigError(f"{quoted(text)}: brackets are nested more than {DEEPEST} deep")
    if inside > BRACKETED:
        raise ConfigError(f"{quoted(text)}: {inside} characters in brackets; at most {BRACKETED} are possible")


def quoted(text: str | None) -> str:
    """Return an override as messages quote it."""
    return one_line(text or "", 60)


def parse(overrides: list[str]) -> list[Override]:
    """Overrides by Hydra's grammar.

    Raises:
        ConfigError: for the first that is none, or that would keep the parser busy.
    """
    for text in overrides:
        _bounded(text)
    if sum(map(len, overrides)) > LONGEST:
        raise ConfigError(f"overrides of {sum(map(len, overrides))} characters; together they hold at most {LONGEST}")
    parser = OverridesParser.create()
    parsed = []
    for text in overrides:
        try:
            parsed.extend(parser.parse_overrides([text]))
        except (HydraException, ValueError, ArithmeticError, RecursionError) as fault:
            plain = _in_quotes(text)
            if plain is None:
                raise key_value.malformed(text, _reason(text, fault)) from None
            parsed.extend(parser.parse_overrides([plain]))
    return parsed


def _in_quotes(text: str) -> str | None:
    """Return an override whose value is plain text, `~/a b.csv` or `;`, with the quotes that Hydra wants; None for others."""
    key, equals, value = text.partition("=")
    if key not in _PLAIN or not equals or not value or set(value) & set("'\"[]{}\\$"):
        return None
    parts = [value] if value == "," else value.split(",")
    return f"{key}={','.join(chr(39) + part + chr(39) for part in parts)}"


def _reason(text: str, fault: Exception) -> str:
    """Return in words why Hydra's grammar does not take an override."""
    value = text.partition("=")[2]
    if function := re.search(r"while evaluating '(\w+)\(", str(fault)):
        name = function[1]
        if name not in _FUNCTIONS:
            return f"there is no {name}(); there are {', '.join(f'{known}()' for known in _FUNCTIONS)}"
        return f"{name}() takes {_FUNCTIONS[name]}"
    if any(value.count(sign) % 2 for sign in "'\""):
        return "a quote is open"
    if odd := next((pair for pair in ("()", "[]", "{}") if value.count(pair[0]) != value.count(pair[1])), None):
        return f"a bracket {odd[0]} or {odd[1]} has no other"
    if "=" not in text:
        return "an equals sign is missing"
    if "~" in value:
        return "write a path without ~, or put the value in quotes"
    return "put a value with signs in quotes, \"key='value'\"; a key is words with dots between them"


def values(override: Override) -> Iterator[str]:
    """Yield the overrides of one value that an override stands for: itself, or those of its sweep.

    Raises:
        ConfigError: if it is no sweep over values, or one over too many.
    """
    if not override.is_sweep_override():
        yield str(override.input_line)
        return
    line, sweep = quoted(override.input_line), cast("object", override._value)
    if isinstance(sweep, IntervalSweep):
        raise ConfigError(
            f"{line}: an interval has no list of values; freerun search looks in it, -m takes key=a,b or range(a,b)"
        )
    if isinstance(sweep, Glob):
        names = choices(override.key_or_group) if override.key_or_group in PARTS else []
        if not names:
            raise ConfigError(
                f"{line}: glob() picks among the names of a part, such as model=glob(*); list the values, key=a,b"
            )
        if not (picked := sweep.filter(sorted(names))):
            raise ConfigError(f"{line}: no name is like this; {nearest('', names)}")
        yield from (f"{override.key_or_group}={name}" for name in picked)
        return
    try:
        value = override.value()
        if isinstance(value, RangeSweep) and _size(value) > LARGEST:  # before it is shuffled, which makes a list of it
            raise ConfigError(f"{quoted(override.input_line)}: more than {LARGEST} values")
        for number, text in enumerate(override.sweep_string_iterator()):
            if number >= LARGEST:
                raise ConfigError(f"{quoted(override.input_line)}: more than {LARGEST} values")
            yield f"{override.key_or_group}={text}"
    except (HydraException, ValueError, ArithmeticError, TypeError):
        raise ConfigError(
            f"{quoted(override.input_line)}: not a sweep over values; use key=a,b or range(first,end,step)"
        ) from None


def _size(values: RangeSweep) -> float:
    """Return about how many values a range has.

    Raises:
        ValueError: if it has no finite ends, or no step.
    """
    start, stop, step = (float(end) for end in (values.start or 0, values.stop or 0, values.step))
    if not (math.isfinite(start) and math.isfinite(stop) and math.isfinite(step) and step):
        raise ValueError("a range has finite ends and a step")
    return (stop - start) / step


def first_line(fault: Exception) -> str:
    """Return the first line of a message of Hydra or OmegaConf that says something."""
    lines = [line for line in str(fault).splitlines() if line.strip() and not line.startswith("Error parsing override")]
    return one_line(lines[0] if lines else type(fault).__name__, 110)
