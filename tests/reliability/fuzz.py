"""Fuzzing of every reader with Hypothesis: none raises anything but Freerun's own errors.

`cases` deals the examples out over the readers; `check` runs one deal. Records, checkpoints, descriptions and plans are sound
ones with values, keys and lengths changed; configurations and YAML are made of the pieces of their grammars, and of any text.
"""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from freerun.analysis.tables import run_table
from freerun.config.hydra.compose import experiments
from freerun.config.run_identity import canonical, from_canonical
from freerun.errors import ConfigError, CorruptRecord
from freerun.io import yaml
from freerun.io.reading import NotPlain
from freerun.store import study_file
from freerun.store.record_columns import of
from freerun.store.record_schema import typed, understood
from reliability import half_done
from reliability.configurations import KEYS, VALUES
from reliability.watched import one_line
from synthetic import record, tree

RUN = "0" * 15 + "1"
#: Examples of one deal.
DEAL = 100


@dataclass(frozen=True, kw_only=True)
class Deal:
    """So many examples for one reader, drawn from a seed."""

    reader: str
    seed: int
    examples: int


def cases(number: int, count: int) -> list[Deal]:
    """`count` examples in all, over the readers in turn."""
    chance, readers, deals = random.Random(number), tuple(READERS), -(-count // DEAL)
    sizes = [min(DEAL, count - DEAL * place) for place in range(deals)]
    return [Deal(reader=readers[i % len(readers)], seed=chance.randrange(2**32), examples=size) for i, size in enumerate(sizes)]


def check(deal: Deal, folder: Path) -> None:
    """The law: no exception but our own."""
    strategy, law = READERS[deal.reader]

    @seed(deal.seed)
    @settings(
        max_examples=deal.examples,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(strategy)
    def run(example: Any) -> None:
        law(example, folder)

    run()


_plain = st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | st.text(max_size=8)
_json = st.recursive(
    _plain, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3), max_leaves=5
)


def _places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The ways to every value of a tree."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for key, each in inner for place in _places(each, (*path, key)))]


def _changed(sound: Any) -> st.SearchStrategy[Any]:
    """A tree with one or two of its values replaced, moved elsewhere, or taken away."""
    places = [path for path in _places(sound) if path]

    def change(moves: list[tuple[tuple[Any, ...], str, Any]]) -> Any:
        found = copy.deepcopy(sound)
        for path, way, value in moves:
            node: Any = found
            try:
                for key in path[:-1]:
                    node = node[key]
                if way == "put":
                    node[path[-1]] = value
                elif way == "take":
                    del node[path[-1]]
                elif isinstance(node, dict):
                    node[str(value)[:8]] = node[path[-1]]
                else:
                    node.append(node[path[-1]])
            except (LookupError, TypeError, AttributeError):  # an earlier move has put something else there
                continue
        return found

    move = st.tuples(st.sampled_from(places), st.sampled_from(("put", "put", "take", "more")), _json)
    return st.lists(move, min_size=1, max_size=2).map(change)


def _config(words: list[str], folder: Path) -> None:
    try:
        found = experiments(words, sweep=True)
    except ConfigError as fault:
        one_line(fault, 191)
    else:
        assert found


def _yaml(text: bytes, folder: Path) -> None:
    try:
        assert isinstance(yaml.parsed(text), dict)
    except NotPlain as fault:
        one_line(fault)


def _record(found: Any, folder: Path) -> None:
    try:
        body = json.dumps(found).encode()
        sound = typed(body, RUN, "here")
    except CorruptRecord as fault:
        one_line(fault)
        return
    assert understood(body, RUN, "here", whole=True)["experiment"] == sound.trained.experiment
    if abs(sound.trained.experiment["seed"]) < 2**63:
        of([sound], run_table.outcome)


def _half_done() -> st.SearchStrategy[Any]:
    """A checkpoint changed anywhere, or in what it says of itself."""
    sound = half_done.sound()
    header = sound["header"]
    about = _changed(header["__metadata__"])
    return _changed(sound) | about.map(lambda found: sound | {"header": header | {"__metadata__": found}})


def _info(found: Any, folder: Path) -> None:
    place = folder / "s"
    place.mkdir(exist_ok=True)
    (place / study_file.NAME).write_text(json.dumps(found))
    try:
        info = study_file.read(place)
    except NotPlain as fault:
        one_line(fault)
    else:
        assert (info["name"], info["ids"]) == ("s", list(info["planned"]))


def _plan(found: Any, folder: Path) -> None:
    try:
        from_canonical(found)
    except ConfigError as fault:
        one_line(fault)


_values = st.sampled_from(VALUES) | st.text(max_size=12) | st.integers().map(str) | st.floats().map(str)
_word = st.tuples(st.sampled_from(["", "", "+", "~"]), st.sampled_from(KEYS), st.sampled_from(["=", "=", "@x="]), _values).map(
    "".join
)
_pieces = st.sampled_from(
    ["cases: ", "- ", "[", "]", "{", "}", ": ", "\n", "  ", "&a ", "*a", "!!str ", "!t ", "'", '"', "|\n", ">\n", "? ", "# ",
     "~", "%YAML 1.1\n", "---\n", "...\n", "<<: ", "1", "0x1", "1:2", "yes", "2020-13-45", "1e400", "\t", "=", ".inf"]
)  # fmt: skip
_text = (
    st.lists(_pieces | st.text(max_size=3), max_size=25).map("".join).map(lambda text: text.encode("utf-8", "surrogatepass"))
)
_words = st.lists(_word | st.text(max_size=20), min_size=1, max_size=2).map(lambda words: ["task=lorenz63", *words])
_sound_info = {"name": "s", "title": "", "command": "", "overrides": [], "ids": [RUN], "planned": {RUN: tree()}}
_sound_plan = canonical(experiments(["task=markov", "model=gru"], sweep=False)[0])
READERS: dict[str, tuple[st.SearchStrategy[Any], Callable[[Any, Path], None]]] = {
    "record": (_changed(record(RUN, tree())), _record),
    "checkpoint": (st.deferred(_half_done), half_done.check),
    "yaml": (_text | st.binary(max_size=40), _yaml),
    "plan": (_changed(_sound_plan), _plan),
    "info": (_changed(_sound_info), _info),
    "config": (_words, _config),
}
