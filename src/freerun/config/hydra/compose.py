"""Composition of experiments from Hydra's overrides.

Hydra parses and composes them; it never instantiates, launches nothing and writes nothing. A sweep is composed once for each
part that is chosen in it, and a node of the tree is made once for each way it is set, so that a thousand runs cost little more
than one.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator, Mapping
from copy import deepcopy
from dataclasses import fields
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override, OverrideType
from omegaconf import DictConfig

from freerun.config.experiment import PARTS, Experiment, assemble
from freerun.config.hydra import composed_tree
from freerun.config.hydra.habits import answer
from freerun.config.hydra.overrides import LARGEST, LISTS, parse, quoted, values
from freerun.config.hydra.own_settings import Job, sorted_out
from freerun.config.presets import choices
from freerun.errors import ConfigError
from freerun.io import key_value
from freerun.io.suggestions import near, nearest
from freerun.io.text import brief, message, one_line
from freerun.parts import plugins, registry

#: Keys that are none of an experiment, and what takes them; a command that takes them has done so before they come here.
_ELSEWHERE = {
    "quick": "a study has quick settings, freerun study NAME quick=true; a run of few updates is training.updates=100",
    "tune": "a study is tuned, freerun study NAME --tune tune.KEY=VALUE",
    "launcher": "a launcher is chosen where runs are trained, on the command line or as launcher= in Python",
    "log": "live logs are chosen where runs are trained, on the command line or as log= in Python",
    "engine": "the engine is chosen where runs are trained, on the command line or as a setting of a launcher",
    "metrics": "the metrics of an experiment are evaluation.metrics=[NAME,...]",
}


def experiments(overrides: Iterable[str], *, sweep: bool) -> list[Experiment]:
    """Return the experiments that overrides in Hydra's syntax ask for: one, or with `sweep` the product of all listed values.

    Raises:
        ConfigError: in one line, for anything that is wrong with them.
    """
    try:
        return _experiments(list(overrides), sweep=sweep)
    except ConfigError as fault:
        raise ConfigError(message(fault)) from None


def jobs(overrides: Iterable[str], *, sweep: bool) -> list[Job]:
    """The jobs of a sweep, each as its overrides: one value for every key, plugins left out, which are loaded.

    Raises:
        ConfigError: in one line, for anything that is wrong with them, as far as no experiment has to be made to know.
    """
    try:
        return _jobs(list(overrides), sweep=sweep)
    except ConfigError as fault:
        raise ConfigError(message(fault)) from None


def of_jobs(asked: Iterable[tuple[str, ...]]) -> list[Experiment]:
    """The experiment of each job.

    Raises:
        ConfigError: in one line, for the first that is wrong.
    """
    shared = _Shared()
    try:
        return [shared.experiment(job) for job in asked]
    except ConfigError as fault:
        raise ConfigError(message(fault)) from None


def _experiments(overrides: list[str], *, sweep: bool) -> list[Experiment]:
    shared = _Shared()
    return [shared.experiment(job) for job in _jobs(overrides, sweep=sweep)]


def _jobs(overrides: list[str], *, sweep: bool) -> list[Job]:
    parsed = _prepared(overrides)
    for item in parsed:
        _check(item)
    axes = [list(values(item)) for item in parsed]
    swept = [item.input_line for item in parsed if item.is_sweep_override()]
    if swept and not sweep:
        key, _, value = str(swept[0]).partition("=")
        if "(" in value:
            other = ""
        else:
            other = f" (for one list write {key}=[{one_line(value, 40)}])" if key in LISTS else " (or quote the value)"
        raise ConfigError(f"{quoted(swept[0])}: several values make a sweep; add -m{other}")
    size = math.prod(len(axis) for axis in axes)
    if not 0 < size <= LARGEST:
        problem = next((quoted(item.input_line) for item, axis in zip(parsed, axes, strict=True) if not axis), f"{size} runs")
        raise ConfigError(f"{problem}: a sweep holds at least 1 and at most {LARGEST} runs")
    return sorted_out(list(itertools.product(*axes)))


def evaluation_settings(overrides: list[str]) -> dict[str, Any]:
    """Return the settings of the evaluation that overrides set, by name, those of metrics together as `settings`.

    Raises:
        ConfigError: in one line, for anything that is wrong with them.
    """
    try:
        parsed = _prepared(overrides)
        config = composed_tree.composed(()).copy()
        for item in parsed:
            _check(item)
            if item.is_sweep_override():
                raise ConfigError(f"{quoted(item.input_line)}: several values make a sweep; measure them one after the other")
            composed_tree.apply(config, item)
        evaluation = composed_tree.live(config, "evaluation")
    except ConfigError as fault:
        raise ConfigError(message(fault)) from None
    words = [item.key_or_group.split(".") for item in parsed]
    return {name: getattr(evaluation, name) for name in {"settings" if len(word) > 2 else word[1] for word in words}}


def load_plugins(overrides: list[str]) -> None:
    """Load the plugins that overrides name.

    Raises:
        ConfigError: in one line, for anything that is wrong with them.
    """
    try:
        _prepared(overrides)
    except ConfigError as fault:
        raise ConfigError(message(fault)) from None


def _prepared(overrides: list[str]) -> list[Override]:
    """Parse overrides by Hydra's grammar, load those of `plugins`, and return the others; all parts are then known."""
    parsed = parse(overrides)
    for path in _plugins(parsed):
        plugins.load_plugin(path)
        composed_tree.composed.cache_clear()
        composed_tree.alone.cache_clear()
    composed_tree.register()
    return [item for item in parsed if item.key_or_group != "plugins"]


