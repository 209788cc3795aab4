"""What is a study? A list of runs, asked for by name, and a folder with what came out of them.

`conf/study/NAME.yaml` holds a list of cases; each case is a product of axes, the study is their union. All studies share one
store of records, so a run that two of them ask for is done once.
"""

from __future__ import annotations

import hashlib
import json
import re
import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from freerun import checkpoints, plans, study_files
from freerun.claims import owners
from freerun.errors import ConfigError, CorruptRecord, StoreError, nearest
from freerun.grouping import Planned, plan
from freerun.launchers import Launcher
from freerun.outside import NotPlain, one_line
from freerun.progress import watcher
from freerun.store import Store, write_atomic
from freerun.yaml_files import read_yaml

KEYS = ("title", "question", "cases", "plugins")
#: What may have become of a run.
STATES = ("done", "diverged", "failed", "running", "pending")
#: Seconds between two looks at what another sweep is doing; how often a launcher may come back with nothing done.
WAIT, ROUNDS = 0.5, 3


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
    from freerun.compose import LARGEST, config_folder, experiments, presets

    if name.endswith((".yaml", ".yml")):
        path = Path(name)
    elif name in presets("study"):
        path = config_folder() / "study" / f"{name}.yaml"
    else:
        raise ConfigError(f"study {name!r}: unknown study; {nearest(name, presets('study'))}")
    content = read_yaml(path)
    for key in content:
        if key not in KEYS:
            raise ConfigError(f"{path.name}: unknown key {key!r}; {nearest(str(key), KEYS)}")
    cases = content.get("cases")
    if not isinstance(cases, list) or not cases or not all(isinstance(case, dict) for case in cases):
        raise ConfigError(f"{path.name}: cases must be a list of mappings, each a product of axes")
    plugins = _plugins(path, content.get("plugins", []))
    asked: dict[str, str] = {}
    for text in overrides:
        key, equals, value = text.partition("=")
        if not equals:
            raise ConfigError(f"{text}: not an override of the form key=value")
        asked[key] = value
    found = []
    for case in cases:
        axes = {str(key): _word(value) for key, value in case.items()} | asked
        found += experiments([*plugins, *(f"{key}={value}" for key, value in axes.items())], sweep=True)
        if len(found) > LARGEST:
            raise ConfigError(f"{path.name}: a study holds at most {LARGEST} runs in all its cases")
    command = " ".join(["freerun study", name, *overrides, *(["--as", alias] if alias else [])])
    return Study(
        name=folder_name(alias or path.stem), runs=plan(found), command=command, overrides=overrides,
        title=str(content.get("title", "")), question=str(content.get("question", "")),
    )  # fmt: skip


def folder_name(name: str) -> str:
    """The name of a study, which is that of its folder.

    Raises:
        ConfigError: if it could be anything else than one plain folder.
    """
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}", name):
        raise ConfigError(f"study {name!r}: a name is letters, digits, '_', '.' and '-', at most 64 of them")
    return name


def adhoc(overrides: list[str], *, sweep: bool) -> Study:
    """The study that a plain run or sweep is; its name is the hash of its runs, so two sweeps never meet.

    Raises:
        ConfigError: if an override is wrong.
    """
    from freerun.compose import experiments

    runs = plan(experiments(overrides, sweep=sweep))
    digest = hashlib.sha256(" ".join(sorted(run.id for run in runs)).encode()).hexdigest()[:8]
    command = " ".join(["freerun run", *(["-m"] if sweep else []), *overrides])
    return Study(name=f"run-{digest}", runs=runs, command=command, overrides=overrides)


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


def do(study: Study, place: Place, launcher: Launcher) -> dict[str, str]:
    """Do what is missing of a study; returns the reason for every run that failed.

    Runs that another sweep is doing are left to it and waited for; if it stops, they are done here.

    Raises:
        StoreError: if the folder for results cannot be used.
    """
    store = place.store
    store.open()
    _say_what_is_replaced(study, place)
    write_info(study, place)
    checkpoints.clear(store)
    plans.clear(store)
    missing = _missing(study.runs, store)
    finished = len(study.runs) - len(missing)
    runs = "1 run" if len(study.runs) == 1 else f"{len(study.runs)} runs"
    print(f"{study.name}: {runs}, {finished} done, {len(missing)} to do", flush=True)
    return _see_to(missing, store, launcher)


