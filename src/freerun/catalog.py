"""Which parts are there?

A part is one file: the module's name is the name on the command line, in the tables and in the configuration. The file
defines one class derived from the base class of its kind. Nothing else has to be edited to add one.
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import inspect
import pkgutil
import re
import sys
from collections.abc import Container, Iterable
from functools import cache
from pathlib import Path
from typing import Any

from freerun.errors import ConfigError, nearest
from freerun.outside import NotPlain, content, one_line

#: The kinds of part: the configuration's key, the package that holds the files, and the base class of the kind.
KINDS: dict[str, tuple[str, str]] = {
    "task": ("freerun.tasks", "Task"),
    "model": ("freerun.models", "Model"),
    "regime": ("freerun.regimes", "Regime"),
    "feedback": ("freerun.feedback", "Feedback"),
    "objective": ("freerun.objectives", "Objective"),
    "metric": ("freerun.metrics", "Metric"),
}

#: Most bytes of a plugin, and what it may be called: its name becomes a word of the command line and of the tables.
LARGEST_PLUGIN = 2**20
_PART_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,63}")

_plugins: dict[str, dict[str, type]] = {kind: {} for kind in KINDS}
_plugin_files: dict[str, str] = {}


def base(kind: str) -> type:
    """The abstract base class of a kind."""
    package, name = KINDS[kind]
    found: type = getattr(importlib.import_module(package), name)
    return found


@cache
def _builtin(kind: str) -> dict[str, type]:
    package = importlib.import_module(KINDS[kind][0])
    parts = {}
    for info in pkgutil.iter_modules(package.__path__):
        if info.name.startswith("_"):
            continue
        module = importlib.import_module(f"{package.__name__}.{info.name}")
        parts[info.name.rstrip("_")] = _part_in(module, kind)
    return parts


def _part_in(module: Any, kind: str) -> type:
    parts = _parts_of(module, base(kind))
    if len(parts) != 1:
        raise ConfigError(f"{module.__name__} must define exactly one {base(kind).__name__}, found {len(parts)}")
    return parts[0]


def _parts_of(module: Any, parent: type) -> list[type]:
    return [
        value
        for value in vars(module).values()
        if inspect.isclass(value) and issubclass(value, parent) and value.__module__ == module.__name__
    ]


def parts(kind: str) -> dict[str, type]:
    """All parts of a kind by name, the built-in ones first, then those of plugins."""
    return {**_builtin(kind), **_plugins[kind]}


def get(kind: str, name: str) -> type:
    """One part by name.

    Raises:
        ConfigError: if there is no such part; names the nearest one.
    """
    known = parts(kind)
    if isinstance(name, str) and name in known:
        return known[name]
    raise unknown(kind, one_line(name, 60), known)


def unknown(kind: str, name: str, choices: Iterable[str]) -> ConfigError:
    """The error for a name that is no part of a kind: names the kind that has it, or else the nearest one."""
    for other in KINDS:
        if other != "metric" and name in parts(other):
            return ConfigError(f"{kind}={name}: unknown {kind}; {name} is one of another kind: {other}={name}")
    return ConfigError(f"{kind}={name}: unknown {kind}; {nearest(name, choices)}")


def name_of(part: object) -> str:
    """The name of a part: of its file."""
    cls = part if inspect.isclass(part) else type(part)
    for kind in KINDS:
        for name, known in parts(kind).items():
            if known is cls:
                return name
    raise ConfigError(f"{cls.__name__} is not a registered part; name its file in plugins=[...]")


def source_of(part: object) -> str | None:
    """For a part from a plugin the SHA-256 of its file, so that changed code is another run; None for a built-in part."""
    digest: str | None = getattr(sys.modules[type(part).__module__], "__freerun_digest__", None)
    return digest


def summary(cls: type) -> str:
    """The first sentence of a part's documentation."""
    text = inspect.getdoc(cls) or inspect.getdoc(sys.modules[cls.__module__]) or ""
    return " ".join(text.split("\n\n")[0].split())


def load_plugin(path: str, among: Container[str] | None = None) -> None:
    """Import a user's file of parts and register each under the file's name.

    Loading the same file twice is harmless. This is the one place where code named by a configuration is run, and only
    because the user listed the file in `plugins`. What is run is what is hashed: nothing cached, nothing read twice.

    Args:
        path: of the file.
        among: the SHA-256 of the files that may be run; None for any, where the user has typed the path.

    Raises:
        ConfigError: if the file is missing, is not Python, is not `among` them, fails to import or defines no part.
    """
    file, shown = Path(path), one_line(path, 80)
    if file.suffix != ".py":
        raise ConfigError(f"plugins={shown}: no such Python file")
    if not _PART_NAME.fullmatch(file.stem):
        raise ConfigError(
            f"plugins={shown}: a part is named by its file: letters, digits, '_' and '-', at most 64, a letter first"
        )
    try:
        source = content(file, LARGEST_PLUGIN)
    except OSError as fault:
        raise ConfigError(f"plugins={shown}: no such Python file ({fault.strerror})") from None
    except NotPlain as fault:
        raise ConfigError(f"plugins={shown}: {fault}") from None
    digest = hashlib.sha256(source).hexdigest()
    if among is not None and digest not in among:
        raise ConfigError(f"plugins={shown}: the file has changed since this run was planned")
    module_name = f"freerun_plugin_{file.stem}_{digest[:8]}"
    if module_name not in sys.modules:
        _run(source, file, digest, module_name, shown)
    module = sys.modules[module_name]
    found = False
    for kind in KINDS:
        if own := _parts_of(module, base(kind)):
            if len(own) > 1:
                raise ConfigError(f"plugins={shown}: a file holds one part of a kind, found {len(own)} of {kind}")
            if file.stem in _builtin(kind):
                raise ConfigError(f"plugins={shown}: {kind} {file.stem!r} is built in; give the file another name")
            if missing := sorted(getattr(own[0], "__abstractmethods__", ())):
                raise ConfigError(f"plugins={shown}: {own[0].__name__} lacks {', '.join(missing)}")
            _plugins[kind][file.stem] = own[0]
            found = True
    if not found:
        raise ConfigError(f"plugins={shown}: defines no part (derive a class from Task, Model, Regime, Feedback or Metric)")
    _plugin_files[str(file.resolve())] = digest


def _run(source: bytes, file: Path, digest: str, module_name: str, shown: str) -> None:
    spec = importlib.util.spec_from_file_location(module_name, file)
    if spec is None:
        raise ConfigError(f"plugins={shown}: not importable")
    module = importlib.util.module_from_spec(spec)
    module.__dict__["__freerun_digest__"] = digest
    sys.modules[module_name] = module
    try:
        exec(compile(source, file, "exec"), module.__dict__)  # noqa: S102 - see load_plugin
    except BaseException as fault:
        del sys.modules[module_name]
        if not isinstance(fault, (Exception, SystemExit)):
            raise
        raise ConfigError(f"plugins={shown}: {type(fault).__name__}: {fault}") from fault


def plugin_metrics() -> dict[str, str]:
    """The metrics of plugins, each with the SHA-256 of its file."""
    return {name: str(vars(sys.modules[part.__module__])["__freerun_digest__"]) for name, part in _plugins["metric"].items()}


def plugin_files() -> dict[str, str]:
    """The plugins that were loaded, each with the SHA-256 of its file, for the worker processes that need them too."""
    return dict(_plugin_files)
