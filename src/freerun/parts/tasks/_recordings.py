"""Base class of measured series: cut by time, scaled by the training part alone."""

from __future__ import annotations

import hashlib
from abc import abstractmethod
from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol, TypeVar, runtime_checkable

import numpy as np
from jaxtyping import Float

from freerun.deferred_imports import torch
from freerun.errors import ConfigError, require
from freerun.io.text import one_line
from freerun.parts.settings import LATER
from freerun.parts.tasks import SPLITS, Data, Sequences, Task, _test_shares
from freerun.parts.tasks._scaling import Predict, increments, orbit, scaling
from freerun.parts.tasks._windows import bounds, check_shares, joined, windows

RESERVE = 512


@runtime_checkable
class _Rows(Protocol):
    """A stretch, or where it stands in time."""

    def __len__(self) -> int: ...

    def __getitem__(self, rows: slice) -> Any: ...


_Piece = TypeVar("_Piece", bound=_Rows)
#: Most standard deviations of the training part between its mean and any value: errors can be squared and summed.
_FARTHEST = 1e6


@dataclass(kw_only=True)
class Recording(Task):
    """A measured series. The first part trains, the next validates, the last tests; values are scaled to zero mean and unit
    variance of the training part.

    Attributes:
        train, validation: shares of the series, in time order; the rest is the test part.
        predict: `value`: the output is the next value; `increment`: the output is added to the value that was fed.
        test_shares: the test part is cut into so many stretches, or its stretches dealt out, and a run is tested on the share
            numbered seed mod `test_shares`; 1: all seeds have the whole part.
        season: steps after which the series comes round again, for the seasonal baseline; null for none, or for what dates
            say; 0 for none.
    """

    symbols: ClassVar[bool] = False
    recording: ClassVar[bool] = True
    unit: ClassVar[str] = "std of the training part"
    default_feedback: ClassVar[str] = "mean"
    default_objective: ClassVar[str] = "squared_error"

    train: float
    validation: float
    predict: Predict = Predict.value
    test_shares: int = field(default=1, metadata=LATER)
    season: int | None = field(default=None, metadata=LATER)

    def __post_init__(self) -> None:
        check_shares(self.train, self.validation)
        require(self.test_shares >= 1, "test_shares", self.test_shares, "be at least 1")
        require(self.season is None or self.season >= 0, "season", self.season, "not be negative")

    @abstractmethod
    def values(self) -> tuple[Float[np.ndarray, "S Y"], tuple[str, ...]]:
        """Return the whole series, float64, and the names of its columns.

        Raises:
            ConfigError: if it cannot be read.
        """

    @abstractmethod
    def origin(self) -> str:
        """Return where the series comes from, for messages: a key and its value."""

    @property
    def increments(self) -> bool:
        return self.predict is Predict.increment

    def season_steps(self) -> int | None:
        return self.season or None

    def content(self) -> str:
        values, names = self.values()
        return hashlib.sha256(repr((names, values.shape)).encode() + values.tobytes()).hexdigest()

    def pieces(self) -> dict[str, list[Float[np.ndarray, "_ C"]]]:
        """Return the stretches without a gap of every split: what is forecast, and beside it what is given."""
        values = self.values()[0]
        return {name: [values[a:b]] for name, (a, b) in bounds(len(values), self.train, self.validation).items()}

    @property
    def room(self) -> int:
        """The steps of the longest window that each of several stretches has to have room for."""
        return max(self.length, self.own_warmup + (self.default_horizon or 0))

    def taken(self) -> dict[str, list[Float[np.ndarray, "_ C"]]]:
        """Return the stretches that have windows: all of a series in one piece, of several those that are long enough."""
        pieces = self.pieces()
        if all(len(some) == 1 for some in pieces.values()):
            return pieces
        return {name: [piece for piece in some if len(piece) >= self.least(name)] for name, some in pieces.items()}

    def least(self, split: str) -> int:
        """Return how many rows one of several stretches has at least."""
        return 3 * self.room if split == "train" else self.room + 1

    def check(self, length: int) -> None:
        taken, several = self.taken(), any(len(some) != 1 for some in self.pieces().values())
        for name, some in taken.items():
            if not some:
                longest = max((len(piece) for piece in self.pieces()[name]), default=0)
                raise ConfigError(
                    f"{self.origin()}: the longest stretch of the {name} part has {longest} rows; windows of {self.room} steps "
                    f"need {self.least(name)} (see task.train, task.longest_window)"
                )
        if several and length > self.room:
            raise ConfigError(
                f"{self.origin()}: sequences of {length} steps; stretches have room for {self.room} (see task.longest_window)"
            )
        smallest = min(sum(map(len, self._of_seed(taken["test"], seed))) for seed in range(self.test_shares))
        _test_shares.demand_room(sum(map(len, taken["test"])), smallest, self.test_shares, length, self.origin())
        sizes = {name: len(some[0]) for name, some in taken.items()}
        shortest, most = min(sizes.values()), self.reserve(sizes["train"])
        if not several and shortest <= length:
            raise ConfigError(
                f"{self.origin()}: the shortest split has {shortest} values; sequences of {length} steps need {length + 1} "
                "(see task.length, evaluation.horizon)"
            )
        if not several and most < length:
            raise ConfigError(
                f"{self.origin()}: sequences of {length} steps; the training part of {sizes['train']} values has room for "
                f"{most}, a third of it (see task.train, task.length, evaluation.horizon)"
            )

    def reserve(self, size: int) -> int:
        """Return the longest window that a part of `size` values leaves room for; shorter horizons do not move windows."""
        return min(max(RESERVE, 2 * self.length), size // 3)

    def build(self, seed: int, length: int) -> Data:
        self.check(length)
        names, inputs = self.columns_of()
        taken, width = self.taken(), len(names)
        train = np.concatenate(taken["train"])[:, None]
        mean, std = scaling(train)
        self._demand_change(std, train, (*names, *inputs))
        taken = {**taken, "test": self._of_seed(taken["test"], seed)}  # what is taken is kept for other seeds
        scaled = {name: [((piece - mean) / std).astype(np.float32) for piece in some] for name, some in taken.items()}
        self._demand_values(taken, scaled, (*names, *inputs))
        residual = _increments([piece[:, None, :width] for piece in scaled["train"]]) if self.increments else None
        if residual is not None:
            self._demand_increments(residual, names)
        return Data(
            windows=True,
            splits={name: joined([self._windows(piece, width, length) for piece in scaled[name]]) for name in SPLITS},
            inputs=len(inputs),
            outputs=width,
            mean=torch.from_numpy(mean[:width].astype(np.float32)),
            std=torch.from_numpy(std[:width].astype(np.float32)),
            input_mean=torch.from_numpy(mean[width:]),
            input_std=torch.from_numpy(std[width:]),
            residual=None if residual is None else torch.from_numpy(residual),
            fingerprint=_test_shares.name(self.content(), self.test_shares, seed),
        )

    def _of_seed(self, pieces: list[_Piece], seed: int) -> list[_Piece]:
        """The share of a seed: a stretch of a series in one piece, of several pieces every so manyth."""
        if len(pieces) == 1:
            begin, end = _test_shares.share((0, len(pieces[0])), self.test_shares, seed)
            return [pieces[0][begin:end]]
        return pieces[seed % self.test_shares :: self.test_shares]

    def columns_of(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Return the names of what is forecast, and of what is given."""
        return self.values()[1], ()

    def _windows(self, piece: Float[np.ndarray, "S C"], width: int, length: int) -> Sequences:
        stretch = torch.from_numpy(piece)
        given = stretch[:, width:] if stretch.shape[1] > width else None
        return windows(stretch[:, :width], length, self.reserve(len(piece)), given)

    def _demand_change(self, std: np.ndarray, train: np.ndarray, names: tuple[str, ...]) -> None:
        """Refuse a column that holds nothing to learn."""
        for name, spread, values in zip(names, std, np.moveaxis(train, -1, 0), strict=True):
            if np.ptp(values) == 0:
                raise ConfigError(f"{self.origin()}: column {name[:30]!r} is constant in the training part, {values.flat[0]:g}")
            if not spread > 1e-6 * np.abs(values).max():  # float32 resolves 1e-7
                raise ConfigError(
                    f"{self.origin()}: column {name[:30]!r} changes by less than a millionth of its size in the training part; "
                    "take off what is common to all values"
                )

    def _demand_values(
        self, taken: dict[str, list[np.ndarray]], scaled: dict[str, list[np.ndarray]], names: tuple[str, ...]
    ) -> None:
        """Refuse a column in which one value leaves nothing of the others in single precision, or lies beyond all scale."""
        for place, name in enumerate(names):
            where = f"{self.origin()}: column {one_line(name, 30)!r}"
            values, small = (np.concatenate([piece[:, place] for piece in each["train"]]) for each in (taken, scaled))
            if 2 * len(np.unique(small)) < len(np.unique(values)):
                value = values[np.abs(small).argmax()]
                raise ConfigError(
                    f"{where}: beside {value:.6g} most other values are one in single precision; missing, "
                    f"task.markers=[{value:.10g}]? if not, another unit"
                )
            for split, pieces in scaled.items():
                far = [piece[np.abs(piece[:, place]) > _FARTHEST, place] for piece in pieces]
                if (wild := np.concatenate(far)).size:
                    raise ConfigError(
                        f"{where}: a value of the {split} part is {abs(wild[0]):.2g} standard deviations of the training part "
                        "off; missing, or another unit?"
                    )

    def _demand_increments(self, residual: np.ndarray, names: tuple[str, ...]) -> None:
        for name, size in zip(names, residual, strict=True):
            if not size > 1e-6:
                raise ConfigError(
                    f"{self.origin()}: column {name[:30]!r} changes by the same amount at every step; choose task.predict=value"
                )

    def show(self, observed: Any) -> dict[str, Any]:
        """Return the true and the generated values of the first window, in their own units."""
        return orbit(observed, 1.0, self.columns_of()[0])


def _increments(pieces: list[np.ndarray]) -> np.ndarray:
    """Return the standard deviation of the change over one step, within stretches."""
    if len(pieces) == 1:
        return increments(pieces[0])
    spread: np.ndarray = np.concatenate([np.diff(piece, axis=0) for piece in pieces]).std((0, 1))
    return spread
