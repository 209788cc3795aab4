"""Study file: what results/NAME/study.json says of the study that was run there, typed, as far as it can be believed.

The folder's name is the name of the study, whatever the file says: a name from a file never becomes a path.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import msgspec

from freerun.io.reading import LARGEST_JSON, NotPlain, content
from freerun.io.text import one_line
from freerun.store.record_types import LARGEST, EitherIdentity, experiment

NAME = "study.json"


class StudyFile(msgspec.Struct, kw_only=True):
    """A study as its file describes it.

    Attributes:
        ids: the identities of its measurements, in their order.
        planned: the canonical experiment of each, by identity.
        title, question, command: its title, its question, and the command that started it.
        overrides: the settings of that command.
        margin: the change within which two methods are equivalent, a share; the default of the report where it is left out.
    """

    ids: list[EitherIdentity]
    planned: dict[EitherIdentity, dict[str, Any]]
    title: str = ""
    question: str = ""
    command: str = ""
    overrides: list[str] = msgspec.field(default_factory=list)
    margin: Annotated[float, msgspec.Meta(gt=0, lt=1)] | msgspec.UnsetType = msgspec.UNSET

    def __post_init__(self) -> None:
        if self.ids != list(self.planned):
            raise ValueError("its runs are not those that it planned")
        for run, tree in self.planned.items():
            if not -LARGEST <= experiment(tree).seed < LARGEST:
                raise ValueError(f"the seed of run {run} is beyond 64 bits")


_STUDY = msgspec.json.Decoder(StudyFile)


def read(folder: Path) -> dict[str, Any]:
    """Return the study of a folder: the fields of `StudyFile` by name, and the folder's name as `name`.

    Raises:
        OSError: if its file cannot be read.
        NotPlain: if it is no description of a study.
    """
    try:
        study = _STUDY.decode(content(folder / NAME, LARGEST_JSON))
    except NotPlain:
        raise
    except (ValueError, RecursionError) as fault:
        raise NotPlain(one_line(fault, 100)) from None
    fields = {**msgspec.structs.asdict(study), "name": folder.name}
    return {key: value for key, value in fields.items() if value is not msgspec.UNSET}


def is_margin(value: object) -> bool:
    """Return whether a value can be the margin of a study: a number above 0 and below 1."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and 0 < value < 1
