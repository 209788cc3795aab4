"""What is a study? A list of runs, asked for by name, and a folder with what came out of them.

`conf/study/NAME.yaml` holds a list of cases; each case is a product of axes, the study is their union. All studies share one
store of records, so a run that two of them ask for is done once.
"""

from __future__ import annotations

import hashlib
import json
import re
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from freerun import manifest, study_files
from freerun.errors import ConfigError, StoreError, nearest, refused
from freerun.files import sweep_temporaries, write_atomic
from freerun.grouping import Planned, plan
from freerun.outside import NotPlain
from freerun.store import Store
from freerun.yaml_files import read_yaml

KEYS = ("title", "question", "cases", "plugins")
#: What a search leaves beside its study (`freerun.search`).
SEARCH = "search.json"


@dataclass(kw_only=True)
class Study:
    """A named list of planned runs.

    Attributes:
        title, question: for the report.
        command: the command line that asks for it.
    """

    name: str
    runs: list[Planned]
    command: str
    title: str = ""
    question: str = ""
    overrides: list[str] = field(default_factory=list)

    @property
    def ids(self) -> list[str]:
        """The identities of its runs."""
        return [run.id for run in self.runs]

    def info(self) -> dict[str, Any]:
        """The study as it is written to results/NAME/study.json."""
        return {
            "name": self.name,
            "title": self.title or self.name.replace("_", " "),
            "question": self.question,
            "command": self.command,
            "overrides": self.overrides,
            "ids": self.ids,
            "planned": {run.id: run.tree for run in self.runs},
        }


@dataclass(kw_only=True)
class Place:
    """Where results go: a folder for each study, one store for all.

    Attributes:
        results: the folder of all results.
    """

    results: Path

    @property
    def store(self) -> Store:
        """The store of records."""
        return Store(self.results / ".store")

    def folder(self, name: str) -> Path:
        """The folder of a study."""
        return self.results / name


def load(name: str, overrides: list[str], alias: str | None = None) -> Study:
    """A study by name, or by the path of a YAML file; overrides replace or add an axis in each of its cases.

    Args:
        alias: another name for its results.

    Raises:
        ConfigError: if there is no such study or it is wrong.
    """
    from freerun.compose import experiments
    from freerun.overrides import LARGEST
    from freerun.presets import config_folder, presets

    if name.endswith((".yaml", ".yml")):
        path = Path(name)
    elif name in presets("study"):
        path = config_folder() / "study" / f"{name}.yaml"
    else:
        raise ConfigError(f"study {name!r}: unknown study; {nearest(name, presets('study'))}")
    folder = folder_name(path.stem if alias is None else alias)
    content = read_yaml(path)
    for key in content:
        if key not in KEYS:
            raise ConfigError(f"{path.name}: unknown key {key!r}; {nearest(str(key), KEYS)}")
    cases = content.get("cases")
    if not isinstance(cases, list) or not cases or not all(isinstance(case, dict) for case in cases):
        raise ConfigError(f"{path.name}: cases must be a list of mappings, each a product of axes")
    for key in ("title", "question"):
        if not isinstance(content.get(key, ""), str):
            raise ConfigError(f"{path.name}: {key} must be text; put it in quotes, or leave it out")
    plugins = _plugins(path, content.get("plugins", []))
    asked: dict[str, str] = {}
    for text in overrides:
        key, equals, value = text.partition("=")
        if not equals:
            raise ConfigError(f"{text}: not an override of the form key=value")
        asked[key] = value
    found = []
    for number, case in enumerate(cases, 1):
        if empty := next((key for key, value in case.items() if value == [] and key not in asked), None):
            raise ConfigError(f"{path.name}, case {number}: {empty}: an empty list; give it a value, or leave the key out")
        axes = {str(key): _word(value) for key, value in case.items()} | asked
        try:
            found += experiments([*plugins, *(f"{key}={value}" for key, value in axes.items())], sweep=True)
        except ConfigError as fault:
            if str(fault).startswith(tuple(f"{key}=" for key in asked)):  # which is not the file's
                raise
            raise ConfigError(f"{path.name}, case {number}: {fault}") from None
        if len(found) > LARGEST:
            raise ConfigError(f"{path.name}: a study holds at most {LARGEST} runs in all its cases")
    command = " ".join(["freerun study", name, *overrides, *_as(alias)])
    return Study(
        name=folder, runs=plan(found), command=command, overrides=overrides,
        title=content.get("title", ""), question=content.get("question", ""),
    )  # fmt: skip


def folder_name(name: str) -> str:
    """The name of a study, which is that of its folder.

    Raises:
        ConfigError: if it could be anything else than one plain folder.
    """
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}", name):
        raise ConfigError(f"study {name!r}: a name is letters, digits, '_', '.' and '-', at most 64 of them")
    return name


def _as(alias: str | None) -> list[str]:
    return [] if alias is None else ["--as", alias]


