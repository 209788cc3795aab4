"""Composed tree of one experiment: Hydra's choice of parts, and the settings set in it.

The parts are chosen when the tree is composed; settings are set in it one by one, each checked against what is there; a node of
it is then made into the dataclass that it stands for.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import field, fields, is_dataclass, make_dataclass
from enum import Enum
from functools import cache
from typing import Any

from hydra import compose, initialize_config_dir
from hydra.core.config_store import ConfigStore
from hydra.core.override_parser.types import Override
from hydra.errors import HydraException
from omegaconf import MISSING, BooleanNode, DictConfig, FloatNode, IntegerNode, Node, OmegaConf, StringNode
from omegaconf.errors import OmegaConfBaseException

from freerun.config import presets
from freerun.config.evaluation_settings import Evaluation
from freerun.config.experiment import PARTS, Experiment
from freerun.config.hydra.overrides import first_line, quoted
from freerun.config.training_settings import Training
from freerun.errors import ConfigError
from freerun.io.suggestions import nearest
from freerun.io.text import brief
from freerun.parts import registry
from freerun.parts.settings import build, by_seed


@cache
def _schema() -> type:
    """Return the experiment as a class for Hydra: the parts are open nodes that its groups fill, the rest is typed."""
    columns: list[Any] = []
    for item in fields(Experiment):
        if item.name in PARTS:
            columns.append((item.name, Any, MISSING if item.name in ("task", "model", "regime") else None))
        elif item.name in ("training", "evaluation"):
            settings_class = {"training": Training, "evaluation": Evaluation}[item.name]
            columns.append((item.name, settings_class, field(default_factory=settings_class)))
        else:
            columns.append((item.name, type(item.default), item.default))
    return make_dataclass("ExperimentSchema", columns)


#: What is registered under a kind and a name: another part may come to bear the name of one that was a plugin's.
_registered: dict[tuple[str, str], type] = {}


def register() -> None:
    """Register with Hydra the parts that are not registered yet."""
    store = ConfigStore.instance()
    if not _registered:
        store.store(name="experiment_schema", node=_schema())
    for kind in PARTS:
        for name, part in registry.parts(kind).items():
            if _registered.get((kind, name)) is not part:
                store.store(group=kind, name=name, node=part)
                _registered[kind, name] = part


class Entangled(Exception):
    """A choice of one part sets something of another."""


@cache
def alone(key: str, choices: tuple[str, ...]) -> DictConfig:
    """Return the tree with a choice for one part alone.

    A part by its plain name changes nothing else, and needs no composition, which takes most of the time of a long sweep.

    Raises:
        Entangled: if the choice changes other nodes of the tree.
    """
    plain = composed(())
    if (part := _plain_part(key, choices)) is not None:
        config = plain.copy()
        config[key] = OmegaConf.structured(part)
        return config
    config = composed(choices)
    if any(config[name] != plain[name] for name in map(str, plain) if name != key):
        raise Entangled
    return config


def _plain_part(key: str, choices: tuple[str, ...]) -> type | None:
    """Return the part that ``key=name`` chooses; None where it is a preset, or more is chosen."""
    kind, _, name = choices[0].partition("=") if len(choices) == 1 else ("", "", "")
    return registry.parts(kind).get(name) if kind == key and name not in presets.presets(kind) else None


@cache
def composed(choices: tuple[str, ...]) -> DictConfig:
    """Return the tree with some parts chosen; it is cached, so that settings must be set in a copy.

    Raises:
        ConfigError: if Hydra refuses.
    """
    try:
        with initialize_config_dir(str(presets.config_folder()), version_base="1.3"):
            return compose("experiment", overrides=list(choices))
    except (HydraException, OmegaConfBaseException) as fault:
        raise ConfigError(f"{quoted(' '.join(choices))}: {first_line(fault)}") from None


def apply(config: DictConfig, item: Override) -> None:
    """Set the value of an override in a tree.

    Raises:
        ConfigError: if there is no such setting, or the value is none for it.
    """
    key, value = item.key_or_group, item.value()
    if key in ("training", "evaluation"):
        raise ConfigError(
            f"{quoted(item.input_line)}: {key} holds settings; set one of them, for example {_first_setting(key)}=..."
        )
    if key.startswith("evaluation.") and (key.count(".") > 1 or key == "evaluation.settings"):
        _apply_to_metric(config, item)
        return
    node, _, name = key.rpartition(".")
    parent = OmegaConf.select(config, node) if node else config
    if not isinstance(parent, DictConfig) or name not in list(parent):  # `in` is false for a key that is still open
        keys = parent.keys() if isinstance(parent, DictConfig) else _flat(config)
        context = (
            f" of {node} {registry.name_of(OmegaConf.get_type(parent))}"
            if node in PARTS and isinstance(parent, DictConfig)
            else ""
        )
        hint = nearest(name[:100], (str(k) for k in keys))
        raise ConfigError(f"{quoted(item.input_line)}: unknown key {brief(key)}{context}; {hint}")
    if isinstance(value, str) and "${" in value:
        raise ConfigError(f"{quoted(item.input_line)}: no interpolation; a shell puts in what it knows, {key}=$NAME")
    if value == "???":
        raise ConfigError(f"{quoted(item.input_line)}: a value is missing")
    ((name, value),) = by_seed({name: value}, list(parent)).items()
    key = f"{node}.{name}" if node else name
    if isinstance(value, (str, int, float)) and key.startswith("task.") and _lists_names(parent, name):
        value = [str(value)]  # one name is a list of one
    value_type = OmegaConf.get_type(parent, name)
    if isinstance(value_type, type) and issubclass(value_type, Enum) and str(value) not in value_type.__members__:
        hint = nearest(str(value)[:100], value_type.__members__)
        raise ConfigError(f"{quoted(item.input_line)}: unknown {name} {'null' if value is None else brief(value)}; {hint}")
    if value_type is list and not isinstance(value, list) and value is not None:
        expected = "names such as [loss, tv]" if key == "evaluation.metrics" else "numbers such as [0.5, 0.5]"
        raise ConfigError(f"{quoted(item.input_line)}: {key} must be a list of {expected}")
    try:
        if isinstance(parent._get_node(name), BooleanNode) and isinstance(value, int) and value not in (0, 1):
            raise ValueError  # OmegaConf takes every whole number but 0 for true
        OmegaConf.update(config, key, value)
    except (HydraException, OmegaConfBaseException, ValueError, TypeError, ArithmeticError):
        raise ConfigError(f"{quoted(item.input_line)}: {_expected(parent, name, value)}") from None


def _expected(parent: DictConfig, name: str, value: object) -> str:
    """Return what a setting must be, where a value is none for it."""
    node = parent._get_node(name)
    kinds = {IntegerNode: "a whole number", FloatNode: "a number", BooleanNode: "true or false", StringNode: "text"}
    kind = next((text for node_type, text in kinds.items() if isinstance(node, node_type)), "another kind of value")
    if isinstance(node, Node) and node._is_optional():
        kind += ", or null"
    remedy = ""
    if isinstance(value, list) or (isinstance(value, str) and "," in value):
        remedy = (
            "; a sweep over several values is written without brackets or quotes, key=a,b with -m (a study's case: one list)"
        )
    return f"must be {kind}, got {'null' if value is None else brief(value)}{remedy}"


def _lists_names(parent: DictConfig, name: str) -> bool:
    """Return whether a setting of a part is a list of names."""
    cls = OmegaConf.get_type(parent)
    declared = {item.name: str(item.type) for item in fields(cls)} if is_dataclass(cls) else {}
    return declared.get(name, "").startswith("list[str]")


def _apply_to_metric(config: DictConfig, item: Override) -> None:
    """Set a setting of a metric, ``evaluation.METRIC.SETTING``."""
    line, words = quoted(item.input_line), item.key_or_group.split(".")
    known = {name: part for name, part in registry.parts("metric").items() if fields(part)}
    if len(words) != 3:
        raise ConfigError(f"{line}: the settings of a metric have the form evaluation.METRIC.SETTING=VALUE")
    _, metric, name = words
    if metric not in known:
        reason = "has no settings" if metric in registry.parts("metric") else "unknown metric"
        raise ConfigError(f"{line}: {brief(metric)}: {reason}; {nearest(metric[:100], known)}")
    settings = [part.name for part in fields(known[metric])]
    if name not in settings:
        raise ConfigError(f"{line}: unknown key {brief(name)} of metric {metric}; {nearest(name[:100], settings)}")
    value = item.value()
    if not isinstance(value, (bool, int, float, str)) or (isinstance(value, str) and "${" in value):
        raise ConfigError(f"{line}: a setting of a metric is a number, true, false or a word")
    OmegaConf.update(config, f"evaluation.settings.{metric}.{name}", value, force_add=True)


def _flat(config: DictConfig) -> list[str]:
    keys: list[str] = []
    for key, value in config.items_ex(resolve=False):
        head = str(key)
        keys += [f"{head}.{name}" for name in map(str, value)] if isinstance(value, DictConfig) else [head]
    return keys


def live(config: DictConfig, key: str) -> Any:
    """Return a node of the tree as the dataclass that it stands for.

    Raises:
        ConfigError: if a setting is wrong.
    """
    node = config[key]
    if not isinstance(node, DictConfig):
        return node
    cls = OmegaConf.get_type(node)
    if not (isinstance(cls, type) and hasattr(cls, "__dataclass_fields__")):
        raise ConfigError(f"{key}: is a choice by name, for example {key}={next(iter(registry.parts(key)))}")
    settings = OmegaConf.to_container(node, resolve=False, enum_to_str=False)
    return build(cls, key, {str(k): v for k, v in dict(settings).items()})  # type: ignore[arg-type]


def _first_setting(node: str) -> str:
    return next(f"{head}.{name}" for head, name in leaves() if head == node)


def leaves() -> Iterator[tuple[str, str]]:
    """Yield every setting that is not one of a part, with the node it belongs to."""
    for node, settings_class in (("training", Training), ("evaluation", Evaluation)):
        yield from ((node, part.name) for part in fields(settings_class) if part.name != "settings")
    for name, part in registry.parts("metric").items():
        yield from (("evaluation", f"{name}.{item.name}") for item in fields(part))
