"""Settings of a part: the check of their types, one for YAML, the command line and Python."""

from __future__ import annotations

import functools
import inspect
import math
import operator
from abc import ABCMeta
from collections.abc import Callable, Collection, Mapping
from dataclasses import MISSING, Field, dataclass, fields, is_dataclass
from enum import Enum
from typing import Any, TypeVar

from freerun.errors import ConfigError
from freerun.io import html
from freerun.io.suggestions import nearest
from freerun.io.text import brief, one_line
from freerun.store.record_types import LARGEST

#: Mark of a setting that came after there were runs: where it is by default, it is no part of the identity of a run.
LATER = {"later": True}
#: Mark of a setting of a model that says how its weights are drawn or trained, and nothing of what they are afterwards: they
#: may go on under another value of it (`training.start`).
OF_TRAINING = {"of_training": True}
#: Lists of numbers are at most so deep.
DEEPEST = 4

Node = TypeVar("Node")


def build(cls: type, key: str, settings: dict[str, Any]) -> Any:
    """Make one node of the tree from plain settings; every setting then has its declared type, defaults included.

    Args:
        cls: a dataclass of settings.
        key: where it stands in the tree, for messages.
        settings: values by name; an Enum may be given by its text.

    Raises:
        ConfigError: naming the key, the value and the rule, if a setting is unknown, of the wrong type or out of range.
    """
    known = {setting.name: setting for setting in fields(cls)}
    values = {}
    for name, value in by_seed(settings, known).items():
        if name not in known:
            raise ConfigError(f"{key}.{one_line(name, 60)}: unknown key; {nearest(str(name)[:100], known)}")
        values[name] = _value(f"{key}.{name}", value, known[name])
    try:
        node = type.__call__(cls, **values)
    except ValueError as fault:
        raise ConfigError(f"{key}.{fault}") from None
    for name, setting in known.items():
        filled = getattr(node, name)
        if name not in values or filled is not values[name]:  # by default, or by the class itself
            object.__setattr__(node, name, _value(f"{key}.{name}", filled, setting))
    return node


def by_seed(settings: Mapping[str, Any], known: Collection[str]) -> dict[str, Any]:
    """The settings, with `world=seed` written as what it means, `world_by_seed=true`, where both are settings of a part."""
    meant = {name for name in settings if f"{name}_by_seed" in known and settings[name] == "seed"}
    meant -= {name for name in meant if f"{name}_by_seed" in settings}
    return {f"{name}_by_seed" if name in meant else name: name in meant or value for name, value in settings.items()}


class Shown:
    """A node of settings that a notebook shows as a table: a row for each setting, as the command line writes it."""

    def _repr_html_(self) -> str:
        settings: list[tuple[str, Any]] = (
            [(one.name, getattr(self, one.name)) for one in fields(self)] if is_dataclass(self) else []
        )
        rows = [(name, value.value if isinstance(value, Enum) else brief(value, 80)) for name, value in settings]
        return html.titled(type(self).__name__, html.table((), rows))


@dataclass(frozen=True, kw_only=True)
class _Asks:
    """What a class asks of who makes one.

    Attributes:
        place: of its settings, for messages: what stands before their names.
        known, needed: names of its settings, and of those that have no default.
        typed: those that are fields, by name, but for the ones whose values the class checks itself.
    """

    name: str
    place: str
    known: list[str]
    needed: list[str]
    typed: dict[str, Field[Any]]


class PartType(ABCMeta):
    """The type of the base class of a kind of part: a part that is made in Python is refused as on the command line.

    Names that its `__init__` does not have, settings of a wrong type or out of range and settings that are missing are a
    `ConfigError` of one line. It is asked where a class is called, so that what is unpickled or copied is taken as it was.
    """

    def __call__(cls, *values: Any, **settings: Any) -> Any:
        """Make a part, unless a setting is refused; a class whose own `__init__` has positional arguments is left alone."""
        asks = _asks(cls)
        if asks is None:
            return super().__call__(*values, **settings)
        settings = _asked(asks, values, by_seed(settings, asks.known))
        try:
            return super().__call__(**settings)
        except ValueError as fault:
            raise ConfigError(f"{asks.place}{fault}").with_traceback(fault.__traceback__) from None

    @property
    def __signature__(cls) -> inspect.Signature:
        """What `help` and an editor show: the settings."""
        own = inspect.signature(cls.__init__)  # type: ignore[misc]
        return own.replace(parameters=[one for name, one in own.parameters.items() if name != "self"])