def _missing(runs: list[Planned], store: Store) -> list[Planned]:
    wanted = set(store.missing(run.id for run in runs))
    return [run for run in runs if run.id in wanted]


def _see_to(missing: list[Planned], store: Store, launcher: Launcher) -> dict[str, str]:
    """Have runs done, here or by whoever has claimed them."""
    taken = owners(store)
    for run in missing:
        if run.id not in taken:
            store.forget(run.id)
    failed: dict[str, str] = {}
    told, idle = False, 0
    while missing:
        taken = owners(store)
        free = [run for run in missing if run.id not in taken]
        if free:
            plans.write(store, free)
            pieces = launcher.pieces(free)
            with watcher(len(pieces)) as watch:
                launcher.launch(pieces, store, watch)
            if not launcher.waits:
                print("not waiting for them: freerun status shows how they get on, the same command makes the tables")
                break
            told = False
        else:
            if not told:
                print(f"waiting for {len(missing)} runs that another sweep is doing", flush=True)
            told = True
            time.sleep(WAIT)
        before = len(missing)
        missing = _missing(missing, store)
        reasons = {run.id: reason for run in missing if (reason := store.failure(run.id)) is not None}
        failed |= reasons
        missing = [run for run in missing if run.id not in reasons]
        idle = idle + 1 if free and len(missing) == before else 0
        if idle > ROUNDS:
            failed |= dict.fromkeys((run.id for run in missing), "the launcher came back without having done it")
            break
    return failed


def states(ids: Iterable[str], store: Store) -> dict[str, str]:
    """The state of every run, one of `STATES`."""
    wanted = list(ids)
    taken, found = owners(store), store.statuses(wanted)

    def undone(run: str) -> str:
        return "running" if run in taken else "pending" if store.failure(run) is None else "failed"

    return {run: found.get(run) or undone(run) for run in wanted}


def retry(name: str, place: Place, launcher: Launcher) -> dict[str, str] | None:
    """Try the failed runs of a study again; returns the reasons of those that fail again, None if none had failed.

    Raises:
        ConfigError: if there is no such study, or a run's plan is gone.
    """
    info, store = read_info(name, place), place.store
    store.open()
    wanted = [run for run, state in states(info["ids"], store).items() if state == "failed"]
    try:
        runs = [plans.read(store, run) for run in wanted]
    except CorruptRecord:
        raise ConfigError(f"study {name!r}: the plan of a failed run is gone; run: {info['command']}") from None
    return _see_to(runs, store, launcher) if runs else None


def settle(failed: dict[str, str]) -> int:
    """Say which runs have failed, a line each; returns the exit code of the sweep."""
    for identity, reason in failed.items():
        print(f"failed: {identity}: {one_line(reason)}", file=sys.stderr)
    return 1 if failed else 0


def _say_what_is_replaced(study: Study, place: Place) -> None:
    try:
        known = study_files.read(place.folder(study.name))["ids"]
    except (OSError, NotPlain):
        return
    if not (set(known) <= set(study.ids) or set(study.ids) <= set(known)):
        print(f"note: {place.folder(study.name)} held a study of {len(known)} other runs; --as NAME keeps both", flush=True)


def write_info(study: Study, place: Place) -> None:
    """Write results/NAME/study.json.

    Raises:
        StoreError: if the folder cannot be written to.
    """
    folder = place.folder(study.name)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_atomic(folder / study_files.NAME, (json.dumps(study.info(), indent=0) + "\n").encode())
    except OSError as fault:
        raise StoreError(f"{folder}: cannot be written to: {fault.strerror}") from None


def names(place: Place) -> list[str]:
    """The studies that have a folder."""
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
        raise ConfigError(f"{folder}/{study_files.NAME}: damaged ({fault}); run the study again") from None
    except OSError as fault:
        raise StoreError(f"{folder}/{study_files.NAME}: cannot be read: {fault.strerror}") from None
    store = place.store
    if started and info["ids"] and not any(store.path(run).exists() or store.failure(run) for run in info["ids"]):
        raise ConfigError(
            f"study {name!r}: none of its {len(info['ids'])} runs has a record in {store.root}; run: {info['command']}"
        )
    return info
