"""Study file: what results/NAME/study.json says of the study that was run there, typed, as far as it can be believed.

The folder's name is the name of the study, whatever the file says: a name from a file never becomes a path.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from copy import deepcopy
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec

from freerun.errors import ConfigError
from freerun.io.reading import LARGEST_JSON, NotPlain, content
from freerun.io.text import one_line
from freerun.store.record_types import LARGEST, Count, EitherIdentity, Identity, experiment

NAME = "study.json"
SEED = "seed"
#: Of what a study can say that all methods are given as much, so that each has updates of its own.
BUDGETS = ("steps", "products")
#: Most parts that a study is divided into.
LARGEST_DIVISION = 100_000


class Trial(msgspec.Struct, kw_only=True):
    """A point that was tried of a method.

    Attributes:
        settings: by key, as they are typed.
        runs: its runs, one a seed.
        value: of the target, the mean over its runs; None where a run diverged or failed, or the trial was pruned.
        state: what became of it, in words.
        lost: whether it has no value since a run diverged; such a point is as bad as can be.
        pruned: whether it was given up before the end of its training.
        updates: for which each of its runs was trained.
    """

    settings: dict[str, str]
    runs: list[EitherIdentity]
    value: Annotated[float, msgspec.Meta(ge=-1e300, le=1e300)] | None
    state: str
    lost: bool
    pruned: bool
    updates: Count


class Target(msgspec.Struct, kw_only=True):
    """In what the chosen trial of a method is best."""

    metric: str
    mode: str
    split: str
    maximize: bool


class Method(msgspec.Struct, kw_only=True):
    """A method that was tuned.

    Attributes:
        runs: the trained runs of the study that are run as was chosen.
        chosen: the settings that were chosen.
        trials: in the order in which they were tried.
        updates, steps, products, seconds: what all its trials took: gradient steps; steps of sequences that were rolled out;
            products of weights in these (0 where they were not counted); seconds of training, by the records.
        target: in what the chosen trial is best; left out where it is that of all methods.
    """

    runs: list[Identity]
    chosen: dict[str, str]
    trials: list[Trial]
    updates: Count
    steps: Count
    products: Annotated[float, msgspec.Meta(ge=0.0, le=1e30)] = 0.0
    seconds: Annotated[float, msgspec.Meta(ge=0.0, le=1e15)]
    target: Target | msgspec.UnsetType = msgspec.UNSET

    def __post_init__(self) -> None:
        if not any(trial.settings == self.chosen and trial.value is not None for trial in self.trials):
            raise ValueError("what was chosen for a method is none of its trials with a value")


class Tuned(msgspec.Struct, kw_only=True):
    """How the methods of a study were tuned.

    Attributes:
        axes: what was tuned: the values of each key, as they are typed.
        sampler: what chose the points.
        pruner: what ended trials early.
        metric, mode, split, maximize: the target of all methods; where each has its own, the names of what was asked for, and
            mode, split and direction of the first.
        seeds: what each point was averaged over.
    """

    axes: dict[str, str]
    sampler: Literal["grid", "random", "optuna"]
    pruner: Literal["none", "halving"]
    metric: str
    mode: str
    split: str
    maximize: bool
    seeds: list[int]
    methods: Annotated[list[Method], msgspec.Meta(min_length=1)]


class Part(msgspec.Struct, kw_only=True):
    """What a study is a part of, which one machine of several does.

    Attributes:
        number: which of the parts, from 1 on.
        of: how many parts there are.
        parts: the number of the part of each run of the whole, in its order.
        whole: the study of all parts, as its file describes it.
    """

    number: Annotated[int, msgspec.Meta(ge=1)]
    of: Annotated[int, msgspec.Meta(ge=1, le=LARGEST_DIVISION)]
    parts: list[Annotated[int, msgspec.Meta(ge=1)]]
    whole: StudyFile

    def __post_init__(self) -> None:
        if self.whole.part is not msgspec.UNSET or len(self.parts) != len(self.whole.ids):
            raise ValueError("it is a part of no whole study")
        if max([self.number, *self.parts]) > self.of:
            raise ValueError(f"it has a part beyond the last, {self.of}")

    @property
    def ids(self) -> list[str]:
        """The identities of the runs of this part."""
        return [run for run, number in zip(self.whole.ids, self.parts, strict=True) if number == self.number]


class StudyFile(msgspec.Struct, kw_only=True):
    """A study as its file describes it.

    Attributes:
        ids: the identities of its measurements, in their order.
        planned: the canonical experiment of each, by identity; or the number of its condition in `conditions`, and its seed.
        conditions: canonical experiments without seeds, each once; of a branch that `branches` has, its number there.
        branches: by key of an experiment (`task`, `training`, ...) the different branches that its runs have, each once.
        title, question, command: its title, its question, and the command that started it.
        overrides: the settings of that command.
        margin: the change within which two methods are equivalent, a share; the default of the report where it is left out.
        figures: that its report shows, by name or kind; the usual ones where they are left out.
        budget: the work of training of which all methods are given as much; left out where nothing is said of it.
        tuned: how its methods were tuned; left out where they were not.
        part: of which study it is a part; left out for a whole one.
    """

    ids: list[EitherIdentity]
    planned: dict[EitherIdentity, dict[str, Any] | tuple[int, int]]
    conditions: list[dict[str, Any]] = msgspec.field(default_factory=list)
    branches: dict[str, list[dict[str, Any]]] = msgspec.field(default_factory=dict)
    title: str = ""
    question: str = ""
    command: str = ""
    overrides: list[str] = msgspec.field(default_factory=list)
    margin: Annotated[float, msgspec.Meta(gt=0, lt=1)] | msgspec.UnsetType = msgspec.UNSET
    figures: Annotated[list[str], msgspec.Meta(min_length=1)] | msgspec.UnsetType = msgspec.UNSET
    budget: Literal["steps", "products"] | msgspec.UnsetType = msgspec.UNSET
    tuned: Tuned | msgspec.UnsetType = msgspec.UNSET
    part: Part | msgspec.UnsetType = msgspec.UNSET

    def __post_init__(self) -> None:
        trees = {run: _unfolded(_whole(tree, self.conditions), self.branches) for run, tree in self.planned.items()}
        self.planned, self.conditions, self.branches = {**trees}, [], {}
        if self.ids != list(self.planned):
            raise ValueError("its runs are not those that it planned")
        if self.part is not msgspec.UNSET and self.ids != self.part.ids:
            raise ValueError("its runs are not those of its part of the whole")
        for run, tree in trees.items():
            if not -LARGEST <= experiment(tree).seed < LARGEST:
                raise ValueError(f"the seed of run {run} is beyond 64 bits")


_STUDY = msgspec.json.Decoder(StudyFile)


def folded(info: Mapping[str, Any]) -> dict[str, Any]:
    """Return a study as its file has it: each condition and each branch of its experiments once, for many runs share a few."""
    branches: dict[str, list[dict[str, Any]]] = {}
    conditions: dict[str, int] = {}
    order: list[dict[str, Any]] = []

    def number(key: str, branch: dict[str, Any]) -> int:
        known = branches.setdefault(key, [])
        if branch not in known:
            known.append(branch)
        return known.index(branch)

    def condition(tree: Mapping[str, Any]) -> int:
        alike = {key: number(key, value) if isinstance(value, dict) else value for key, value in tree.items()} | {SEED: None}
        text = json.dumps(alike)
        if text not in conditions:
            conditions[text] = len(order)
            order.append(alike)
        return conditions[text]

    planned = {run: [condition(tree), tree[SEED]] for run, tree in info["planned"].items()}
    return {**info, "planned": planned, "conditions": order, "branches": branches}


def _whole(tree: Mapping[str, Any] | tuple[int, int], conditions: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    """An experiment; the one of a condition has its seed in the place that the condition keeps for it."""
    if isinstance(tree, Mapping):
        return tree
    number, seed = tree
    if not 0 <= number < len(conditions) or conditions[number].get(SEED, number) is not None:
        raise ValueError("a run has a condition that is none of its study's")
    return {**conditions[number], SEED: seed}


def _unfolded(tree: Mapping[str, Any], branches: Mapping[str, list[dict[str, Any]]]) -> dict[str, Any]:
    """An experiment with its branches in place of their numbers, each its own."""

    def branch(key: str, value: Any) -> Any:
        if key not in branches or isinstance(value, dict):
            return value
        if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < len(branches[key]):
            raise ValueError(f"a run has a branch {key} that is none of its study's")
        return deepcopy(branches[key][value])

    return {key: branch(key, value) for key, value in tree.items()}


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
    for name in ("tuned", "part"):
        if fields[name] is not msgspec.UNSET:
            fields[name] = msgspec.to_builtins(fields[name])
    return {key: value for key, value in fields.items() if value is not msgspec.UNSET and key not in ("conditions", "branches")}


def part_name(whole: str, number: int, of: int) -> str:
    """Return the name of a part of a study, which is that of its folder."""
    return f"{whole}.part{number}of{of}"


def whole_name(name: str, number: int, of: int) -> str:
    """Return the name of the study that a folder holds a part of.

    Raises:
        ConfigError: if the folder has another name than that of this part.
    """
    whole = name.removesuffix(part_name("", number, of))
    if whole in ("", name):
        wanted = part_name("NAME", number, of)
        raise ConfigError(f"{name}: holds part {number} of {of} of a study, whose folder has to be named {wanted}")
    return whole


def is_margin(value: object) -> bool:
    """Return whether a value can be the margin of a study: a number above 0 and below 1."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and 0 < value < 1
