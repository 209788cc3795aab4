"""Parts by name: what a text stands for where a part of an experiment is wanted, and what stands there by mistake."""

from __future__ import annotations

import inspect
from dataclasses import MISSING, fields
from typing import Any

from freerun.config import presets
from freerun.errors import ConfigError
from freerun.io.text import brief
from freerun.io.yaml import read_yaml
from freerun.parts import registry
from freerun.parts.settings import build


def part(kind: str, value: Any) -> Any:
    """Return a part as it is, or the one that has a name: of a part, with its default settings, or of a preset.

    Args:
        kind: the key of the experiment, such as ``model``.
        value: a part, or a name such as ``"gru"`` or ``"scheduled_sampling_rising"``.

    Raises:
        ConfigError: if there is none of this name, its settings are wrong, or the value is neither.
    """
    if isinstance(value, str):
        if value not in presets.presets(kind):
            if value not in registry.parts(kind):
                raise registry.unknown(kind, brief(value)[1:-1], presets.choices(kind))
            return _usual(kind, registry.get(kind, value))
        path = presets.config_folder() / kind / f"{value}.yaml"
        settings = read_yaml(path)
        return build(registry.get(kind, settings.pop("defaults")[0]), kind, settings)
    if isinstance(value, registry.base(kind)):
        return value
    if inspect.isclass(value) and issubclass(value, registry.base(kind)):
        raise ConfigError(f"{kind}={value.__name__}: is a class; {value.__name__}() is one with its default settings")
    raise ConfigError(f"{kind} must be a {kind} or the name of one, got {brief(value)}")


def _usual(kind: str, cls: type) -> Any:
    """Return a part with its default settings."""
    open_settings = [item.name for item in fields(cls) if item.default is MISSING and item.default_factory is MISSING]
    if open_settings:
        made = f"{cls.__name__}({', '.join(f'{name}=...' for name in open_settings)})"
        raise ConfigError(f"{kind}={registry.name_of(cls)}: has settings without a default; write {made}")
    return build(cls, kind, {})