def _plugins(parsed: list[Override]) -> Iterator[str]:
    for item in parsed:
        if item.key_or_group == "plugins":
            value = item.value()
            paths = value if isinstance(value, list) else [value]
            yield from (str(path) for path in paths)


def _check(item: Override) -> None:
    """Refuse an override whose key is none of the experiment, and name the nearest one that is."""
    key, line = item.key_or_group, quoted(item.input_line)
    if why := answer(str(item.input_line).lstrip("+")):
        raise ConfigError(f"{line}: {why}")
    if item.type is not OverrideType.CHANGE or item.package is not None:
        raise ConfigError(f"{line}: an experiment has a fixed set of keys; only key=value is possible")
    head = key.split(".")[0].split("/")[0]
    known = [part.name for part in fields(Experiment)]
    if head in _ELSEWHERE:
        raise ConfigError(f"{line}: {_ELSEWHERE[head]}")
    if head not in known:
        raise ConfigError(f"{line}: unknown key {brief(key)}; {_near(key[:100], known)}")
    if key in PARTS:
        names = choices(key)
        for name in _names(item):
            if name in (None, "null") and key in ("feedback", "objective"):
                continue
            if isinstance(name, list):
                several = ",".join(map(str, name))
                raise ConfigError(f"{line}: {key} is one name; several make a sweep, -m {key}={one_line(several, 60)}")
            if name not in names:
                if isinstance(name, Mapping):
                    raise registry.written_as_settings(key, name)
                raise registry.unknown(key, one_line("null" if name is None else name, 60), names)


def _near(key: str, known: Iterable[str]) -> str:
    """Return the end of the message for a key that is unknown: the nearest one, whole, or the keys that there are."""
    leaves = {f"{node}.{name}": node for node, name in composed_tree.leaves()}
    first, dot, rest = key.partition(".")
    if dot and not near(key, leaves) and (node := near(first, (*PARTS, "launcher", "tune"))):
        return f"did you mean '{node}.{rest}'?"  # launche.workers: the node is misspelt, what stands in it may be right
    return nearest(key, {*known, "plugins", *_ELSEWHERE, *leaves} - set(leaves.values()))


def _names(item: Override) -> list[Any]:
    if not item.is_sweep_override():
        return [item.value()]
    return [key_value.split(text)[1] for text in values(item)]


class _Shared:
    """Cache of one sweep: every node of the tree is composed, set and checked once, and shared by the jobs that use it."""

    def __init__(self) -> None:
        self._parser = OverridesParser.create()
        self._parsed: dict[str, Override] = {}
        self._drafts: dict[tuple[str, ...], DictConfig] = {}
        self._nodes: dict[tuple[str, tuple[str, ...], tuple[str, ...]], Any] = {}

    def experiment(self, job: tuple[str, ...]) -> Experiment:
        """Return the experiment of a job, with the notes of the job."""
        made = self._made(job)
        made.note(getattr(job, "notes", ()))
        return made

    def _made(self, job: tuple[str, ...]) -> Experiment:
        """The experiment of a job; it is composed as a whole where its nodes depend on each other, or one is wrong."""
        try:
            chosen: dict[str, list[str]] = {}
            settings: dict[str, list[str]] = {}
            for text in job:
                head = key_value.key_of(text)
                words = chosen if head in PARTS else settings
                words.setdefault(head.split(".", 1)[0], []).append(text)
            names = [item.name for item in fields(Experiment)]
            if settings.keys() <= set(names):
                nodes = (self._node(name, (*chosen.get(name, ()),), (*settings.get(name, ()),)) for name in names)
                return assemble({name: deepcopy(node) for name, node in zip(names, nodes, strict=True)})
        except (ConfigError, composed_tree.Entangled):
            pass
        return self._whole(job)

    def _node(self, key: str, choices: tuple[str, ...], settings: tuple[str, ...]) -> Any:
        """One node of the tree; an experiment gets a copy of it."""
        cache_key = (key, choices, settings)
        if cache_key not in self._nodes:
            tree = composed_tree.alone(key, tuple(text for text in choices if not text.endswith("=null")))
            if choices not in self._drafts:
                self._drafts[choices] = tree.copy()
            draft = self._drafts[choices]
            draft[key] = tree[key]
            self._set(draft, settings)
            self._nodes[cache_key] = composed_tree.live(draft, key)
        return self._nodes[cache_key]

    def _whole(self, job: tuple[str, ...]) -> Experiment:
        choices = [text for text in job if key_value.key_of(text) in PARTS]
        config = composed_tree.composed(tuple(text for text in choices if not text.endswith("=null"))).copy()
        self._set(config, [text for text in job if text not in choices])
        return assemble({key: composed_tree.live(config, key) for key in map(str, config)})

    def _set(self, config: DictConfig, settings: Iterable[str]) -> None:
        for text in settings:
            if text not in self._parsed:
                (self._parsed[text],) = self._parser.parse_overrides([text])
            composed_tree.apply(config, self._parsed[text])
