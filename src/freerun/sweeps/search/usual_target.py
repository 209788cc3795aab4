"""Usual target of a search: the headline of the task that tuned studies choose by, measured on the validation split."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from freerun.config.evaluation_settings import selected
from freerun.config.hydra.search_space import Axis, examples
from freerun.config.run_identity import sources
from freerun.errors import given
from freerun.execution.planned_run import Planned
from freerun.io import key_value
from freerun.sweeps.search import target
from freerun.sweeps.search.search import runs_of
from freerun.sweeps.search.target import Target
from freerun.sweeps.search.target_choice import measured_by

_SPLIT = "evaluation.split"


@dataclass(frozen=True, kw_only=True)
class Usual:
    """What a search chooses by where nobody says by what.

    Attributes:
        target: what is to be best.
        fixed: the overrides that all points share, with the split that the target is of.
        why: where it is the loss, why, in words; "" of a headline.
    """

    target: Target
    fixed: list[str]
    why: str = ""


def usual(fixed: Sequence[str], axes: Sequence[Axis], maximize: bool | None = None) -> Usual:
    """Return the first headline that all points of a search have on validation; the free loss where there is none.

    A headline puts the validation split in the place of the test split, of which nothing is then read. It is the loss where
    the test split is asked for, and where a point has parts from plugins, which are not looked at, for they may do anything.

    Raises:
        ConfigError: if a point is no experiment.
    """
    *headlines, loss = target.usual(maximize=maximize, said="--target")
    typed = [word for word in fixed if key_value.key_of(word) == _SPLIT]
    words = [*fixed] if typed else [*fixed, f"{_SPLIT}=validation"]
    points = [runs_of(point, words)[0] for point in examples(axes)]
    if any(point.experiment.evaluation.split != "validation" for point in points):
        return Usual(target=loss, fixed=[*fixed], why="all else is measured on the test split, as evaluation.split says")
    if any(sources(point.tree) | point.measurement.sources for point in points):
        return Usual(target=loss, fixed=[*fixed], why="what parts from plugins have is known after training")
    for headline in headlines:
        if all(_measured(headline, point) for point in points):
            return Usual(target=headline, fixed=words)
    return Usual(target=loss, fixed=[*fixed], why="there is no headline of its kind that all points are measured by")


def _measured(wanted: Target, point: Planned) -> bool:
    """Whether a point has the target by what is measured of it."""
    from freerun.measurement.dry_run import measurable

    experiment = point.experiment
    names = selected(experiment.evaluation, given(experiment.objective).head is not None, experiment.task.recording)
    return wanted.metric in names and measurable(measured_by(experiment, wanted), wanted.place) == {wanted.place}
