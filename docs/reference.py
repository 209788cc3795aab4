"""Pages of the site that are made from what the code declares: parts, measures, settings, public names, commands."""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import MISSING, Field, fields, is_dataclass
from enum import Enum
from typing import Any

import freerun
from freerun.analysis import figures
from freerun.cli.arguments import COMMANDS
from freerun.io.text import brief
from freerun.parts import registry
from freerun.store.quantity import Quantity

#: The sections of a docstring that list names, each with what it is.
_SECTION = re.compile(r"^(Attributes|Args|Raises|Returns):\n((?:    .*\n?|\n)+)", re.MULTILINE)
_ENTRY = re.compile(r"^(\w[\w, ]*): (.*(?:\n    .*)*)", re.MULTILINE)
#: Most characters of a signature in one line.
WIDTH = 90
#: The roles of measures, in the order of their page: title, and what they are.
_ROLES = {
    "headline": ("Headlines", "Tasks are judged by these."),
    "companion": ("Companions", "These stand beside the headlines."),
    "diagnostic": ("Diagnostics", "These explain."),
}


def generated(name: str) -> str:
    """Return the text that stands for ``<!-- generated: NAME -->`` on a page.

    Args:
        name: `regimes`, `measures`, `players`, `settings`, `names`, `commands`, a kind of part in the plural, or
            `caption FIGURE`.

    Raises:
        KeyError: if nothing of this name is generated.
    """
    if name.startswith("caption "):
        return prose(figures.parts()[name.removeprefix("caption ")].CAPTION)
    kinds = {"feedback" if kind == "feedback" else f"{kind}s": kind for kind in registry.KINDS if kind != "metric"}
    if name in kinds:
        return _of_kind(kinds[name])
    return {"measures": _measures, "players": _players, "settings": _settings, "names": _names, "commands": _commands}[name]()


def prose(text: str) -> str:
    """Return a docstring as Markdown: names of the project's own quotes stay code, nothing becomes a tag of HTML."""
    return "\n".join(line if line.startswith("    ") else _plain(line) for line in text.split("\n"))


def _plain(line: str) -> str:
    pieces = line.replace("``", "`").split("`")
    return "`".join(piece if number % 2 else _escaped(piece) for number, piece in enumerate(pieces))


def _escaped(text: str) -> str:
    return re.sub(r"([*<\[\]])", r"\\\1", text).replace(r"\<", "&lt;")


def sections(text: str) -> tuple[str, dict[str, dict[str, str]]]:
    """Split a docstring into its prose and, by the title of a section, what it says of each name."""
    listed = {title: _entries(inspect.cleandoc(body)) for title, body in _SECTION.findall(text + "\n")}
    return _SECTION.sub("", text + "\n").strip("\n"), listed


def _entries(body: str) -> dict[str, str]:
    return {
        name: " ".join(meaning.split()) for names, meaning in _ENTRY.findall(body) for name in re.split(r",\s*", names.strip())
    }


def _paragraphs(text: str | None) -> tuple[str, str]:
    """The first paragraph, without its last full stop, and the rest."""
    first, _, rest = sections(text or "")[0].partition("\n\n")
    return " ".join(first.split()), rest


def table(titles: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """Return a table; its cells are Markdown."""
    lines = [list(titles)]
    lines += [["---"] * len(lines[0]), *map(list, rows)]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines) + "\n"


def settings(cls: type) -> str:
    """Return the table of the settings of a dataclass: name, default, choices, meaning; empty if it has none."""
    said: dict[str, str] = {}
    for parent in reversed(cls.__mro__):
        said |= sections(inspect.cleandoc(vars(parent).get("__doc__") or ""))[1].get("Attributes", {})
    rows = [
        [f"`{item.name}`", _default(item), prose(said.get(item.name, "")) + _choices(item)] for item in fields(cls) if item.init
    ]
    return table(["setting", "default", "meaning"], rows) if rows else ""


def _default(item: Field[Any]) -> str:
    if item.default is MISSING and item.default_factory is MISSING:
        return "required"
    value = item.default if item.default is not MISSING else item.default_factory()  # type: ignore[misc]
    shown = value.value if isinstance(value, Enum) else "null" if value is None else value
    return (
        f"`{type(value).__name__}()`"
        if is_dataclass(value)
        else f"`{shown if isinstance(shown, str) and shown else brief(shown, 40)}`"
    )


def _choices(item: Field[Any]) -> str:
    return f" Choices: {_members(type(item.default))}." if isinstance(item.default, Enum) else ""


def _members(choice: type[Enum]) -> str:
    return ", ".join(f"`{member.value}`" for member in choice)


def _of_kind(kind: str) -> str:
    return "\n".join(_part(kind, name, part) for name, part in registry.builtin_parts(kind).items())


def _part(kind: str, name: str, part: type) -> str:
    """A part: what it is, formula and source from its module, its settings."""
    first, rest = _paragraphs(inspect.getdoc(part))
    title, more = _paragraphs(inspect.getdoc(sys.modules[part.__module__]))
    texts = [f"## {name}\n", f"`{kind}={name}`\n", prose(first), prose(rest), prose(more or title), settings(part)]
    return "\n\n".join(text for text in texts if text) + "\n"


def modules(kind: str) -> dict[str, dict[str, type]]:
    """The built-in parts of a kind by the module that defines them."""
    homes: dict[str, dict[str, type]] = {}
    for name, part in registry.builtin_parts(kind).items():
        homes.setdefault(part.__module__, {})[name] = part
    return homes


