"""Plugins: a user's own file of parts, hashed, run once and registered under the file's name."""

from __future__ import annotations

import importlib
import importlib.util
import re
import sys
from pathlib import Path

from freerun.errors import ConfigError
from freerun.io.reading import NotPlain, content
from freerun.io.text import one_line
from freerun.parts import plugin_sources, registry
from freerun.parts.registry import KINDS, base, builtin_parts, parts_of
from freerun.parts.shared_state import Shared

#: Most bytes of a plugin, and what it may be called: its name becomes a word of the command line and of the tables.
LARGEST_PLUGIN = 2**20
_PART_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,63}")
_plugin_files: dict[str, str] = {}


def load_plugin(path: str, wanted: str | None = None) -> None:
    """Import a user's file of parts and register each under the file's name.

    Loading the same file twice is harmless. This is the one place where code named by a configuration is run, and only
    because the user listed the file in `plugins`. What is run is what is hashed, with the local modules that it imports
    (`freerun.parts.plugin_sources`): nothing cached, nothing read twice.

    Args:
        path: of the file.
        wanted: the digest that it must have; None for any.

    Raises:
        ConfigError: if the file is missing, is not Python, has another digest, fails to import or defines no part.
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
    try:
        digest = plugin_sources.digest(source, file)
    except ConfigError as fault:
        raise ConfigError(f"plugins={shown}: {fault}") from None
    if wanted not in (None, digest):
        raise ConfigError(f"plugins={shown}: the file, or one that it imports, has changed since this run was planned")
    module_name = f"freerun_plugin_{file.stem}_{digest[:8]}"
    if module_name not in sys.modules:
        _run(source, file, digest, module_name, shown)
    module = sys.modules[module_name]
    defined = False
    for kind in KINDS:
        if classes := parts_of(module, base(kind)):
            if len(classes) > 1:
                raise ConfigError(f"plugins={shown}: a file holds one part of a kind, found {len(classes)} of {kind}")
            if file.stem in builtin_parts(kind):
                raise ConfigError(f"plugins={shown}: {kind} {file.stem!r} is built in; give the file another name")
            if missing := sorted(getattr(classes[0], "__abstractmethods__", ())):
                raise ConfigError(f"plugins={shown}: {classes[0].__name__} lacks {', '.join(missing)}")
            registry.plugin_parts[kind][file.stem] = classes[0]
            defined = True
    if isinstance(getattr(module, "CAPTION", None), str) and callable(getattr(module, "draw", None)):
        registry.plugin_figures[file.stem] = module
        defined = True
    if not defined:
        bases = ", ".join(name for _, name in KINDS.values())
        raise ConfigError(f"plugins={shown}: defines no part (a class of one of {bases}) and no figure (CAPTION and draw)")
    _plugin_files[str(file.resolve())] = digest


def _run(source: bytes, file: Path, digest: str, module_name: str, shown: str) -> None:
    spec = importlib.util.spec_from_file_location(module_name, file)
    if spec is None:
        raise ConfigError(f"plugins={shown}: not importable")
    module = importlib.util.module_from_spec(spec)
    module.__dict__["__freerun_digest__"] = digest
    before, shared = set(sys.modules), Shared.held()
    sys.modules[module_name] = module
    try:
        try:
            exec(compile(source, file, "exec"), module.__dict__)  # noqa: S102 - see load_plugin
        finally:
            shared.restore(module_name)
        plugin_sources.demand_seen(before, module_name)
    except ConfigError as fault:
        del sys.modules[module_name]
        raise ConfigError(f"plugins={shown}: {fault}") from None
    except BaseException as fault:
        del sys.modules[module_name]
        if isinstance(fault, KeyboardInterrupt):
            raise
        raise ConfigError(f"plugins={shown}: {type(fault).__name__}: {fault}") from fault


def plugin_metrics() -> dict[str, str]:
    """Return the metrics of plugins, each with the SHA-256 of its file."""
    return {
        name: str(vars(sys.modules[part.__module__]).get("__freerun_digest__", ""))
        for name, part in registry.plugin_parts["metric"].items()
    }


def plugin_files() -> dict[str, str]:
    """Return the plugins that were loaded, each with the SHA-256 of its file, for the worker processes that need them too."""
    return dict(_plugin_files)
