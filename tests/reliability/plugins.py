"""Plugins with helpers of their own, generated: what they import belongs to their digest, nothing else does, nothing is run."""

from __future__ import annotations

import importlib
import random
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from reliability.watched import watched

#: Ways to import a module by name, at the top of a file or within a function.
IMPORTS = ("import {0}", "import {0} as other", "from {0} import P", "def late():\n    import {0}", "import os, {0}")


@dataclass
class Plugin:
    """A plugin beside its helpers: texts by file, and which files it reaches by its imports, itself among them."""

    texts: dict[str, str] = field(default_factory=dict)
    reached: set[str] = field(default_factory=set)


def cases(seed: int, count: int) -> Iterator[int]:
    """Return the seeds of some plugins."""
    return iter(range(seed * 10**6, seed * 10**6 + count))


def check(case: int, folder: Path) -> None:
    """Change one file after the other; the digest is another one where the file is reached, and where it is not the same."""
    made = _made(random.Random(case), f"h{case}_{abs(hash(str(folder))) % 10**6}")
    try:
        first = _digest(made.texts, folder / "first")
        assert _digest(made.texts, folder / "second") == first, "the same files elsewhere are another plugin"
        for number, name in enumerate(sorted(made.texts)):
            changed = {**made.texts, name: made.texts[name] + "# another word\n"}
            other = _digest(changed, folder / f"changed{number}")
            assert (other != first) is (name in made.reached), f"{name}, {'' if name in made.reached else 'not '}imported"
    finally:
        sys.path[:] = [place for place in sys.path if not place.startswith(str(folder))]


def _made(chance: random.Random, word: str) -> Plugin:
    """A plugin and a few modules and packages, of which each imports some that come after it."""
    names = ["plugin", *(f"{word}_{number}" for number in range(chance.randint(1, 5)))]
    packages = {name for name in names[1:] if chance.random() < 0.4}
    imports = {}
    for place, name in enumerate(names):
        later = names[place + 1 :]
        imports[name] = chance.sample(later, chance.randint(0, min(2, len(later))))
    reached, rest = set[str](), ["plugin"]
    while rest:
        if (name := rest.pop()) not in reached:
            reached.add(name)
            rest += imports[name]
    made = Plugin()
    for name in names:
        lines = [chance.choice(IMPORTS).format(other) for other in imports[name]]
        text = "\n".join([*lines, "P = 1", "raise SystemExit('was run')", ""])
        files = {f"{name}/__init__.py": text, f"{name}/inner.py": "Q = 2\n"} if name in packages else {f"{name}.py": text}
        made.texts |= files
        made.reached |= set(files) if name in reached else set()
    return made


def _digest(texts: dict[str, str], folder: Path) -> str:
    from freerun.parts import plugin_sources

    for name, text in texts.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    importlib.invalidate_caches()
    before, plugin = list(sys.path), folder / "plugin.py"
    try:
        with watched(folder):
            return plugin_sources.digest(plugin.read_bytes(), plugin)
    finally:
        sys.path[:] = before
        importlib.invalidate_caches()
        shutil.rmtree(folder)