def fooled(quantity: Quantity) -> str:
    """Return what a measure does not see, in a sentence; where it declares nothing, why nothing has to be said."""
    seen = f" It does see what similar measures do not: {'; '.join(quantity.sees)}." if quantity.sees else ""
    if quantity.blind:
        return f"It does not see: {'; '.join(quantity.blind)}.{seen}"
    if quantity.part == "headline":
        return f"No reference player that is worse than the truth beats it by this measure, on any task that it judges.{seen}"
    return f"No model is ranked by it: it explains.{seen}" if quantity.part == "diagnostic" else seen.strip()


def _measures() -> str:
    """Every measure by its role; what a module says of its measures stands at the first of them."""
    shown: dict[str, str] = {}
    blocks = []
    for role, (title, line) in _ROLES.items():
        blocks.append(f"## {title}\n\n{line}\n")
        for name, part in registry.builtin_parts("metric").items():
            if part.quantity.part == role:  # type: ignore[attr-defined]
                blocks.append(_measure(name, part, shown.setdefault(part.__module__, name)))
    return "\n".join(blocks)


def _measure(name: str, part: type, first: str) -> str:
    """A measure: what it is, what its number means, what fools it, formula and source; these stand at the first of a module."""
    quantity: Quantity = part.quantity  # type: ignore[attr-defined]
    line, more = _paragraphs(inspect.getdoc(part))
    title, rest = _paragraphs(inspect.getdoc(sys.modules[part.__module__]))
    low, high = (f"{end:g}" if abs(end) < float("inf") else "open" for end in quantity.range)
    floor = "not known" if quantity.floor is None else f"`{quantity.floor}`"
    row = [quantity.label, quantity.unit, quantity.better, f"{low} to {high}", floor]
    blocks = [
        f"### {name}",
        prose(line),
        prose(more),
        f"**What fools it.** {prose(fooled(quantity))}",
        table(["label", "unit", "better", "range", "a perfect model has"], [row]),
        f"Averaged over {quantity.conditioned} alone; `{quantity.left_out}` counts the rest." if quantity.left_out else "",
        settings(part),
        f"{prose(title)}\n\n{prose(rest)}" if name == first else f"Formula and source: see [{first}](#{first}).",
    ]
    return "\n\n".join(block for block in blocks if block) + "\n"


def _players() -> str:
    from freerun.measurement import players

    return table(
        ["player", "what it is"], [[f"`{name}`", prose(registry.summary(type(one)))] for name, one in players.known().items()]
    )


def _settings() -> str:
    blocks = []
    for cls in (freerun.Experiment, freerun.Training, freerun.Evaluation):
        first, rest = _paragraphs(inspect.getdoc(cls))
        blocks += [f"## {cls.__name__}", prose(first), prose(rest), settings(cls)]
    return "\n\n".join(block for block in blocks if block)


def _names() -> str:
    """The public names that are no parts: functions, classes with their methods, and the named choices."""
    parts = {part for kind in registry.KINDS for part in registry.builtin_parts(kind).values()}
    names = {name: value for name in freerun.__all__ if (value := getattr(freerun, name)) not in parts}
    choices = {name: value for name, value in names.items() if inspect.isclass(value) and issubclass(value, Enum)}
    blocks = []
    for name in sorted(names.keys() - choices.keys(), key=lambda name: (inspect.isclass(names[name]), name)):
        value = names[name]
        blocks += [f"## {name}", *_object(f"freerun.{name}", value)]
        for method, member in _methods(value) if inspect.isclass(value) else ():
            blocks += [f"### {name}.{method}", *_object(method, member)]
    rows = [[f"`{name}`", _members(value), prose(registry.summary(value))] for name, value in choices.items()]
    return "\n\n".join(block for block in [*blocks, "## Named choices", table(["name", "one of", "what it is"], rows)] if block)


def _methods(cls: type) -> Iterator[tuple[str, Any]]:
    """Those of a class, and those of a parent that is no public name itself."""
    parents = [one for one in cls.__mro__[1:] if one.__module__.startswith("freerun.") and one.__name__ not in freerun.__all__]
    for name, member in (item for one in (cls, *parents) for item in vars(one).items()):
        if not name.startswith("_") and (inspect.isfunction(member) or isinstance(member, property)):
            yield name, member


def _object(name: str, value: Any) -> Iterator[str]:
    """Signature, prose, and what its docstring lists."""
    if inspect.isfunction(value):
        yield f"```text\n{_signature(name, value)}\n```"
    text, listed = sections(inspect.getdoc(value) or "")
    yield prose(text)
    for title, entries in listed.items():
        yield table([title.lower(), ""], [[f"`{key}`", prose(meaning)] for key, meaning in entries.items()])


def _signature(name: str, function: Callable[..., Any]) -> str:
    signature = inspect.signature(function)
    shown = [str(parameter).replace("'", "") for parameter in signature.parameters.values() if parameter.name != "self"]
    returned = str(signature.return_annotation).strip("'")
    line = f"{name}({', '.join(shown)}) -> {returned}"
    return line if len(line) <= WIDTH else "\n".join([f"{name}(", *(f"    {text}," for text in shown), f") -> {returned}"])


def _commands() -> str:
    from importlib import import_module

    blocks = []
    for name, line in COMMANDS.items():
        shown = import_module(f"freerun.cli.commands.{name}").parser().format_help()
        blocks += [f"## freerun {name}", f"{line[0].upper()}{line[1:]}.", f"```text\n{shown.strip()}\n```"]
    return "\n\n".join(blocks)
