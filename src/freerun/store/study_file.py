"""Study file: what results/NAME/study.json says of the study that was run there, as far as it can be believed.

The folder's name is the name of the study, whatever the file says: a name from a file never becomes a path.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from freerun.io.reading import LARGEST_JSON, NotPlain, content, mapping
from freerun.store.record_schema import LARGEST, is_experiment

NAME = "study.json"
_IDENTITY = re.compile(r"[0-9a-f]{16}")


def read(folder: Path) -> dict[str, Any]:
    """The study of a folder.

    Raises:
        OSError: if its file cannot be read.
        NotPlain: if it is no description of a study.
    """
    info = mapping(content(folder / NAME, LARGEST_JSON))
    planned, ids = info.get("planned"), info.get("ids")
    if not isinstance(planned, dict) or not isinstance(ids, list) or ids != list(planned):
        raise NotPlain("its runs are not those that it planned")
    if not all(isinstance(run, str) and _IDENTITY.fullmatch(run) for run in ids):
        raise NotPlain("a run has no identity")
    for run, tree in planned.items():
        if not (isinstance(tree, dict) and is_experiment(tree) and -LARGEST <= tree["seed"] < LARGEST):
            raise NotPlain(f"run {run} is no experiment")
    for key in ("title", "question", "command"):
        if not isinstance(info.setdefault(key, ""), str):
            raise NotPlain(f"its {key} is no text")
    if not is_margin(info.get("margin", 0.5)):
        raise NotPlain("its margin is no number between 0 and 1")
    overrides = info.setdefault("overrides", [])
    if not isinstance(overrides, list) or not all(isinstance(each, str) for each in overrides):
        raise NotPlain("its overrides are no texts")
    return {**info, "name": folder.name}


def is_margin(value: object) -> bool:
    """Whether a value can be the margin of a study: a number above 0 and below 1."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and 0 < value < 1
