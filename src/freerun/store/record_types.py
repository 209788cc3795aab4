"""Types of records and their parts: text is checked against them before anything is made of it.

A checksum says that a record is as it was written, not by whom: every number is a number, every name is text, every list is as
long as it has to be. What was trained and what was measured of it have a record each, of a type of its own; up to generation 4
one record held both.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from functools import lru_cache
from itertools import chain
from operator import attrgetter
from typing import Annotated, Any, Literal, NamedTuple

import msgspec
from msgspec import UNSET, Meta, Raw, Struct, UnsetType

from freerun.store import quantity

#: Whole numbers fit 64 bits, so that every table can hold them.
LARGEST = 2**63
Mode = Literal["forced", "free"]
Identity = Annotated[str, Meta(pattern=r"\A[0-9a-f]{16}\Z")]
#: That of a trained run, or that of a measurement, which begins with it.
EitherIdentity = Annotated[str, Meta(pattern=r"\A[0-9a-f]{16}(-[0-9a-f]{8})?\Z")]
Digest = Annotated[str, Meta(pattern=r"\A[0-9a-f]{64}\Z")]
#: Updates and steps are counted in whole numbers that a float holds too.
Count = Annotated[int, Meta(ge=0, lt=2**53)]
#: A measured number; None where it is not defined.
Number = float | None
#: The splits that training does not see; the first is measured where nobody says otherwise.
HELD_OUT = ("test", "validation")
#: The mode of a measure that sets the free rollout beside the forced one.
BOTH_MODES = "compared"
#: By what points, series and comparisons differ from others of their record, and what of the latter two is shown.
_POINT, _SERIES, _COMPARISON = (
    attrgetter("update", "quantity"),
    attrgetter("split", "mode", "metric"),
    attrgetter("split", "metric"),
)
_WORDS = attrgetter("split", "metric", "unit")


class Part(Struct):
    """A part of an experiment, as far as tables and figures need it."""

    name: str


class Experiment(Struct, kw_only=True):
    """A canonical experiment, as far as tables and figures need it."""

    task: Part
    model: Part
    regime: Part
    feedback: Part
    seed: int
    evaluation: dict[str, Any]
    gradient: str = ""
    device: str = ""
    dtype: str = ""

    def __post_init__(self) -> None:
        names = (part.name for part in (self.task, self.model, self.regime, self.feedback))
        _demand_printable(*names, self.gradient, self.device, self.dtype)


class Point(Struct, gc=False):
    """A point of a training curve."""

    update: Count
    quantity: str
    value: Number


class Series(Struct, kw_only=True, gc=False):
    """The values of one metric on one split in one mode, `first` being the step of the first of them."""

    split: str
    mode: Mode
    metric: str
    unit: str
    first: Count
    values: list[Number]


class Comparison(Struct, kw_only=True, gc=False):
    """The values of a measure that sets both modes side by side, with the ends of their intervals, if it has any."""

    split: str
    metric: str
    unit: str
    first: Count
    values: list[Number]
    low: list[Number] | None
    high: list[Number] | None

    def __post_init__(self) -> None:
        if any(len(ends) != len(self.values) for ends in (self.low, self.high) if ends is not None):
            raise ValueError("an interval is as long as its values")


class Start(Struct, kw_only=True):
    """The run whose weights a training began with, and what its own training, and those before, had taken."""

    run: Identity
    updates: Count | None = None
    steps: Count | None = None
    products: Annotated[float, Meta(ge=0.0, le=1e30)] | None = None


class Provenance(Struct, kw_only=True):
    """By what a run was made, and what it cost; what a record does not say is None.

    `notes` says what was taken of the user's own data, and what was left out; `update_seconds` and `logging_seconds` are those
    of an update and of what is logged after one, once training runs (`freerun.execution.pace`). `steps` and `products` are the
    work of training, by the settings alone (`freerun.execution.training_work`), and by `updates` where patience ended it;
    `start` says whose weights it began with, where these were not drawn.
    """

    versions: dict[str, str] = msgspec.field(default_factory=dict)
    commit: str | None = None
    machine: str | None = None
    processor: str | None = None
    arithmetic: str | None = None
    engine: str | None = None
    device: str | None = None
    data: str | None = None
    notes: list[str] = msgspec.field(default_factory=list)
    finished: str | None = None
    threads: int | None = None
    group_size: int | None = None
    training_seconds: float | None = None
    evaluation_seconds: float | None = None
    updates_per_second: float | None = None
    update_seconds: float | None = None
    logging_seconds: float | None = None
    resumed_from: list[Count] = msgspec.field(default_factory=list)
    updates: Count | None = None
    steps: Count | None = None
    products: Annotated[float, Meta(ge=0.0, le=1e30)] | None = None
    start: Start | None = None


class TextLine(Struct):
    """A text that was continued."""

    prompt: str
    truth: str
    generated: str


class StringLine(Struct):
    """A string that was made."""

    text: str


class TextSample(Struct):
    """What is shown of free rollouts of a text."""

    lines: Annotated[list[TextLine], Meta(min_length=1)]


class StringSample(Struct):
    """What is shown of free rollouts of a grammar."""

    lines: Annotated[list[StringLine], Meta(min_length=1)]


class OrbitSample(Struct):
    """What is shown of a free rollout of values: states of the truth and of the model, one a row; `names` of coordinates."""

    dt: float
    warmup: Count
    true: Annotated[list[list[Number]], Meta(min_length=1)]
    generated: list[list[Number]]
    names: list[str] = msgspec.field(default_factory=list)

    def __post_init__(self) -> None:
        widths = {len(state) for state in (*self.true, *self.generated)}
        if len(self.true) != len(self.generated) or len(widths) != 1 or 0 in widths:
            raise ValueError("both orbits have as many states, all of as many coordinates")
        if self.names and len(self.names) not in widths:
            raise ValueError("an orbit has a name for every coordinate, or none")


class Origin(Struct):
    """A forecast from one origin: times of warm-up and horizon, the true values there, and the forecast behind the origin."""

    at: list[str | float]
    true: list[list[Number]]
    forecast: list[list[Number]]


class ForecastSample(Struct):
    """Forecasts of one stretch from several origins, in the units of the data; times are dates, numbers or rows."""

    warmup: Count
    names: Annotated[list[str], Meta(min_length=1)]
    origins: Annotated[list[Origin], Meta(min_length=1)]
    series: str = ""
    time: str = "row"
    dated: bool = False

    def __post_init__(self) -> None:
        for origin in self.origins:
            widths = {len(values) for values in (*origin.true, *origin.forecast)}
            if len(origin.true) != len(origin.at) or len(origin.at) - self.warmup != len(origin.forecast):
                raise ValueError("there is a true value for each time, and a forecast for each behind the warm-up")
            if widths != {len(self.names)} or any(isinstance(time, str) != self.dated for time in origin.at):
                raise ValueError("there is a value for every name, and times are dates where it says so")


class Sample(Struct):
    """What is shown of free rollouts, as far as every kind of it is alike; a plugin's task may show a kind of its own."""

    kind: str


