"""Named sweep: a study that was run before, asked for again by its name: as it was, with more seeds, or with other settings.

Its runs are those that its file describes, whoever made them: a command line, a study file or Python. What has a record is not
done again, so that asking for a sweep by its name resumes it.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from freerun.config.presets import presets
from freerun.errors import ConfigError
from freerun.execution.planned_run import Planned, plan
from freerun.io import key_value
from freerun.io.suggestions import nearest
from freerun.io.text import brief, command
from freerun.store.results_folder import SEARCH, THEN, Place, folder_name, names, read_info
from freerun.sweeps import experiment_file
from freerun.sweeps import study as studies
from freerun.sweeps.study import UNNAMED, Study, name_of, tell


def asked(name: str, overrides: list[str], alias: str | None, place: Place) -> Study:
    """Return a study by name: of the configuration, of a YAML file, or else one that was run before.

    Args:
        name: of it, or the path of its file.
        overrides: in Hydra's syntax; they replace or add an axis.
        alias: another name for its results.
        place: where results are.

    Raises:
        ConfigError: if there is none, or it is wrong.
    """
    known = presets("study")
    if name in known or name.endswith((".yaml", ".yml")):
        return studies.load(name, overrides, alias)
    if name in (run := names(place)):
        return again(name, place, overrides, alias)
    raise ConfigError(f"study {brief(name)}: unknown study; {nearest(name, dict.fromkeys([*known, *run]))}")


def again(name: str, place: Place, overrides: Sequence[str] = (), alias: str | None = None) -> Study:
    """Return a study that was run before; overrides replace or add an axis of all its conditions.

    Args:
        name: of its folder.
        place: where results are.
        overrides: in Hydra's syntax, and `plugins=[...]`, which have to be named.
        alias: another name for its results; None for the same.

    Raises:
        ConfigError: if there is none, it is a search or a part of a study, a part of a run is missing or has changed, or an
            override is wrong.
    """
    info = read_info(name, place, started=False)
    if info.get("part") is not None:
        raise ConfigError(f"{name}: is a part of a study; what is left of it does{_hint(place.command('retry', name))}")
    if (place.folder(name) / SEARCH).exists():
        raise ConfigError(f"{name}: is a search, which goes on with its own command{_hint(place.again(info['command']))}")
    changed = [word for word in overrides if key_value.key_of(word) != "plugins"]
    if changed:
        runs = plan(_with(info, overrides))
    else:
        runs = plan(experiment_file.of_canonical(info["planned"].values(), overrides, source=name))
    tell(run.experiment for run in runs)
    if not changed and (other := sum(run.id not in info["planned"] for run in runs)):
        print(f"note: {name}: {other} of {len(runs)} runs are measured otherwise than they were", file=sys.stderr)
    study = Study(
        name=folder_name(alias or name), runs=runs, command=str(info["command"]), title=info["title"],
        question=info["question"], overrides=info["overrides"], margin=info.get("margin"), figures=info.get("figures"),
        budget=info.get("budget"),
        tuned=_tuned(info, runs, changed),
    )  # fmt: skip
    return study if set(study.ids) == set(info["ids"]) and alias is None else _renamed(study, name, overrides, alias)


def extended(study: Study, seeds: Iterable[int]) -> Study:
    """Return a study whose every condition is run on further seeds, beside those that it has.

    Raises:
        ConfigError: if a seed is no whole number, an experiment cannot have it, or methods were tuned on it.
    """
    wanted, runs = list(dict.fromkeys(seeds)), list[Planned]()
    for of_condition in _by_condition(study.runs).values():
        first = of_condition[0].experiment
        runs += [*of_condition, *plan([replace(first, seed=seed) for seed in wanted])]
    every = list({run.id: run for run in runs}.values())
    if len(every) == len(study.runs):
        return study
    more = replace(study, runs=every, jobs=[], tuned=_tuned(study.info(), every, ["seed="]))
    return _renamed(more, study.name, [f"seed={','.join(str(seed) for seed in _seeds(every))}"], None)


def _renamed(study: Study, before: str, overrides: Sequence[str], alias: str | None) -> Study:
    """The study under its name, with the commands that lead to it: that of the study before it, and what has changed it.

    A sweep that was given no name has that of its runs.
    """
    name = study.name
    if alias is None and before.startswith(UNNAMED) and study.runs:
        name = name_of(study.runs)
    words = ["study", before, *overrides, *([] if name == before else ["--as", name])]
    then = command(words)
    first = study.command.removesuffix(then).removesuffix(THEN)
    return replace(study, name=name, command=f"{first}{THEN}{then}" if first else then)


def _with(info: Mapping[str, Any], overrides: Sequence[str]) -> list[Any]:
    return experiment_file.of_trees(info["planned"].values(), overrides, sweep=True, source=str(info["name"]))


def _tuned(info: Mapping[str, Any], runs: Iterable[Planned], changed: Sequence[str]) -> dict[str, Any] | None:
    """What was chosen for the methods of a study whose runs are others now, which may differ in their seeds alone.

    Raises:
        ConfigError: if they may differ in more, or a seed is one that was tuned on.
    """
    tuned = info.get("tuned")
    if tuned is None or not changed:
        return tuned
    name, runs = info["name"], list(runs)
    if other := next((word for word in changed if key_value.key_of(word) != "seed"), None):
        raise ConfigError(f"{brief(other)}: the methods of {name} were tuned; more seeds is all that it can have by its name")
    if taken := sorted({run.experiment.seed for run in runs} & set(tuned["seeds"])):
        raise ConfigError(f"seed={taken[0]}: the methods of {name} were tuned on this seed; choose others")
    groups = _by_condition(runs)
    group_of = {run.trained: group for group in groups.values() for run in group}
    methods = []
    for method in tuned["methods"]:
        kept = {id(group): group for run in method["runs"] if (group := group_of.get(run)) is not None}
        methods.append({**method, "runs": [run.trained for group in kept.values() for run in group]})
    return {**tuned, "methods": methods}


def _by_condition(runs: Iterable[Planned]) -> dict[str, list[Planned]]:
    """The runs of each condition, which is the whole setting without the seed."""
    groups: dict[str, list[Planned]] = {}
    for run in runs:
        groups.setdefault(repr({key: value for key, value in run.tree.items() if key != "seed"}), []).append(run)
    return groups


def _seeds(runs: Iterable[Planned]) -> list[int]:
    return sorted({run.experiment.seed for run in runs})


def _hint(line: str) -> str:
    return f": {line}"
