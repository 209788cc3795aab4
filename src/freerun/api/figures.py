"""Figures in Python: each a function of a study, or of tables, that gives a matplotlib figure with its caption and data.

    figure = freerun.figures.gap_over_lead(study, select={"task": "lorenz63"}, labels={"free running": "BPTT"}, width="column")
    figure.savefig("gap.pdf")
    print(figure.caption)

Every function takes the same options, `Options`; `freerun figures` takes them on the command line.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict, Unpack

from freerun.analysis import figures
from freerun.analysis.figures import Material
from freerun.analysis.tables import selection
from freerun.analysis.tables.tidy import Tables
from freerun.api.studies import Study
from freerun.errors import ConfigError
from freerun.io.suggestions import nearest
from freerun.io.text import brief

if TYPE_CHECKING:
    from freerun.analysis.figures._style import StudyFigure

__all__ = [
    "chaos_floor",
    "closed_loop",
    "error_growth",
    "error_over_lead",
    "expected_best",
    "forecast",
    "gap_by_model",
    "gap_over_lead",
    "orbit",
    "ranking",
    "text_samples",
    "training_curves",
]


class Options(TypedDict, total=False):
    """What every figure takes.

    Attributes:
        select: settings of the runs that it is of, ``{"regime": ["teacher_forcing", "free_running"], "task": "text"}``.
        labels: new labels of tasks, models, methods and measures, by those that figures show.
        width: "column", "page", or inches; None for what the panels need.
        style: "plain", "neurips", "icml", or the path of a matplotlib style file; None for plain.
    """

    select: Mapping[str, Any] | None
    labels: Mapping[str, str] | None
    width: str | float | None
    style: str | Path | None


def gap_over_lead(study: Study | Tables, **options: Unpack[Options]) -> StudyFigure:
    """Free minus forced over the lead time since the release: a line a method, panels task by model.

    Raises:
        ConfigError: as every function here, if these runs have nothing to show in it, or an option has no such value.
    """
    return _figure("gap_over_lead", study, options)


def error_over_lead(study: Study | Tables, **options: Unpack[Options]) -> StudyFigure:
    """The error over the lead time since the release, free and forced: panels task by model."""
    return _figure("error_over_lead", study, options)


def gap_by_model(study: Study | Tables, **options: Unpack[Options]) -> StudyFigure:
    """Both levels over the horizon and the gap between them, by model and method: panels by task."""
    return _figure("gap_by_model", study, options)


def closed_loop(study: Study | Tables, **options: Unpack[Options]) -> StudyFigure:
    """Measures of whole free rollouts, such as valid prediction time: panels by task and measure."""
    return _figure("closed_loop", study, options)


def training_curves(study: Study | Tables, **options: Unpack[Options]) -> StudyFigure:
    """Validation loss over the updates, free and forced, and the share of truth that was fed."""
    return _figure("training_curves", study, options)


def forecast(study: Study | Tables, **options: Unpack[Options]) -> StudyFigure:
    """Forecasts of a series beside what came, from several origins of the test part, in the units and dates of its file."""
    return _figure("forecast", study, options)


def orbit(study: Study | Tables, **options: Unpack[Options]) -> StudyFigure:
    """A generated orbit beside the true one, of one task and model; it needs the records of the study."""
    return _figure("orbit", study, options)


def text_samples(study: Study | Tables, **options: Unpack[Options]) -> StudyFigure:
    """What each model writes after a prompt, of one task; it needs the records of the study."""
    return _figure("text_samples", study, options)


def chaos_floor(study: Study | Tables, **options: Unpack[Options]) -> StudyFigure:
    """The free error beside what the true system makes of the model's first error, over the lead time."""
    return _figure("chaos_floor", study, options)


def error_growth(study: Study | Tables, **options: Unpack[Options]) -> StudyFigure:
    """The growth of the free error over the lead time, with the curve that was fitted to it."""
    return _figure("error_growth", study, options)


def ranking(study: Study | Tables, **options: Unpack[Options]) -> StudyFigure:
    """Critical-difference diagrams of methods and of models, ranked over at least three tasks."""
    return _figure("ranking", study, options)


def expected_best(study: Study | Tables, **options: Unpack[Options]) -> StudyFigure:
    """The expected best by the number of trials, of a study whose methods were tuned."""
    return _figure("expected_best", study, options)


def _figure(name: str, study: Study | Tables, options: Options) -> StudyFigure:
    known = list(Options.__annotations__)
    if unknown := next((option for option in options if option not in known), None):
        raise ConfigError(f"figure {name}: {brief(unknown)}: no such option; {nearest(unknown, known)}")
    if not isinstance(study, (Study, Tables)):
        raise ConfigError(f"figure {name}: must be of a study, or of tables, got {brief(study)}")
    if isinstance(study, Study):
        return study.figure(name, **options)
    tables = selection.select(study, options.get("select") or {})
    paper = figures.paper(options.get("style"), options.get("width"))
    return figures.one(figures.prepared(Material.of(tables, {}), options.get("labels"), paper), name)
