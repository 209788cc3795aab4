"""Sources of a plugin: its file and the local modules that it imports, which are what its digest is made of.

A module is local if it is neither of Python itself nor of an installed package: a helper beside the plugin, a package of the
user's own that is worked on. Of a package all Python files count. A plugin that has imported a local module in a way that
cannot be seen beforehand, by a path or a name that it makes up, is refused; one that does so only later, while a run is on, is
not noticed.
"""

from __future__ import annotations

import ast
import hashlib
import importlib.util
import site
import sys
import sysconfig
from collections.abc import Container, Iterator
from importlib.machinery import ModuleSpec
from pathlib import Path

from freerun.errors import ConfigError
from freerun.io.reading import NotPlain, content

#: Most files and bytes of the modules of a plugin.
LARGEST, MOST = 2**24, 1000
#: The digest of each local module that this process has imported for a plugin.
_imported: dict[str, str] = {}


def digest(source: bytes, file: Path) -> str:
    """Return the SHA-256 of a plugin: of its file, and of the local modules that it imports if there are any.

    Args:
        source: what the file holds.
        file: whose folder is looked in last, after `sys.path`.

    Raises:
        ConfigError: if a module cannot be read, or has changed since this process imported it.
    """
    if (folder := str(file.resolve().parent)) not in sys.path:
        sys.path.append(folder)
    modules: dict[str, bytes] = {}
    _collect(source, modules)
    whole = hashlib.sha256(source)
    for name, text in sorted(modules.items()):
        part = hashlib.sha256(text).hexdigest()
        if _imported.setdefault(name, part) != part:
            if name.partition("/")[0].removesuffix(".py") in sys.modules:
                raise ConfigError(f"{name} has changed since this process imported it; start Python anew")
            _imported[name] = part
        whole.update(f"\n{name} {part}".encode())
    return whole.hexdigest()


def demand_seen(before: Container[str], own: str) -> None:
    """Check that whatever local module a plugin has imported belongs to its digest.

    Args:
        before: the modules that were there when it began.
        own: the name of the plugin's own module.

    Raises:
        ConfigError: naming one that does not.
    """
    for name, module in list(sys.modules.items()):
        first, spec = name.partition(".")[0], getattr(module, "__spec__", None)
        if module is sys.modules["__main__"]:
            continue  # the program itself, to which multiprocessing gives another name when it is first imported
        if name in before or name == own or first == "freerun" or spec is None or _installed(spec):
            continue
        if f"{first}.py" not in _imported and not any(known.startswith(f"{first}/") for known in _imported):
            raise ConfigError(
                f"imports {name} in a way that cannot be seen beforehand; put it beside the plugin, and import it by name"
            )


def _collect(source: bytes, modules: dict[str, bytes]) -> None:
    """Add the local modules that a source imports, and those that they import, each by its path below its folder."""
    for name in _imports(source):
        spec = _spec(name)
        if name == "freerun" or spec is None or _installed(spec):
            continue
        for file, shown in _files(spec):
            if shown not in modules:
                modules[shown] = _read(file, shown)
                if len(modules) > MOST or sum(map(len, modules.values())) > LARGEST:
                    raise ConfigError(f"imports more than a plugin may: {name} has too many files; install it as a package")
                _collect(modules[shown], modules)


def _imports(source: bytes) -> set[str]:
    """Return the first words of all modules that a source imports by name; none of one that is no Python."""
    try:
        nodes = list(ast.walk(ast.parse(source)))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return set()
    plain = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    named = {node.module for node in nodes if isinstance(node, ast.ImportFrom) and node.module and not node.level}
    return {name.partition(".")[0] for name in plain | named}


def _spec(name: str) -> ModuleSpec | None:
    try:
        return importlib.util.find_spec(name)
    except (ImportError, ValueError, AttributeError):
        return None


def _installed(spec: ModuleSpec) -> bool:
    """Whether a module is Python's own or an installed package's."""
    places = [spec.origin] if spec.has_location and spec.origin else list(spec.submodule_search_locations or ())
    homes = {*sysconfig.get_paths().values(), *site.getsitepackages(), site.getusersitepackages()}
    return not places or any(Path(place).is_relative_to(home) for place in places for home in homes)


def _files(spec: ModuleSpec) -> Iterator[tuple[Path, str]]:
    """Yield the Python files of a module or package, each with its path below the folder that the module is in."""
    for folder in spec.submodule_search_locations or ():
        for path in sorted(Path(folder).rglob("*.py")):
            yield path, f"{spec.name}/{path.relative_to(folder).as_posix()}"
    if not spec.submodule_search_locations and spec.origin:
        yield Path(spec.origin), Path(spec.origin).name


def _read(file: Path, shown: str) -> bytes:
    try:
        return content(file, LARGEST)
    except (OSError, NotPlain) as fault:
        raise ConfigError(f"imports {shown}, which cannot be read: {fault}") from None
