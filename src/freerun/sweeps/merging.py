"""Merging of results: the parts of a study that several machines did, united into one.

The records are taken into one store (`freerun.store.merging`); of the parts of a study its file is made, as one sweep writes
it. Tables and report are then made of the records, as always.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from freerun.errors import ConfigError, StoreError
from freerun.store import merging, study_file
from freerun.store.claims import locked
from freerun.store.merging import Survey
from freerun.store.records import Store
from freerun.store.results_folder import Place, demand_study, names, read_info, write_info
from freerun.sweeps.cleaning import refuse_at_work
from freerun.sweeps.sweep import DONE, states

#: What two files of one study have to say alike; the command, for one, holds paths of its machine.
_ALIKE = ("ids", "title", "question", "margin", "figures", "budget", "tuned")
#: What is written of a study beside its name, in the order of `Study.info`, so that the file is the one of a single sweep.
_WRITTEN = ("title", "question", "command", "overrides", "ids", "planned", "margin", "figures", "budget", "tuned")


@dataclass(kw_only=True)
class United:
    """A study of which results are merged.

    Attributes:
        content: what its file says, by key, without its name.
        parts: those that are there, by how many there are in all: their numbers.
        part_of: by how many parts there are in all, the number of the part of each run, by identity.
        place: the folder that said so, for messages.
    """

    name: str
    content: dict[str, Any]
    place: str
    parts: dict[int, set[int]] = field(default_factory=dict)
    part_of: dict[int, dict[str, int]] = field(default_factory=dict)

    @property
    def ids(self) -> list[str]:
        """The identities of its runs."""
        return list(self.content["ids"])

    def info(self) -> dict[str, Any]:
        """The study as it is written to results/NAME/study.json."""
        return {"name": self.name, **{key: self.content[key] for key in _WRITTEN if key in self.content}}

    def missing(self, undone: Sequence[str]) -> Iterator[str]:
        """Yield in words what is missing of each part.

        Args:
            undone: the runs without a record.
        """
        left = set(undone)
        for of, present in sorted(self.parts.items()):
            numbers = self.part_of[of]
            size, lacking = Counter(numbers.values()), Counter(numbers[run] for run in numbers if run in left)
            for number in sorted(lacking):
                part, all_of_it = f"part {number} of {of}", "1 run" if size[number] == 1 else f"{size[number]} runs"
                if number in present:
                    yield f"{part}: {lacking[number]} of its {all_of_it} not done"
                else:
                    yield f"{part}: is not there, {all_of_it}"


def merge(place: Place, sources: Sequence[Place]) -> tuple[Survey, list[United]]:
    """Unite results of several folders in one; return what was found, and the studies of these folders.

    Records that are there already are kept, so that a merge which was interrupted goes on when it is asked for again, and a
    part that comes later is added.

    Args:
        place: where to, which may hold results.
        sources: where from; nothing is changed there.

    Raises:
        ConfigError: if a folder holds no results or is given twice, or two hold other runs under one name.
        StoreError: if a sweep is at work on one, two hold a record differently, or the disk refuses.
    """
    _demand_apart([place, *sources])
    for source in sources:
        _demand_results(source)
        refuse_at_work(source)
    united = list(_united(place, sources).values())
    for study in united:
        demand_study(place.folder(study.name))
    stores = [source.store for source in sources]
    survey = None
    if not place.store.root.is_dir():
        survey = _surveyed(place, stores)  # before a folder is made
    place.store.open()
    with locked(place.store):
        if survey is None or next(place.store.runs(), None) is not None:
            survey = _surveyed(place, stores)
        merging.take(place.store, survey)
        merging.take_unfinished(place.store, stores)
        for study in united:
            write_info(study, place)
    return survey, united


def undone(study: United, place: Place) -> dict[str, str]:
    """Return the runs of a study that have no record, with the state of each."""
    return {run: state for run, state in states(study.ids, place.store).items() if state not in DONE}


def _united(place: Place, sources: Sequence[Place]) -> dict[str, United]:
    """Return the studies of some folders, a part as what it is a part of.

    Raises:
        ConfigError: if one cannot be read, or two are of other runs.
    """
    united: dict[str, United] = {}
    for source in sources:
        for name in names(source):
            info = read_info(name, source, started=False)
            study = _whole(info, str(source.results / name))
            known = united.setdefault(study.name, study)
            _demand_alike(known, study)
            if (part := info.get("part")) is not None:
                known.parts.setdefault(part["of"], set()).add(part["number"])
                known.part_of[part["of"]] = dict(zip(study.ids, part["parts"], strict=True))
    there = set(names(place))
    for name in there.intersection(united):
        _demand_alike(_whole(read_info(name, place, started=False), str(place.results / name)), united[name])
    return united


def _whole(info: dict[str, Any], folder: str) -> United:
    """Return what a folder says of a study, or of the whole that its study is a part of.

    Raises:
        ConfigError: if the name of the folder is not that of its part.
    """
    part = info.get("part")
    name, content = info["name"], info
    if part is not None:
        name, content = study_file.whole_name(name, part["number"], part["of"]), part["whole"]
    return United(name=name, content={key: value for key, value in content.items() if key != "name"}, place=folder)


def _demand_alike(one: United, other: United) -> None:
    def said(study: United, key: str) -> Any:
        value = study.content.get(key)
        if key != "tuned" or value is None:
            return value
        return {**value, "methods": [{**method, "seconds": 0} for method in value["methods"]]}

    if differing := [key for key in _ALIKE if said(one, key) != said(other, key)]:
        what = "other runs" if "ids" in differing else f"another {differing[0]}"
        raise ConfigError(f"study {one.name!r}: {one.place} and {other.place} have {what}; nothing was merged")


def _demand_apart(places: Sequence[Place]) -> None:
    seen: dict[str, Place] = {}
    for place in places:
        first = seen.setdefault(str(place.results.resolve()), place)
        if first is places[0] and first is not place:
            raise ConfigError(f"{place.results}: is where the results go; leave it out, or choose other --results")
        if first is not place:
            raise ConfigError(f"{place.results}: is given twice; give every folder of results once")


def _demand_results(place: Place) -> None:
    """Refuse a folder without results, with the one that is meant where that can be told."""
    if place.store.root.is_dir():
        return
    folder = place.results
    inner, outer = folder / "results", folder.parent
    meant = next((str(near) for near in (inner, outer) if (near / ".store").is_dir()), "")
    raise ConfigError(f"{folder}: there are no results here{f'; is it {meant}?' if meant else ''}")


def _surveyed(place: Place, stores: Sequence[Store]) -> Survey:
    """Return what is to be taken of some stores.

    Raises:
        StoreError: if two hold a record differently, naming the first.
    """
    survey = merging.survey(place.store, stores)
    if survey.conflicts:
        more = f" (and {len(survey.conflicts) - 1} more)" if len(survey.conflicts) > 1 else ""
        raise StoreError(f"{survey.conflicts[0]}{more}; nothing was merged")
    return survey
