"""Registry of parts: every part of a kind by its name on the command line, in the tables and in the configuration.

A part is one file, named as its module, which defines one class derived from the base class of its kind. A family of parts is
one file too: its `PARTS` holds their classes by name. Nothing else has to be edited to add one.
"""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import pkgutil
import sys
from collections.abc import Iterable, Mapping
from functools import cache
from types import MappingProxyType
from typing import Any

from freerun.errors import ConfigError
from freerun.io.suggestions import nearest
from freerun.io.text import one_line

#: The module of all that is defined in a notebook, in a script that is run, or at a prompt.
HOME = "__main__"
#: The kinds of part: the configuration's key, the package that holds the files, and the base class of the kind.
KINDS: dict[str, tuple[str, str]] = {
    "task": ("freerun.parts.tasks", "Task"),
    "model": ("freerun.parts.models", "Model"),
    "regime": ("freerun.parts.regimes", "Regime"),
    "feedback": ("freerun.parts.feedback", "Feedback"),
    "objective": ("freerun.parts.objectives", "Objective"),
    "metric": ("freerun.measurement.metrics", "Metric"),
}

plugin_parts: dict[str, dict[str, type]] = {kind: {} for kind in KINDS}
#: Figures of plugins, modules with `CAPTION` and `draw` (`freerun.analysis.figures`), by the name of their file.
plugin_figures: dict[str, Any] = {}
#: The parts that were defined in a notebook or in the script that is run (`freerun.parts.notebook_parts`).
notebook_parts: dict[str, dict[str, type]] = {kind: {} for kind in KINDS}


def base(kind: str) -> type:
    """Return the abstract base class of a kind."""
    package, name = KINDS[kind]
    base_class: type = getattr(importlib.import_module(package), name)
    return base_class


@cache
def builtin_parts(kind: str) -> Mapping[str, type]:
    """Return the parts of a kind that come with the package, by name, in alphabetical order; nobody can change them."""
    package = importlib.import_module(KINDS[kind][0])
    parts_by_name: dict[str, type] = {}
    for info in pkgutil.iter_modules(package.__path__):
        if info.name.startswith("_"):
            continue
        module = importlib.import_module(f"{package.__name__}.{info.name}")
        parts_by_name |= _parts_in(module, info.name.rstrip("_"), kind)
    return MappingProxyType(dict(sorted(parts_by_name.items())))


def _parts_in(module: Any, name: str, kind: str) -> dict[str, type]:
    family: dict[str, type] | None = getattr(module, "PARTS", None)
    if family is not None:
        return family
    parts = parts_of(module, base(kind))
    if len(parts) != 1:
        raise ConfigError(
            f"{module.__name__} must define exactly one {base(kind).__name__}, or a family of them in PARTS, found {len(parts)}"
        )
    return {name: parts[0]}


def parts_of(module: Any, parent: type) -> list[type]:
    """Return the classes that a module itself derives from a base class."""
    return [
        value
        for value in vars(module).values()
        if inspect.isclass(value) and issubclass(value, parent) and value.__module__ == module.__name__
    ]


def parts(kind: str) -> dict[str, type]:
    """Return all parts of a kind by name, the built-in ones first, then those of plugins, then those of a notebook."""
    return {**builtin_parts(kind), **plugin_parts[kind], **notebook_parts[kind]}


def get(kind: str, name: str) -> type:
    """One part by name.

    Raises:
        ConfigError: if there is no such part; names the nearest one.
    """
    known = parts(kind)
    if isinstance(name, str) and name in known:
        return known[name]
    raise written_as_settings(kind, name) if isinstance(name, Mapping) else unknown(kind, one_line(name, 60), known)


def written_as_settings(kind: str, settings: Mapping[Any, Any]) -> ConfigError:
    """Return the error for a part that is written as a mapping of its settings: how it is written."""
    key = next((key for key in settings if key not in ("name", "_target_")), "KEY")
    form = f"{kind}={one_line(settings.get('name', 'NAME'), 40)} {kind}.{one_line(key, 40)}=..."
    return ConfigError(f"{kind}={one_line(dict(settings), 60)}: a part is chosen by its name, settings stand beside it: {form}")


def unknown(kind: str, name: str, choices: Iterable[str]) -> ConfigError:
    """Return the error for a name that no part of a kind has; it names the kind that has it, or else the nearest name."""
    for holder in KINDS:
        if holder != "metric" and name in parts(holder):
            return ConfigError(f"{kind}={name}: unknown {kind}; {name} is one of another kind: {holder}={name}")
    return ConfigError(f"{kind}={name}: unknown {kind}; {nearest(name, choices)}")


def name_of(part: object) -> str:
    """Return the name of a part, which is that of its file.

    Raises:
        ConfigError: if the part is neither built in nor from a loaded plugin or a notebook.
    """
    cls = part if inspect.isclass(part) else type(part)
    for kind in KINDS:
        for name, part_class in parts(kind).items():
            if part_class is cls:
                return name
        if cls.__name__ in notebook_parts[kind] and cls.__module__ == HOME:
            raise ConfigError(f"{cls.__name__} has been defined anew since this {kind} was made; make it again")
    raise ConfigError(f"{cls.__name__} is not a registered part; name its file in plugins=[...]")


def summary(cls: type) -> str:
    """Return the first sentence of a part's documentation."""
    text = inspect.getdoc(cls) or inspect.getdoc(sys.modules[cls.__module__]) or ""
    return " ".join(text.split("\n\n")[0].split())