class Trained(Struct, kw_only=True):
    """What was trained: an experiment, how it ended, its curves, and the digest of its weights.

    `experiment` is the canonical experiment, of which `Experiment` is checked; `memory` is what the feeder has in numbers.
    """

    run: Identity
    experiment: dict[str, Any]
    status: str
    reason: str
    curves: list[Point]
    provenance: Provenance
    weights: Digest | UnsetType = UNSET
    memory: dict[str, float] = msgspec.field(default_factory=dict)

    def __post_init__(self) -> None:
        experiment(self.experiment)
        _demand_printable(self.status, self.reason)
        _demand_once(map(_POINT, self.curves), len(self.curves))


class Measured(Struct, kw_only=True):
    """What was measured of a trained run; `quantities` says what its metrics mean by their names, `sample` is shown.

    Both of these are kept as they were written: the first is the same in every record of a study, the second in no table.

    Attributes:
        of: the digest of the weights that were measured; "" where both are one record.
        evaluation, metrics: on what, and by what with which settings (`freerun.config.measurement_identity`).
    """

    run: EitherIdentity
    series: list[Series]
    of: str = ""
    measuring: int = 0
    evaluation: dict[str, Any] = msgspec.field(default_factory=dict)
    metrics: dict[str, dict[str, Any]] = msgspec.field(default_factory=dict)
    provenance: Provenance = msgspec.field(default_factory=Provenance)
    comparisons: list[Comparison] = msgspec.field(default_factory=list)
    quantities: Raw = Raw(b"{}")
    sample: Raw = Raw(b"null")

    def __post_init__(self) -> None:
        _demand_once(map(_SERIES, self.series), len(self.series))
        _demand_once(map(_COMPARISON, self.comparisons), len(self.comparisons))
        _demand_printable(*chain.from_iterable(map(_WORDS, (*self.series, *self.comparisons))))
        _demand_meaning(bytes(self.quantities))
        _demand_sample(self.sample)
        _demand_printable(*self.evaluation, *self.metrics)


class Record(NamedTuple):
    """What was trained, and what was measured of it."""

    trained: Trained
    measured: Measured


#: The kinds of samples that are drawn.
SAMPLES: dict[str, type[Struct]] = {
    "text": TextSample,
    "strings": StringSample,
    "orbit": OrbitSample,
    "forecast": ForecastSample,
}
_QUANTITIES = msgspec.json.Decoder(dict[str, dict[str, Any]])
_SAMPLE: msgspec.json.Decoder[Sample | None] = msgspec.json.Decoder(Sample | None)
_SAMPLES = {kind: msgspec.json.Decoder(sample) for kind, sample in SAMPLES.items()}


def experiment(tree: Mapping[str, Any]) -> Experiment:
    """Return what tables and figures need of a canonical experiment.

    Raises:
        ValueError: if it is none.
    """
    return msgspec.convert(tree, Experiment)


def _demand_printable(*texts: str) -> None:
    """Check that texts hold printable characters only, so that none of them can control a terminal."""
    if not "".join(texts).isprintable():
        raise ValueError("a name holds what is not printed")


def _demand_once(keys: Iterable[Hashable], count: int) -> None:
    """Check that all `count` keys are different."""
    if len({*keys}) != count:
        raise ValueError("a point, series or comparison is given twice")


@lru_cache(maxsize=1024)
def _demand_meaning(text: bytes) -> None:
    """Check the JSON of a record's quantities; cached, for the records of a study share a few such texts."""
    for name, declared in _QUANTITIES.decode(text).items():
        _demand_printable(name)
        quantity.read(name, declared)


def _demand_sample(text: Raw) -> None:
    sample = _SAMPLE.decode(text)
    if sample is not None and sample.kind in _SAMPLES:
        _SAMPLES[sample.kind].decode(text)