def checked(
    key: str, left: tuple[str, ...] = (), nodes: Mapping[str, type] | None = None
) -> Callable[[type[Node]], type[Node]]:
    """Return a decorator by which a dataclass of settings that is made in Python is refused as on the command line.

    Args:
        key: where it stands in the tree, for messages; "" for the tree itself.
        left: settings whose values the class checks itself.
        nodes: the nodes below it, by name: one who gives a setting of such a node is told where it belongs.
    """
    place = f"{key}." if key else ""

    def decorated(cls: type[Node]) -> type[Node]:
        made, known = cls.__init__, fields(cls)  # type: ignore[arg-type]
        needed = [one.name for one in known if one.default is MISSING and one.default_factory is MISSING]
        typed = {one.name: one for one in known if one.name not in left}
        asks = _Asks(name=cls.__name__, place=place, known=[one.name for one in known], needed=needed, typed=typed)

        @functools.wraps(made)
        def init(self: Node, *values: Any, **settings: Any) -> None:
            for name in settings.keys() - set(asks.known):
                demand_place(name, nodes or {})
            try:
                made(self, **_asked(asks, values, settings))
            except ValueError as fault:
                raise ConfigError(f"{place}{fault}") from None

        cls.__init__ = init  # type: ignore[method-assign, assignment]
        return cls

    return decorated


def demand_place(name: str, nodes: Mapping[str, type]) -> None:
    """Refuse a setting that is one of a node below.

    Args:
        name: of the setting.
        nodes: the nodes, by name.

    Raises:
        ConfigError: saying where it belongs.
    """
    for node, cls in nodes.items():
        if name in (one.name for one in fields(cls)):
            raise ConfigError(f"{name}: is a setting of {node}; give it as {node}={cls.__name__}({name}=...)")


@functools.cache
def _asks(cls: PartType) -> _Asks | None:
    """Return what a part asks of who makes one; None for a class whose own `__init__` has positional arguments."""
    asked = list(cls.__signature__.parameters.values())
    if any(one.kind is not one.KEYWORD_ONLY for one in asked):
        return None
    kind = [one for one in cls.__mro__ if isinstance(one, PartType)][-1].__name__.lower()
    needed = [one.name for one in asked if one.default is one.empty]
    typed = {one.name: one for one in fields(cls)} if is_dataclass(cls) else {}
    return _Asks(name=cls.__name__, place=f"{kind}.", known=[one.name for one in asked], needed=needed, typed=typed)


def _asked(asks: _Asks, values: tuple[Any, ...], settings: dict[str, Any]) -> dict[str, Any]:
    """Return the settings with which a class is called, each of its declared type."""
    if values and not asks.known:
        raise ConfigError(f"{asks.name}({brief(values[0])}): it has no settings")
    if values:
        raise ConfigError(f"{asks.name}({brief(values[0])}): settings are given by name, as {asks.known[0]}=VALUE")
    given = {}
    for name, value in settings.items():
        if name not in asks.known:
            raise ConfigError(f"{asks.place}{one_line(name, 60)}: unknown key; {nearest(name[:100], asks.known)}")
        given[name] = value if name not in asks.typed else _value(f"{asks.place}{name}", value, asks.typed[name])
    if missing := next((name for name in asks.needed if name not in settings), None):
        raise ConfigError(f"{asks.name}: {missing} is missing; give it as {missing}=...")
    return given


