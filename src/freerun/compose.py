"""How do Hydra's words become experiments?

Hydra composes and parses overrides; it never instantiates, launches nothing and writes nothing. A sweep is composed once for
each part that is chosen in it, and a node of the tree is made once for each way it is set, so that a thousand runs cost little
more than one.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator
from dataclasses import field, fields, make_dataclass
from enum import Enum
from functools import cache
from pathlib import Path
from typing import Any

from hydra import compose, initialize_config_dir
from hydra.core.config_store import ConfigStore
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override, OverrideType
from hydra.errors import HydraException
from omegaconf import MISSING, DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from freerun import catalog
from freerun.config import PARTS, Evaluation, Experiment, Training
from freerun.errors import ConfigError, nearest
from freerun.outside import brief, one_line
from freerun.overrides import LARGEST, first_line, parse, quoted, values
from freerun.settings import build


@cache
def config_folder() -> Path:
    """The folder of the configuration: inside the installed package, or at the top of the repository."""
    package = Path(__file__).resolve().parent
    for folder in (package / "conf", package.parent.parent / "conf"):
        if (folder / "experiment.yaml").is_file():
            return folder
    raise ConfigError("the configuration folder conf/ is missing from this installation of freerun")


def presets(group: str) -> list[str]:
    """The names of the files in one folder of the configuration."""
    return sorted(path.stem for path in (config_folder() / group).glob("*.yaml"))


def experiments(overrides: Iterable[str], *, sweep: bool) -> list[Experiment]:
    """The experiments that overrides in Hydra's syntax ask for: one, or with `sweep` the product of all listed values.

    Raises:
        ConfigError: in one line, for anything that is wrong with them.
    """
    try:
        return _experiments(list(overrides), sweep=sweep)
    except ConfigError as fault:
        raise ConfigError(one_line(fault)) from None


def _experiments(overrides: list[str], *, sweep: bool) -> list[Experiment]:
    parsed = parse(overrides)
    for path in _plugins(parsed):
        catalog.load_plugin(path)
        _composed.cache_clear()
        _alone.cache_clear()
    _register()
    wanted = [item for item in parsed if item.key_or_group != "plugins"]
    for item in wanted:
        _check(item)
    swept = [item.input_line for item in wanted if item.is_sweep_override()]
    if swept and not sweep:
        raise ConfigError(f"{quoted(swept[0])}: several values make a sweep; add -m (or quote the value)")
    axes = [list(values(item)) for item in wanted]
    size = math.prod(len(axis) for axis in axes)
    if not 0 < size <= LARGEST:
        what = next((quoted(item.input_line) for item, axis in zip(wanted, axes, strict=True) if not axis), f"{size} runs")
        raise ConfigError(f"{what}: a sweep holds at least 1 and at most {LARGEST} runs")
    shared = _Shared()
    return [shared.experiment(job) for job in itertools.product(*axes)]


def _plugins(parsed: list[Override]) -> Iterator[str]:
    for item in parsed:
        if item.key_or_group == "plugins":
            value = item.value()
            paths = value if isinstance(value, list) else [value]
            yield from (str(path) for path in paths)


@cache
def _schema() -> type:
    """The experiment as Hydra needs it: the parts are open nodes that the groups fill, the rest is typed."""
    columns: list[Any] = []
    for item in fields(Experiment):
        if item.name in PARTS:
            columns.append((item.name, Any, MISSING if item.name in ("task", "model", "regime") else None))
        elif item.name in ("training", "evaluation"):
            kind = {"training": Training, "evaluation": Evaluation}[item.name]
            columns.append((item.name, kind, field(default_factory=kind)))
        else:
            columns.append((item.name, type(item.default), item.default))
    return make_dataclass("ExperimentSchema", columns)


def _register() -> None:
    store = ConfigStore.instance()
    store.store(name="experiment_schema", node=_schema())
    for kind in PARTS:
        for name, part in catalog.parts(kind).items():
            store.store(group=kind, name=name, node=part)


def _check(item: Override) -> None:
    """Refuse what is not a key of the experiment, with the nearest one that is."""
    key, line = item.key_or_group, quoted(item.input_line)
    if item.type is not OverrideType.CHANGE or item.package is not None:
        raise ConfigError(f"{line}: an experiment has a fixed set of keys; only key=value is possible")
    head = key.split(".")[0].split("/")[0]
    known = [part.name for part in fields(Experiment)]
    if head not in known:
        hint = nearest(key[:100], [*known, *(f"{node}.{name}" for node, name in _leaves())])
        raise ConfigError(f"{line}: unknown key {brief(key)}; {hint}")
    if key in PARTS:
        choices = [*catalog.parts(key), *presets(key)]
        for name in _names(item):
            if name in (None, "null") and key in ("feedback", "objective"):
                continue
            if name not in choices:
                raise catalog.unknown(key, one_line(name, 60), choices)


def _first_setting(node: str) -> str:
    return next(f"{head}.{name}" for head, name in _leaves() if head == node)


def _leaves() -> Iterator[tuple[str, str]]:
    for node, kind in (("training", Training), ("evaluation", Evaluation)):
        yield from ((node, part.name) for part in fields(kind))


def _names(item: Override) -> list[Any]:
    if not item.is_sweep_override():
        return [item.value()]
    return [text.split("=", 1)[1] for text in values(item)]


class _Shared:
    """What the jobs of one sweep have in common is composed, set and checked once: each node of the tree for itself."""

    def __init__(self) -> None:
        self._parser = OverridesParser.create()
        self._parsed: dict[str, Override] = {}
        self._drafts: dict[tuple[str, ...], DictConfig] = {}
        self._nodes: dict[tuple[str, tuple[str, ...], tuple[str, ...]], Any] = {}

    def experiment(self, job: tuple[str, ...]) -> Experiment:
        """The experiment of a job. One whose nodes depend on each other, or that is wrong, is composed as a whole."""
        try:
            chosen: dict[str, list[str]] = {}
            settings: dict[str, list[str]] = {}
            for text in job:
                head = text.split("=", 1)[0]
                kind = chosen if head in PARTS else settings
                kind.setdefault(head.split(".", 1)[0], []).append(text)
            names = [item.name for item in fields(Experiment)]
            if settings.keys() <= set(names):
                nodes = (self._node(name, (*chosen.get(name, ()),), (*settings.get(name, ()),)) for name in names)
                return Experiment(**dict(zip(names, nodes, strict=True)))
        except (ConfigError, _Entangled):
            pass
        return self._whole(job)

    def _node(self, key: str, choices: tuple[str, ...], settings: tuple[str, ...]) -> Any:
        """One node of the tree; an experiment makes a copy of it."""
        way = (key, choices, settings)
        if way not in self._nodes:
            made = _alone(key, tuple(text for text in choices if not text.endswith("=null")))
            if choices not in self._drafts:
                self._drafts[choices] = made.copy()
            draft = self._drafts[choices]
            draft[key] = made[key]
            self._set(draft, settings)
            self._nodes[way] = _live(draft, key)
        return self._nodes[way]

    def _whole(self, job: tuple[str, ...]) -> Experiment:
        choices = [text for text in job if text.split("=", 1)[0] in PARTS]
        config = _composed(tuple(text for text in choices if not text.endswith("=null"))).copy()
        self._set(config, [text for text in job if text not in choices])
        return Experiment(**{key: _live(config, key) for key in map(str, config)})

    def _set(self, config: DictConfig, settings: Iterable[str]) -> None:
        for text in settings:
            if text not in self._parsed:
                (self._parsed[text],) = self._parser.parse_overrides([text])
            _apply(config, self._parsed[text])


class _Entangled(Exception):
    """A choice of one part sets something of another."""


@cache
def _alone(key: str, choices: tuple[str, ...]) -> DictConfig:
    """The configuration with nothing chosen but one part.

    Raises:
        _Entangled: if that changes anything else in it.
    """
    config, plain = _composed(choices), _composed(())
    if any(config[name] != plain[name] for name in map(str, plain) if name != key):
        raise _Entangled
    return config


@cache
def _composed(choices: tuple[str, ...]) -> DictConfig:
    try:
        with initialize_config_dir(str(config_folder()), version_base="1.3"):
            return compose("experiment", overrides=list(choices))
    except (HydraException, OmegaConfBaseException) as fault:
        raise ConfigError(f"{quoted(' '.join(choices))}: {first_line(fault)}") from None


def _apply(config: DictConfig, item: Override) -> None:
    key, value = item.key_or_group, item.value()
    if key in ("training", "evaluation"):
        raise ConfigError(
            f"{quoted(item.input_line)}: {key} holds settings; set one of them, for example {_first_setting(key)}=..."
        )
    node, _, name = key.rpartition(".")
    parent = OmegaConf.select(config, node) if node else config
    if not isinstance(parent, DictConfig) or name not in list(parent):  # `in` is false for a key that is still open
        keys = parent.keys() if isinstance(parent, DictConfig) else _flat(config)
        where = (
            f" of {node} {catalog.name_of(OmegaConf.get_type(parent))}"
            if node in PARTS and isinstance(parent, DictConfig)
            else ""
        )
        hint = nearest(name[:100], (str(k) for k in keys))
        raise ConfigError(f"{quoted(item.input_line)}: unknown key {brief(key)}{where}; {hint}")
    if isinstance(value, str) and "${" in value:
        raise ConfigError(f"{quoted(item.input_line)}: interpolation is not allowed in an experiment")
    if value == "???":
        raise ConfigError(f"{quoted(item.input_line)}: a value is missing")
    kind = OmegaConf.get_type(parent, name)
    if isinstance(kind, type) and issubclass(kind, Enum) and str(value) not in kind.__members__:
        hint = nearest(str(value)[:100], kind.__members__)
        raise ConfigError(f"{quoted(item.input_line)}: unknown {name} {brief(value)}; {hint}")
    if kind is list and not isinstance(value, list) and value is not None:
        raise ConfigError(f"{quoted(item.input_line)}: {key} must be a list of numbers such as [0.5, 0.5]")
    try:
        OmegaConf.update(config, key, value)
    except (HydraException, OmegaConfBaseException, ValueError, TypeError, ArithmeticError) as fault:
        raise ConfigError(f"{quoted(item.input_line)}: {first_line(fault)}") from None


def _flat(config: DictConfig) -> list[str]:
    keys: list[str] = []
    for key, value in config.items_ex(resolve=False):
        head = str(key)
        keys += [f"{head}.{name}" for name in map(str, value)] if isinstance(value, DictConfig) else [head]
    return keys


def _live(config: DictConfig, key: str) -> Any:
    node = config[key]
    if not isinstance(node, DictConfig):
        return node
    cls = OmegaConf.get_type(node)
    if not (isinstance(cls, type) and hasattr(cls, "__dataclass_fields__")):
        raise ConfigError(f"{key}: is a choice by name, for example {key}={next(iter(catalog.parts(key)))}")
    settings = OmegaConf.to_container(node, resolve=False, enum_to_str=False)
    return build(cls, key, {str(k): v for k, v in dict(settings).items()})  # type: ignore[arg-type]
