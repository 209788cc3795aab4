"""Experiments in a file, as ``freerun run --cfg job`` prints them: read back as the overrides that ask for the same runs.

A file holds one experiment, or several with ``---`` between them. Paths in it are those that were typed. What is typed beside
it replaces its settings; another choice of a part takes the part's settings with it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from freerun.config.experiment import PARTS
from freerun.config.run_identity import DIGESTS, canonical, from_canonical
from freerun.errors import ConfigError
from freerun.io import key_value
from freerun.io.reading import NotPlain, content
from freerun.io.text import brief, one_line
from freerun.io.yaml import LARGEST_FILE, parsed

if TYPE_CHECKING:
    from freerun.config.experiment import Experiment


def printed(trees: Iterable[dict[str, Any]]) -> str:
    """Return canonical experiments as the text of such a file."""
    import yaml

    return "---\n".join(yaml.safe_dump(tree, sort_keys=False, allow_unicode=True) for tree in trees)


def holds_experiments(name: str) -> bool:
    """Return whether a word is the path of such a file."""
    try:
        return name.endswith((".yaml", ".yml")) and all(map(_is_tree, _documents(Path(name))))
    except ConfigError:
        return False


def experiments(path: Path, overrides: Sequence[str], *, sweep: bool) -> list[Experiment]:
    """Return the experiments of a file, each with overrides.

    Raises:
        ConfigError: in one line, for anything that is wrong with the file or the overrides; also if a plugin or a file of data
            is no longer what it was when the experiment was printed.
    """
    trees = _documents(path)
    if (wrong := next((tree for tree in trees if not _is_tree(tree)), None)) is not None:
        what = "a study; freerun study does it" if "cases" in wrong else "no experiment that --cfg job has printed"
        raise ConfigError(f"{one_line(path, 80)}: holds {what}")
    return of_trees(trees, overrides, sweep=sweep, source=path.name)


def of_trees(trees: Iterable[dict[str, Any]], overrides: Sequence[str], *, sweep: bool, source: str) -> list[Experiment]:
    """Return the experiments of canonical trees, each with overrides; trees that differ only in what is overridden are one.

    Args:
        trees: as they were written.
        overrides: in Hydra's syntax.
        sweep: take several values of a key as a sweep.
        source: where the trees stand, for messages.

    Raises:
        ConfigError: as `experiments`.
    """
    from freerun.config.hydra import compose

    typed = {key_value.key_of(word) for word in overrides}
    found: list[Experiment] = []
    seen = set[tuple[object, ...]]()
    compose.load_plugins([word for word in overrides if key_value.key_of(word) == "plugins"])
    for number, tree in enumerate(trees, 1):
        own = [word for word in _words(tree) if not _replaced(key_value.key_of(word), typed)]
        asked = (*own, *(node.get(digest) for node in tree.values() if isinstance(node, dict) for digest in DIGESTS))
        if asked in seen:
            continue
        seen.add(asked)
        try:
            made = compose.experiments([*own, *overrides], sweep=sweep)
            _demand_unchanged(tree, made, typed)
        except ConfigError as fault:
            if str(fault).startswith(tuple(f"{key}=" for key in typed)):
                raise
            own_part = ": unknown " in str(fault) and "plugins" not in typed
            raise ConfigError(f"{source}, experiment {number}: {_of_own(fault) if own_part else fault}") from None
        found += made
    return found


def of_canonical(trees: Iterable[dict[str, Any]], plugins: Sequence[str], *, source: str) -> list[Experiment]:
    """Return the experiments of canonical trees as they are.

    Args:
        trees: as they were written.
        plugins: overrides `plugins=[...]`, whose files are loaded.
        source: where the trees stand, for messages.

    Raises:
        ConfigError: if a part is missing or has changed.
    """
    from freerun.config.hydra import compose

    compose.load_plugins(list(plugins))
    made = []
    for number, tree in enumerate(trees, 1):
        try:
            made.append(from_canonical(tree))
        except ConfigError as fault:
            said = str(fault).partition("; ")[0] if plugins else _of_own(fault)
            raise ConfigError(f"{source}, experiment {number}: {said}") from None
    return made


def _of_own(fault: ConfigError) -> str:
    """What is wrong with a tree whose part may be the user's, and what to do about it."""
    return f"{str(fault).partition('; ')[0]}; a part of your own has to be named again, plugins=[FILE.py]"


def _documents(path: Path) -> list[dict[str, Any]]:
    try:
        text = content(path, LARGEST_FILE)
        parts = [part for part in re.split(rb"^---[ \t]*\r?$", text, flags=re.MULTILINE) if part.strip()]
        return [parsed(part) for part in parts or [text]]  # of an empty file it says so
    except OSError as fault:
        raise ConfigError(f"{one_line(path, 80)}: {fault.strerror}") from None
    except NotPlain as fault:
        raise ConfigError(f"{one_line(path, 80)}: {fault}") from None


def _is_tree(tree: dict[str, Any]) -> bool:
    return all(isinstance(tree.get(part), dict) and isinstance(tree[part].get("name"), str) for part in ("task", "model"))


def _replaced(key: str, typed: set[str]) -> bool:
    """Return whether what is typed takes the place of a key: itself, or another choice of its part."""
    return key in typed or key.partition(".")[0] in typed


def _words(tree: dict[str, Any]) -> list[str]:
    """Return a canonical experiment as overrides."""
    words = []
    for key, node in tree.items():
        if key in PARTS and isinstance(node, dict):
            name = node.get("name")
            if not isinstance(name, str) or not re.fullmatch(r"\w+", name):
                raise ConfigError(f"{key}: has no name that could be one, got {brief(name)}")
            words.append(f"{key}={name}")
            words += [f"{key}.{name}={_value(value)}" for name, value in node.items() if name not in ("name", *DIGESTS)]
        elif isinstance(node, dict):
            told = {name: value for name, value in node.items() if name not in DIGESTS}
            words += [word for name, value in told.items() for word in _settings(f"{key}.{name}", value)]
        else:
            words.append(f"{key}={_value(node)}")
    return words


def _settings(key: str, value: Any) -> list[str]:
    """Return the overrides of a setting of the training or the evaluation; those of metrics have no node of their own."""
    if key == "evaluation.settings" and isinstance(value, dict) and all(isinstance(each, dict) for each in value.values()):
        return [f"evaluation.{metric}.{name}={_value(each)}" for metric, node in value.items() for name, each in node.items()]
    return [f"{key}={_value(value)}"]


def _value(value: Any) -> str:
    """Return a value as an override has it: text in quotes, so that nothing in it is a word of the grammar."""
    if value is None:
        return "null"
    if isinstance(value, list):
        return f"[{','.join(map(_value, value))}]"
    if isinstance(value, str):
        return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"
    return repr(value)


def _demand_unchanged(tree: dict[str, Any], made: Iterable[Experiment], typed: set[str]) -> None:
    """Refuse experiments with a part whose plugin or data are others than those of the file, unless it was typed anew.

    Raises:
        ConfigError: naming the part.
    """
    heads = {key.partition(".")[0] for key in typed if not key.startswith("training.")}
    heads |= {"training"} & {key.removesuffix(".start") for key in typed}
    for part in (each for each in (*PARTS, "training") if each not in heads and isinstance(tree.get(each), dict)):
        for experiment in made:
            now = canonical(experiment)[part]
            if any(now.get(digest) != tree[part].get(digest) for digest in DIGESTS):
                name = f"{part}={tree[part]['name']}" if part in PARTS else "training.start"
                raise ConfigError(f"{name}: a file it depends on has changed since this was printed")