def normalised(node: Any, key: str) -> Any:
    """Return the same node with every setting of its declared type.

    Raises:
        ConfigError: as `build`.
    """
    return build(type(node), key, {setting.name: getattr(node, setting.name) for setting in fields(node)})


def whole(key: str, value: object) -> int:
    """Return a value as a whole number of at most 64 bits; any type of integer is accepted.

    Raises:
        ConfigError: for anything else, a bool included.
    """
    try:
        if isinstance(value, bool):
            raise TypeError
        number = operator.index(value)  # type: ignore[arg-type]
    except TypeError:
        raise ConfigError(f"{key} must be a whole number, got {brief(value)}") from None
    if not -LARGEST <= number < LARGEST:
        raise ConfigError(f"{key} must fit 64 bits, got {brief(number)}")
    return number


def numbers(key: str, value: Any) -> list[Any]:
    """Return a (nested) sequence or array of numbers as lists of floats, so that equal numbers are equal settings.

    Raises:
        ConfigError: naming the place, if it is anything else.
    """
    return _numbers(key, value, DEEPEST)


def _numbers(key: str, value: Any, levels: int) -> list[Any]:
    value = value.tolist() if hasattr(value, "tolist") else value
    if not isinstance(value, (list, tuple)):
        raise ConfigError(f"{key} must be a list of numbers such as [0.5, 0.5], got {brief(value)}")
    plain: list[Any] = []
    for index, entry in enumerate(value):
        entry = entry.tolist() if hasattr(entry, "tolist") else entry
        place = f"{key}[{index}]"
        if isinstance(entry, (list, tuple)):
            if levels == 1:
                raise ConfigError(f"{place} must be a number: lists are nested at most {DEEPEST} deep, got {brief(entry)}")
            plain.append(_numbers(place, entry, levels - 1))
        else:
            plain.append(_number(place, entry) + 0.0)  # -0 becomes 0
    return plain


def _value(key: str, value: Any, setting: Field[Any]) -> Any:
    type_name = setting.type if isinstance(setting.type, str) else getattr(setting.type, "__name__", str(setting.type))
    if value is None and "None" in type_name:
        return None
    if isinstance(setting.default, Enum):
        return _choice(key, value, type(setting.default))
    if type_name.startswith("int"):
        return whole(key, value)
    if type_name.startswith("float"):
        return _number(key, value)
    if type_name.startswith("list[str]"):
        return _texts(key, value)
    if type_name.startswith("list"):
        return numbers(key, value)
    if type_name.startswith("str") and not isinstance(value, str):
        raise ConfigError(f"{key} must be text, got {brief(value)}")
    if type_name == "bool" and not isinstance(value, bool):
        raise ConfigError(f"{key} must be true or false, got {brief(value)}")
    return value


def _texts(key: str, value: Any) -> list[str]:
    if isinstance(value, str) and key.startswith("task."):  # one name is a list of one
        return [value]
    if not isinstance(value, (list, tuple)) or not all(isinstance(item, str) for item in value):
        raise ConfigError(f"{key} must be a list of names such as [loss, tv], got {brief(value)}")
    return list(value)


def _choice(key: str, value: Any, choice: type[Enum]) -> Enum:
    if isinstance(value, choice):
        return value
    try:
        return choice(value)
    except ValueError:
        choices = [str(member.value) for member in choice]
        name = key.rpartition(".")[2]
        shown = one_line(value if isinstance(value, str) else brief(value), 60)
        raise ConfigError(f"{key}={shown}: unknown {name}; {nearest(shown, choices)}") from None


def _number(key: str, value: Any) -> float:
    try:
        if isinstance(value, (bool, str)):
            raise TypeError
        number = float(value)
    except (TypeError, ValueError):
        raise ConfigError(f"{key} must be a number, got {brief(value)}") from None
    except OverflowError:
        raise ConfigError(f"{key} must be finite, got {brief(value)}") from None
    if not math.isfinite(number):
        raise ConfigError(f"{key} must be finite, got {number}")
    return number
