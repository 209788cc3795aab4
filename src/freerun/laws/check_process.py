"""Process that holds a part to its laws: takes one order from its parent and tells verdict after verdict.

Started by `freerun.laws.check` as ``python -m freerun.laws.check_process``, because a part may hang, exit or crash.
"""

from __future__ import annotations

import os
import sys
import traceback
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from freerun import arithmetic
from freerun.errors import ConfigError, FreerunError
from freerun.io.parent_process import ParentProcess
from freerun.parts import plugins, registry

#: What is told: a kind of event and its values.
Tell = Callable[..., None]
MADE = "It can be made from its default settings, with every named choice."
#: What to do about a part that cannot be made, and about one that raises an error or warns where a law is tried.
MADE_CURE = "give every setting a default that `__post_init__` accepts, together with every choice of an `Enum`."
RAISED_CURE = "mend what raises or warns: a part does neither, whatever a law hands it."


def main() -> None:
    """Read one order from the parent and judge it."""
    parent = ParentProcess()
    from freerun.execution.group_runner import prepare

    prepare()
    try:
        judge(parent.order(), parent.tell)
    except FreerunError as fault:
        parent.tell("unusable", reason=str(fault))
    parent.leave()  # a part may have left threads behind


def judge(order: dict[str, Any], tell: Tell) -> None:
    """Hold the parts that an order names to the laws of their kinds, from the law with the number `first` on.

    Raises:
        ConfigError: if there is no such part, or a setting is wrong.
    """
    from freerun.laws import register

    classes = find(order["target"], order["kind"])
    given = {key: _checked(cls, key, order["settings"], len(classes)) for key, cls in classes.items()}
    cases: list[tuple[str, register.Law | None]] = []
    for kind in classes:
        cases += [(kind, None)] if kind in registry.KINDS else []
        cases += [(kind, law) for law in register.of(kind)]
    made: dict[str, dict[tuple[str, ...], Any]] = {"figure": {(): classes.get("figure")}}  # a module: nothing is made
    tell(
        "laws",
        parts=[f"{kind} {_name(order['target'])}" for kind in classes],
        laws=[{"kind": kind, "law": MADE if law is None else law.text} for kind, law in cases],
        note=arithmetic.shortfall(),
    )
    for number, (kind, law) in enumerate(cases):
        if law is None:
            verdict, why, cure = _make(classes[kind], given[kind], kind, made)
        elif number < order["first"] or not made[kind]:
            continue
        else:
            tell("begins", number=number, patience=law.patience)
            verdict, why, cure = _hold(law, made[kind])
        if number >= order["first"]:
            tell("verdict", number=number, verdict=verdict, why=why, cure=cure)


def is_file(target: str) -> bool:
    """Whether a word names a file rather than a part."""
    return target.endswith(".py") or os.sep in target


def _name(target: str) -> str:
    return Path(target).name.removesuffix(".py")


def find(target: str, kind: str | None) -> dict[str, type]:
    """Return the part of each kind that a name or a Python file stands for.

    Raises:
        ConfigError: if there is none, or the name is not enough.
    """
    if is_file(target):
        plugins.load_plugin(target)
    name = _name(target) if is_file(target) else target
    holders = {key: registry.parts(key)[name] for key in registry.KINDS if name in registry.parts(key)}
    if is_file(target):
        holders = {key: cls for key, cls in holders.items() if hasattr(sys.modules[cls.__module__], "__freerun_digest__")}
        holders |= {"figure": registry.plugin_figures[name]} if name in registry.plugin_figures else {}
    if kind is not None:
        if kind not in holders:
            raise ConfigError(f"{target}: no {kind} of this name; " + _nearest(name, [kind]))
        return {kind: holders[kind]}
    if not holders:
        raise ConfigError(f"{target!r} is neither a part nor a Python file; " + _nearest(name, list(registry.KINDS)))
    if len(holders) > 1 and not is_file(target):
        raise ConfigError(f"{target} is the name of several parts; add --kind {' or --kind '.join(holders)}")
    return holders


def _nearest(name: str, kinds: list[str]) -> str:
    from freerun.io.suggestions import nearest

    return nearest(name, {part_name for kind in kinds for part_name in registry.parts(kind)})


def _checked(cls: type, kind: str, settings: dict[str, Any], parts: int) -> dict[str, Any]:
    """The settings converted to the types of the part."""
    from freerun.laws.toolkit import files_for
    from freerun.parts.settings import build

    plain = {key.removeprefix(f"{kind}."): value for key, value in settings.items()}
    if plain and parts > 1:
        raise ConfigError(f"{next(iter(settings))}: the file holds parts of several kinds; say which with --kind")
    if not plain:
        return {}
    if kind == "figure":
        raise ConfigError(f"{next(iter(settings))}: a figure has no settings")
    try:
        part = build(cls, kind, {**files_for(cls), **plain})
    except TypeError as fault:
        raise ConfigError(f"{kind}: {fault}") from None
    return {name: getattr(part, name) for name in plain}


def _make(cls: type, settings: dict[str, Any], kind: str, made: dict[str, Any]) -> tuple[str, str, str]:
    from freerun.laws.toolkit import choices

    made[kind] = {}
    try:
        with _strict():
            made[kind] = choices(cls, **settings)
    except BaseException as fault:
        if settings and isinstance(fault, (ValueError, ConfigError)):
            raise ConfigError(f"{kind}: {' '.join(str(fault).split())}") from None
        return "broken", _words(fault), MADE_CURE
    return "holds", "", ""


def _strict() -> warnings.catch_warnings[None]:
    """A context in which a warning is an error."""
    return warnings.catch_warnings(action="error")


def _hold(law: Any, parts: dict[tuple[str, ...], Any]) -> tuple[str, str, str]:
    """The verdict over every choice, the counter-example of the first that breaks the law, and what to do about it."""
    from freerun.laws.toolkit import Broken

    applied, tried = False, ""
    for choice, part in parts.items():
        try:
            with _strict():
                if law.applies(part):
                    applied = True
                    tried = law(part)
        except BaseException as fault:
            chosen = f"{', '.join(choice)}: " if any(choice) else ""
            return "broken", chosen + _words(fault), law.cure if isinstance(fault, Broken) else RAISED_CURE
    return ("holds", tried, "") if applied else ("does not apply", f"for {law.whom}", "")


def _words(fault: BaseException) -> str:
    """The error in words, with the line in the user's own file."""
    text = " ".join(str(fault).split())
    if not isinstance(fault, AssertionError):
        text = f"{type(fault).__name__}: {text}" if text else type(fault).__name__
    elif not text:
        text = "an assertion of the part's own"
    text = text if len(text) <= 300 else f"{text[:297]}..."
    return " ".join([text, *_places(fault)])


def _places(fault: BaseException) -> Iterator[str]:
    files = set(plugins.plugin_files())
    lines = [frame.lineno for frame in traceback.extract_tb(fault.__traceback__) if os.path.realpath(frame.filename) in files]
    if lines:
        yield f"(line {lines[-1]})"


if __name__ == "__main__":
    main()
