"""By what is a run known? The hash of its canonical experiment: plain data, every setting resolved.

Never Python's `hash`, never a time. The same data, read back, is the same experiment: that is how worker processes are told
what to do and how a record says what it is of.
"""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import fields, is_dataclass
from enum import Enum
from typing import Any

from freerun import catalog
from freerun.config import PARTS, Evaluation, Experiment, Training
from freerun.errors import ConfigError, nearest
from freerun.tasks import Task

#: Part of every identity. Raise it when a change of the engine changes the numbers of a run.
GENERATION = 1


def canonical(experiment: Experiment) -> dict[str, Any]:
    """The experiment as plain data: every setting resolved, every part with its name (from a plugin also its source's hash)."""
    tree: dict[str, Any] = {}
    for item in fields(experiment):
        value = getattr(experiment, item.name)
        if item.name in PARTS:
            tree[item.name] = {"name": catalog.name_of(value), **_settings(value)}
            tree[item.name] |= _outside(value)
        else:
            tree[item.name] = _settings(value) if is_dataclass(value) else value
    return tree


def _outside(part: Any) -> dict[str, str]:
    """What a part depends on beside its settings: the source of a plugin, the content of a file."""
    found = {"source": catalog.source_of(part), "content": part.content() if isinstance(part, Task) else None}
    return {name: digest for name, digest in found.items() if digest}


def _settings(node: Any) -> dict[str, Any]:
    settings = {}
    for item in fields(node):
        value = getattr(node, item.name)
        if isinstance(value, Enum):
            value = value.value
        elif isinstance(value, int) and not isinstance(value, bool) and "float" in str(item.type):
            value = float(value)
        settings[item.name] = value
    return settings


def identity(tree: dict[str, Any]) -> str:
    """The identity of a run: 16 hexadecimal digits of the SHA-256 of its canonical experiment."""
    text = json.dumps({"generation": GENERATION, **tree}, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def from_canonical(tree: dict[str, Any]) -> Experiment:
    """The experiment that `canonical` described.

    Raises:
        ConfigError: for an unknown part or setting, or a part whose plugin is not loaded or has changed.
    """
    values: dict[str, Any] = dict(tree)
    for key in PARTS:
        node = dict(values[key])
        outside = {name: node.pop(name) for name in ("source", "content") if name in node}
        values[key] = build(catalog.get(key, node.pop("name")), key, node)
        if _outside(values[key]) != outside:
            raise ConfigError(f"{key}={tree[key]['name']}: a file it depends on has changed since this run was planned")
    values["training"] = build(Training, "training", values["training"])
    values["evaluation"] = build(Evaluation, "evaluation", values["evaluation"])
    return Experiment(**values)


def build(cls: type, key: str, settings: dict[str, Any]) -> Any:
    """Make one node of the tree from plain settings.

    Raises:
        ConfigError: naming the key, the value and the rule, if a setting is unknown or out of range.
    """
    known = {item.name: item for item in fields(cls)}
    values = dict(settings)
    for name, value in settings.items():
        if name not in known:
            raise ConfigError(f"{key}.{name}: unknown key; {nearest(name, known)}")
        if isinstance(value, float) and not math.isfinite(value):
            raise ConfigError(f"{key}.{name} must be finite, got {value}")
        default = known[name].default
        if isinstance(default, Enum) and not isinstance(value, Enum):
            try:
                values[name] = type(default)(value)
            except ValueError:
                choices = [str(member.value) for member in type(default)]
                raise ConfigError(f"{key}.{name}={value}: unknown {name}; {nearest(str(value), choices)}") from None
    try:
        return cls(**values)
    except ValueError as fault:
        raise ConfigError(f"{key}.{fault}") from None
