"""Identity of a run: SHA-256 of what it is trained by, plain data with every setting resolved.

Never Python's `hash`, never a time. The same data, read back, is the same experiment: that is how worker processes are told
what to do and how a record says what it is of. What is measured of a run when it is trained has an identity of its own
(`freerun.config.measurement_identity`).
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import fields, is_dataclass
from enum import Enum
from typing import Any

from freerun.config import start_weights
from freerun.config.evaluation_settings import Evaluation
from freerun.config.experiment import PARTS, Experiment, assemble
from freerun.config.training_settings import Training
from freerun.errors import ConfigError
from freerun.io.text import brief, one_line
from freerun.parts import registry
from freerun.parts.objectives import Objective
from freerun.parts.part_source import source_of
from freerun.parts.settings import build
from freerun.parts.tasks import Task

#: What a node of a canonical experiment holds beside its settings: digests of what it depends on.
DIGESTS = ("source", "content", "recipe")
#: Keys of a part's node that are no settings of it.
RESERVED = frozenset({"name", *DIGESTS})
#: Part of every identity. Raise it when a change of the engine changes the numbers of a run.
GENERATION = 5
#: The last generation of which a run was trained and measured in one, and known by both.
UNDIVIDED = 4
#: Hexadecimal digits that are a number to readers of tables, some of which know `d` as an exponent's letter too.
_NUMBER = re.compile(r"[0-9]+([ed][0-9]+)?")


def canonical(experiment: Experiment) -> dict[str, Any]:
    """The experiment as plain data: every setting resolved, every part with its name (from a plugin also its source's hash).

    Raises:
        ConfigError: if a part has a setting of a reserved name.
    """
    tree: dict[str, Any] = {}
    for item in fields(experiment):
        value = getattr(experiment, item.name)
        if item.name in PARTS:
            name = registry.name_of(value)
            if taken := sorted(RESERVED.intersection(setting.name for setting in fields(value))):
                told = "is kept for what a run is known by; give it another name"
                raise ConfigError(f"{item.name}={name}: a setting called {taken[0]!r} {told}")
            tree[item.name] = {"name": name, **_settings(value)}
            tree[item.name] |= _outside(value)
        else:
            tree[item.name] = _settings(value) if is_dataclass(value) else value
    tree["training"] |= start_weights.digests(experiment.training) | _watching(experiment.training)
    for name in ("metrics", "settings"):  # said where it is not by default
        if not tree["evaluation"][name]:
            del tree["evaluation"][name]
    return tree


def trained(tree: dict[str, Any]) -> dict[str, Any]:
    """Return the part of a canonical experiment that training depends on: all but what is measured afterwards, and how."""
    return {**tree, "evaluation": {"warmup": tree["evaluation"]["warmup"]}}


def unstopped(tree: dict[str, Any]) -> dict[str, Any]:
    """Return a canonical experiment without the update at which its training stops before the last one."""
    return {**tree, "training": {name: value for name, value in tree["training"].items() if name != "stop"}}


def _outside(part: Any) -> dict[str, str]:
    """Return the digests of what a part depends on beside its settings: a plugin's source, a file's content."""
    content = part.content() if isinstance(part, (Task, Objective)) else None
    digests = {"source": source_of(part), "content": content}
    return {name: digest for name, digest in digests.items() if digest}


def _watching(training: Training) -> dict[str, str]:
    """Return the `source` of the metric by which weights are chosen, or a run is ended, where it is not built in."""
    curve = training.watched
    source = source_of(registry.get("metric", curve.metric)()) if curve.measured else None
    return {} if source is None else {"source": source}


def _settings(node: Any) -> dict[str, Any]:
    settings = {}
    for item in fields(node):
        value = getattr(node, item.name)
        if item.metadata.get("later") and value == item.default:
            continue
        if isinstance(value, Enum):
            value = value.value
        settings[item.name] = value
    return settings


def identity(tree: dict[str, Any]) -> str:
    """The identity of a run: 16 hexadecimal digits of the SHA-256 of what it is trained by and the program's generation.

    The first 16 in a row that no reader of a table takes for a number, as it would `573886641e447750`.
    """
    digits = _digest({"generation": GENERATION, **trained(tree)})
    windows = (digits[start : start + 16] for start in range(len(digits) - 15))
    return next((window for window in windows if not _NUMBER.fullmatch(window)), digits[:16])


def _digits(tree: dict[str, Any]) -> str:
    return _digest(tree)[:16]


def _digest(tree: dict[str, Any]) -> str:
    text = json.dumps(tree, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def older_generation(run: str, tree: dict[str, Any]) -> int | None:
    """Return the earlier generation of Freerun in which an experiment had this identity; None if it had it in none."""
    undivided = range(1, UNDIVIDED + 1)
    generation = next((number for number in undivided if _digits({"generation": number, **tree}) == run), None)
    if generation is not None:
        return generation
    divided = range(UNDIVIDED + 1, GENERATION)
    return next((number for number in divided if _digits({"generation": number, **trained(tree)}) == run[:16]), None)


def sources(tree: dict[str, Any]) -> set[str]:
    """Return the SHA-256 of the plugins that a canonical experiment was planned with: no other code may be run for it."""
    digests = {node.get("source") for key in (*PARTS, "training") if isinstance(node := tree.get(key), dict)}
    return {str(digest) for digest in digests if digest}


def from_canonical(tree: dict[str, Any]) -> Experiment:
    """Return the experiment that `canonical` described.

    Raises:
        ConfigError: for an unknown part or setting, or a part whose plugin is not loaded or has changed.
    """
    values: dict[str, Any] = dict(tree)
    if wrong := values.keys() ^ {item.name for item in fields(Experiment)}:
        raise ConfigError(f"an experiment has other keys; look at {one_line(sorted(map(str, wrong))[0], 60)}")
    for key in PARTS:
        node = _node(key, values[key])
        outside = {name: node.pop(name) for name in DIGESTS if name in node}
        name = node.pop("name", None)
        values[key] = build(registry.get(key, name), key, node)
        if _outside(values[key]) != outside:
            raise ConfigError(f"{key}={name}: a file it depends on has changed since this run was planned")
    settings = _node("training", values["training"])
    values["training"] = build(Training, "training", {name: settings[name] for name in settings if name not in DIGESTS})
    start_weights.demand_unchanged(values["training"], tree)
    if _watching(values["training"]) != {name: settings[name] for name in ("source",) if name in settings}:
        raise ConfigError(f"training.watch={values['training'].watch}: its metric has changed since this run was planned")
    values["evaluation"] = build(Evaluation, "evaluation", _node("evaluation", values["evaluation"]))
    for key in ("gradient", "device", "dtype"):
        if not isinstance(values[key], str):
            raise ConfigError(f"{key} must be text, got {brief(values[key])}")
    return assemble(values)


def _node(key: str, value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ConfigError(f"{key} must be a mapping of settings, got {brief(value)}")
    return dict(value)