def adhoc(overrides: list[str], *, sweep: bool, alias: str | None = None) -> Study:
    """The study that a plain run or sweep is; its name is the hash of its runs, so two sweeps never meet.

    Args:
        overrides: in Hydra's syntax.
        sweep: take several values of a key as a sweep.
        alias: another name for its results.

    Raises:
        ConfigError: if an override or the name is wrong.
    """
    from freerun.compose import experiments

    name = None if alias is None else folder_name(alias)
    runs = plan(experiments(overrides, sweep=sweep))
    digest = hashlib.sha256(" ".join(sorted(run.id for run in runs)).encode()).hexdigest()[:8]
    command = " ".join(["freerun run", *(["-m"] if sweep else []), *overrides, *_as(alias)])
    return Study(name=name or f"run-{digest}", runs=runs, command=command, overrides=overrides)


def _word(value: Any) -> str:
    """A value of a case in the words of an override: a list is an axis, a list in it one value."""
    if isinstance(value, list):
        return ",".join(f"[{_word(item)}]" if isinstance(item, list) else _word(item) for item in value)
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    text = str(value)
    if isinstance(value, str) and not re.fullmatch(r"[\w.+-]+|(range|interval|choice)\([^()]*\)", text):
        return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
    return text


def _plugins(study: Path, value: Any) -> list[str]:
    """The plugins of a study file as an override; their paths are relative to the file."""
    paths = value if isinstance(value, list) else [value]
    if not all(isinstance(each, str) for each in paths):
        raise ConfigError(f"{study.name}: plugins must be a list of paths")
    return [f"plugins=[{','.join(_word(str(study.parent / each)) for each in paths)}]"] if paths else []


def say_what_is_replaced(study: Study, place: Place) -> bool:
    """Tell of a folder that holds another study, which is about to be replaced; returns whether runs go that were there."""
    folder = place.folder(study.name)
    try:
        known = study_files.read(folder)["ids"]
    except OSError:
        return False
    except NotPlain:  # whatever it was
        return True
    if not (set(known) <= set(study.ids) or set(study.ids) <= set(known)):
        what = f"{len(known)} other runs; what was made of them goes, their records stay"
        print(f"note: {folder} holds a study of {what}; another name with --as keeps both", flush=True)
    return not set(known) <= set(study.ids)


def demand_study(folder: Path) -> None:
    """See that a folder that is to hold a study holds nothing else.

    Raises:
        ConfigError: if it does.
    """
    with suppress(FileNotFoundError, NotADirectoryError):
        held = {path.name for path in folder.iterdir() if not path.name.startswith(".")}
        if held and study_files.NAME not in held and held != {SEARCH}:
            raise ConfigError(f"{folder}: holds files but no {study_files.NAME}, so no study; choose another name with --as")


def make_way(study: Study, place: Place) -> None:
    """Remove what was made of a study whose place another one takes: what Freerun wrote, nothing of anybody else.

    Raises:
        StoreError: if the disk refuses.
    """
    folder = place.folder(study.name)
    if say_what_is_replaced(study, place):
        try:
            manifest.remove_made(folder)
            (folder / SEARCH).unlink(missing_ok=True)
        except OSError as fault:
            raise refused(folder, "cannot be replaced", fault) from None


def write_info(study: Study, place: Place) -> None:
    """Write results/NAME/study.json.

    Raises:
        StoreError: if the folder cannot be written to.
    """
    folder = place.folder(study.name)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        sweep_temporaries(folder)
        write_atomic(folder / study_files.NAME, (json.dumps(study.info(), indent=0) + "\n").encode())
    except OSError as fault:
        raise refused(folder, "cannot be written to", fault) from None


def names(place: Place) -> list[str]:
    """The studies that have a folder.

    Raises:
        StoreError: if the folder of all results is none.
    """
    if place.results.exists() and not place.results.is_dir():
        raise StoreError(f"{place.results}: is not a folder")
    return sorted(path.parent.name for path in place.results.glob("*/study.json"))


def read_info(name: str, place: Place, *, started: bool = True) -> dict[str, Any]:
    """The study that was run under a name.

    Args:
        name: of its folder.
        place: where results are.
        started: refuse a study of which no run has been tried.

    Raises:
        ConfigError: if there is none, or its file is damaged.
    """
    folder = place.folder(folder_name(name))
    try:
        info = study_files.read(folder)
    except FileNotFoundError:
        known = names(place)
        hint = nearest(name, known) if known else "run one first, for example: freerun study first_look"
        raise ConfigError(f"study {name!r}: nothing under {place.results}; {hint}") from None
    except NotPlain as fault:
        remedy = f"run the study again, or: freerun clean {folder.name} --yes"
        raise ConfigError(f"{folder}/{study_files.NAME}: damaged ({fault}); {remedy}") from None
    except OSError as fault:
        raise refused(folder / study_files.NAME, "cannot be read", fault) from None
    store = place.store
    if started and info["ids"] and not any(store.path(run).exists() or store.failures.reason(run) for run in info["ids"]):
        runs = "its run has no record" if len(info["ids"]) == 1 else f"none of its {len(info['ids'])} runs has a record"
        raise ConfigError(f"study {name!r}: {runs} in {store.root}; this does what is missing: freerun retry {name}")
    return info
