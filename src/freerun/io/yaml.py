"""Bounded YAML: plain data of limited size and depth.

Every limit holds while the file is parsed, not after: a few bytes of YAML can stand for gigabytes. No aliases and no anchors,
no tags, no key given twice, no number to another base that looks like a plain one, nothing but text, numbers, true, false and
null in lists and mappings.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

from freerun.errors import ConfigError
from freerun.io.reading import NotPlain, content
from freerun.io.text import one_line

#: Most bytes of a file, nodes in it, levels of nesting, characters of a key, and of a value that is no text.
LARGEST_FILE, MOST_NODES, DEEPEST, LONGEST_KEY, LONGEST_NUMBER = 2**17, 5_000, 12, 100, 400
_TEXT = "tag:yaml.org,2002:str"
_NUMBERS = ("tag:yaml.org,2002:int", "tag:yaml.org,2002:float")
#: Numbers that are something else than they look like: 010 is 8, 1:30 is 90.
_TO_ANOTHER_BASE = re.compile(r"[-+]?(0[0-9_]+|[0-9][0-9_]*(:[0-9_]+)+(\.[0-9_]*)?)")


def read_yaml(path: Path) -> dict[str, Any]:
    """Read a small YAML mapping without aliases.

    Raises:
        ConfigError: if the file is missing, no regular file, too large, not UTF-8, not YAML, or holds anything but plain data
            in a mapping.
    """
    try:
        tree = parsed(content(path, LARGEST_FILE))
    except OSError as fault:
        raise ConfigError(f"{_shown(path)}: {fault.strerror}") from None
    except NotPlain as fault:
        raise ConfigError(f"{_shown(path)}: {fault}") from None
    return tree


def parsed(text: bytes) -> dict[str, Any]:
    """Return the mapping that the text of a YAML file stands for.

    Raises:
        NotPlain: as `read_yaml`.
    """
    try:
        tree = yaml.load(text.decode("utf-8"), Loader=_PlainLoader)  # noqa: S506 - derived from SafeLoader
    except UnicodeDecodeError as fault:
        raise NotPlain(f"not UTF-8 at byte {fault.start}") from None
    except (yaml.YAMLError, ValueError) as fault:
        raise NotPlain(f"not YAML: {one_line(fault, 100)}") from None
    if not isinstance(tree, dict):
        raise NotPlain("must hold a mapping")
    return tree


def _shown(path: Path) -> str:
    return one_line(path, 80)


class _PlainLoader(yaml.SafeLoader):
    """YAML as far as it is plain data."""

    def __init__(self, stream: str) -> None:
        super().__init__(stream)
        self._nodes = self._depth = 0

    def compose_node(self, parent: Any, index: Any) -> Any:
        event: Any = self.peek_event()  # type: ignore[no-untyped-call]
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise yaml.YAMLError("aliases are not allowed")
        if getattr(event, "tag", None):
            raise yaml.YAMLError(f"tags are not allowed, found {str(event.tag)[:40]}")
        self._nodes += 1
        if self._nodes > MOST_NODES:
            raise yaml.YAMLError(f"more than {MOST_NODES} values")
        if self._depth >= DEEPEST:
            raise yaml.YAMLError(f"nested more than {DEEPEST} deep")
        self._depth += 1
        node = super().compose_node(parent, index)
        self._depth -= 1
        if isinstance(node, yaml.ScalarNode) and any("\ud800" <= letter <= "\udfff" for letter in node.value):
            raise yaml.YAMLError(f"{node.value[:40]!r}: half of a character, which no file can hold")
        if isinstance(node, yaml.ScalarNode) and node.tag != _TEXT and len(node.value) > LONGEST_NUMBER:
            raise yaml.YAMLError(f"a number of {len(node.value)} characters")
        if isinstance(node, yaml.ScalarNode) and node.tag in _NUMBERS and _TO_ANOTHER_BASE.fullmatch(node.value):
            base = "60" if ":" in node.value else "8"
            raise yaml.YAMLError(f"{node.value}: YAML takes it for a number to the base {base}; write it without, or in quotes")
        return node

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        keys = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode) or key.tag != _TEXT:
                raise yaml.YAMLError(f"line {key.start_mark.line + 1}: a key must be text")
            if len(key.value) > LONGEST_KEY:
                raise yaml.YAMLError(f"line {key.start_mark.line + 1}: a key of {len(key.value)} characters")
            if key.value in keys:
                raise yaml.YAMLError(f"line {key.start_mark.line + 1}: {key.value[:40]!r} is given twice")
            keys.add(key.value)
        return super().construct_mapping(node, deep)


#: Dates, merged mappings and `=` are text here; true, false, null and numbers are what they are in YAML 1.1.
_PlainLoader.yaml_implicit_resolvers = {
    letter: [(tag, pattern) for tag, pattern in known if tag.rpartition(":")[2] in ("bool", "int", "float", "null")]
    for letter, known in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
