"""Time of training: the seconds that some runs took, each second counted once."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from typing import Any

#: The canonical experiment of a trained run, and the provenance of its record.
Run = tuple[Mapping[str, Any], Mapping[str, Any]]


def seconds(runs: Iterable[Run]) -> float:
    """Return how long the training of some runs took, however often one of them is named.

    A run that went on from where another one stopped counts the seconds up to there as its own: they are left out of the other.
    Of one that had to begin anew both count.
    """
    courses: dict[str, dict[Any, Mapping[str, Any]]] = {}
    for experiment, provenance in runs:
        course, end = _course(experiment)
        courses.setdefault(course, {})[end] = provenance
    return math.fsum(_of_course(ends) for ends in courses.values())


def _course(experiment: Mapping[str, Any]) -> tuple[str, int]:
    """Return what runs share that differ in where they stop, and the updates after which this one does."""
    training = experiment.get("training")
    settings = dict(training) if isinstance(training, dict) else {}
    stop, updates = settings.pop("stop", None), settings.get("updates")
    end = updates if stop is None else stop
    whole = json.dumps({**experiment, "training": settings}, sort_keys=True, default=repr)
    return whole, end if isinstance(end, int) else 0


def _of_course(ends: Mapping[int, Mapping[str, Any]]) -> float:
    ended, last, before = 0.0, 0.0, None
    for end, provenance in sorted(ends.items()):
        went_on = before is not None and before in (provenance.get("resumed_from") or ())
        ended += 0.0 if went_on else last
        last, before = float(provenance.get("training_seconds") or 0), end
    return ended + last
