"""Study: a list of runs, asked for by name.

`conf/study/NAME.yaml` holds a list of cases; each case is a product of axes, the study is their union. All studies share one
store of records, so a run that two of them ask for is done once.
"""

from __future__ import annotations

import hashlib
import re
import sys
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from freerun.errors import ConfigError
from freerun.execution.planned_run import Planned, plan
from freerun.io import key_value
from freerun.io.suggestions import nearest
from freerun.io.text import brief, one_line
from freerun.io.text import command as pasted
from freerun.io.yaml import read_yaml
from freerun.parts import earlier_run
from freerun.store.records import IDENTITY
from freerun.store.results_folder import folder_name
from freerun.store.study_file import BUDGETS, is_margin
from freerun.sweeps import experiment_file

if TYPE_CHECKING:
    from freerun.config.experiment import Experiment

#: How the name of a sweep begins that was given none.
UNNAMED = "run-"
#: What a study file holds for a quick look at what it does, and the setting that asks for it.
QUICK = "quick"
KEYS = ("title", "question", "margin", "figures", "budget", "cases", "plugins", "tune", QUICK)
#: Settings that are files, which a study file names relative to itself; an earlier run may be an identity instead.
FILES = ("task.path", "task.file", *earlier_run.KEYS)


@dataclass(kw_only=True)
class Study:
    """A named list of planned runs.

    Attributes:
        title, question: for the report.
        command: the command line that asks for it.
        margin: the change that is held for none in its report, a share (`freerun.analysis.inference.equivalence`); None for
            the usual one.
        figures: that its report shows, by name or kind (`freerun.analysis.figures`); None for the usual ones.
        budget: the work of training of which all methods are given as much, `steps` or `products`, with updates of their own;
            None where the study says nothing of it.
        jobs: the overrides of each run, of a study that was read from a file.
        tune: what the file says of tuning (`freerun.sweeps.search.tuning`); None for nothing.
        tuned: what was chosen for each method, as `freerun.store.study_file.Tuned` has it; None where nothing was tuned.
        part: of which study it is a part, as `freerun.store.study_file.Part` has it; None for a whole one.
    """

    name: str
    runs: list[Planned]
    command: str
    title: str = ""
    question: str = ""
    overrides: list[str] = field(default_factory=list)
    margin: float | None = None
    figures: list[str] | None = None
    budget: str | None = None
    jobs: list[tuple[str, ...]] = field(default_factory=list)
    tune: object = None
    tuned: dict[str, Any] | None = None
    part: dict[str, Any] | None = None

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
            **({} if self.margin is None else {"margin": self.margin}),
            **({} if self.figures is None else {"figures": self.figures}),
            **({} if self.budget is None else {"budget": self.budget}),
            **({} if self.tuned is None else {"tuned": self.tuned}),
            **({} if self.part is None else {"part": self.part}),
        }


def load(name: str, overrides: list[str], alias: str | None = None) -> Study:
    """A study by name, or by the path of a YAML file; overrides replace or add an axis in each of its cases.

    Args:
        name: of a study that comes with Freerun, or the path of a file.
        overrides: in Hydra's syntax; ``quick=true`` takes the settings that the file declares for a quick look, under the name
            of the study with ``_quick`` behind it.
        alias: another name for its results.

    Raises:
        ConfigError: if there is no such study or it is wrong, or it has no quick settings and they are asked for.
    """
    from freerun.config.hydra.compose import jobs, of_jobs
    from freerun.config.hydra.overrides import LARGEST
    from freerun.config.presets import config_folder, presets

    if name.endswith((".yaml", ".yml")):
        path = Path(name)
    elif name in presets("study"):
        path = config_folder() / "study" / f"{name}.yaml"
    else:
        raise ConfigError(f"study {brief(name)}: unknown study; {nearest(name, presets('study'))}")
    if experiment_file.holds_experiments(name):
        raise ConfigError(f"{path.name}: holds experiments that --cfg job has printed; {pasted(('run', str(path)))} does them")
    content = read_yaml(path)
    for key in content:
        if key not in KEYS:
            raise ConfigError(f"{path.name}: unknown key {brief(key)}; {nearest(str(key), KEYS)}")
    cases = content.get("cases")
    if not isinstance(cases, list) or not cases or not all(isinstance(case, dict) for case in cases):
        raise ConfigError(f"{path.name}: cases must be a list of mappings, each a product of axes")
    for key in ("title", "question"):
        if not isinstance(content.get(key, ""), str):
            raise ConfigError(f"{path.name}: {key} must be text; put it in quotes, or leave it out")
    margin = content.get("margin")
    if margin is not None and not is_margin(margin):
        raise ConfigError(f"{path.name}: margin must be a number between 0 and 1, got {brief(margin)}; 0.05 is five per cent")
    figures = content.get("figures")
    if figures is not None and not (isinstance(figures, list) and figures and all(isinstance(name, str) for name in figures)):
        raise ConfigError(f"{path.name}: figures must be a list of names, got {brief(figures)}; leave it out for all of them")
    budget = content.get("budget")
    if budget is not None and budget not in BUDGETS:
        equal = "the work of which every method is given as much; leave it out where updates are equal"
        raise ConfigError(f"{path.name}: budget must be {' or '.join(BUDGETS)}, got {brief(budget)}: {equal}")
    plugins = _plugins(path, content.get("plugins", []))
    asked = key_value.pairs(overrides)
    quick = _quick(path, content, asked.pop(QUICK, "false"))
    folder = folder_name(path.stem + f"_{QUICK}" * bool(quick) if alias is None else alias)
    experiments: list[Experiment] = []
    every: list[tuple[str, ...]] = []
    for number, case in enumerate(cases, 1):
        settings = case | quick
        if empty := next((key for key, value in settings.items() if value == [] and key not in asked), None):
            raise ConfigError(f"{path.name}, case {number}: {empty}: an empty list; give it a value, or leave the key out")
        if "<<" in settings:
            raise ConfigError(f"{path.name}, case {number}: <<: merge keys are not taken; write the settings out in each case")
        if within := next((key for key, value in settings.items() if isinstance(value, dict) and key not in asked), None):
            named = ", ".join(f"{within}: {settings[within][key]}" for key in settings[within] if key == "name")
            form = f"{named or 'its name alone'}, and {within}.KEY: value for each of its settings"
            raise ConfigError(f"{path.name}, case {number}: {one_line(within, 40)}: a mapping; write {one_line(form, 100)}")
        axes = {str(key): _word(_beside(path, str(key), value)) for key, value in settings.items()} | asked
        try:
            of_case = jobs([*plugins, *(f"{key}={value}" for key, value in axes.items())], sweep=True)
            experiments += of_jobs(of_case)
            every += of_case
        except ConfigError as fault:
            if str(fault).startswith(tuple(f"{key}=" for key in asked)):  # which is not the file's
                raise
            raise ConfigError(f"{path.name}, case {number}: {fault}") from None
        if len(experiments) > LARGEST:
            raise ConfigError(f"{path.name}: a study holds at most {LARGEST} runs in all its cases")
    tell(experiments)
    command = pasted(["study", name, *overrides, *_as(alias)])
    return Study(
        name=folder, runs=plan(experiments), command=command, overrides=overrides,
        title=content.get("title", ""), question=content.get("question", ""), margin=None if margin is None else float(margin),
        figures=figures, budget=budget, jobs=every,
        tune={} if "tune" in content and content["tune"] is None else content.get("tune"),
    )  # fmt: skip


def _quick(path: Path, content: dict[Any, Any], wanted: str) -> dict[Any, Any]:
    """The quick settings of a study file if they are wanted; else none."""
    declared = content.get(QUICK)
    if declared is not None and (not isinstance(declared, dict) or not declared):
        raise ConfigError(
            f"{path.name}: {QUICK} must be a mapping of axes, which replace those of every case, such as seed: range(2)"
        )
    if wanted not in ("true", "false"):
        raise ConfigError(f"{QUICK}={brief(wanted)}: choose true or false")
    if wanted == "true" and declared is None:
        few = pasted(["study", path.stem, "seed=0", "training.updates=100", "--as", f"{path.stem}_short"])
        raise ConfigError(f"{path.name}: declares no {QUICK} settings, so {QUICK}=true means nothing; {few} is a small one")
    return dict(declared or {}) if wanted == "true" else {}


def tell(asked: Iterable[Experiment]) -> None:
    """Tell, on standard error, what was settled otherwise than it was asked for and what was taken of own data, a line each."""
    for text, count in Counter(note for experiment in asked for note in experiment.notes).items():
        print(f"note: {text}{f' ({count} times)' if count > 1 else ''}", file=sys.stderr)


def words(settings: Mapping[str, Any], *, swept: bool = True) -> list[str]:
    """Return settings as the words of overrides: several values of a key are an axis, a list within them is one value.

    Args:
        settings: by dotted key.
        swept: whether several values are an axis; if not, they are one list.
    """
    written = []
    for key, value in settings.items():
        several = list(value) if isinstance(value, (list, tuple, set, range)) else value
        written.append(f"{key}={_word(several if swept or not isinstance(several, list) else [several])}")
    return written


def _as(alias: str | None) -> list[str]:
    return [] if alias is None else ["--as", alias]


def adhoc(overrides: list[str], *, sweep: bool, alias: str | None = None, file: str | None = None) -> Study:
    """The study that a plain run or sweep is; its name is the hash of its runs, so two sweeps never meet.

    Args:
        overrides: in Hydra's syntax.
        sweep: take several values of a key as a sweep.
        alias: another name for its results.
        file: the path of a file of experiments that the overrides change (`freerun.sweeps.experiment_file`); None for the
            experiment that has every default.

    Raises:
        ConfigError: if an override, the name or the file is wrong.
    """
    from freerun.config.hydra.compose import experiments

    name = None if alias is None else folder_name(alias)
    if file is None:
        asked = experiments(overrides, sweep=sweep)
    else:
        asked = experiment_file.experiments(Path(file), overrides, sweep=sweep)
    tell(asked)
    runs = plan(asked)
    command = pasted(["run", *([] if file is None else [file]), *(["-m"] if sweep else []), *overrides, *_as(alias)])
    return Study(name=name or name_of(runs), runs=runs, command=command, overrides=overrides)


def name_of(runs: Iterable[Planned]) -> str:
    """Return the name of a sweep that was given none: the hash of its runs."""
    digest = hashlib.sha256(" ".join(sorted(run.id for run in runs)).encode()).hexdigest()[:8]
    return f"{UNNAMED}{digest}"


def of_experiments(experiments: Iterable[Experiment], name: str | None = None, title: str = "", question: str = "") -> Study:
    """The study of some experiments that were made in Python; what its command does follows from the folder of its results.

    Args:
        experiments: each is done once.
        name: of the study; None for the hash of its runs.
        title, question: for the report.

    Raises:
        ConfigError: if there are none, or the name could not be one.
    """
    runs = plan(list(experiments))
    if not runs:
        raise ConfigError("Study: holds no experiment")
    called = name_of(runs) if name is None else folder_name(name)
    return Study(name=called, runs=runs, command=pasted(["study", called]), title=title, question=question)


def _word(value: Any) -> str:
    """A value of a case in the words of an override: a list is an axis, a list in it one value."""
    if isinstance(value, list):
        return ",".join(f"[{_word(item)}]" if isinstance(item, list) else _word(item) for item in value)
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    text = str(value)
    if isinstance(value, str) and not re.fullmatch(r"[\w.+-]+|(range|interval|choice|glob)\([^()]*\)", text):
        return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
    return text


def _beside(study: Path, key: str, value: Any) -> Any:
    """The value of a case; a file, or a list of files, relative to the study file."""
    if key not in FILES or value is None:
        return value
    if isinstance(value, list):
        return [_beside(study, key, each) for each in value]
    if not isinstance(value, str) or value.startswith("~") or (key in earlier_run.KEYS and IDENTITY.fullmatch(value)):
        return value
    return str(study.parent / value)


def _plugins(study: Path, value: Any) -> list[str]:
    """The plugins of a study file as an override; their paths are relative to the file."""
    paths = value if isinstance(value, list) else [value]
    if not all(isinstance(each, str) for each in paths):
        raise ConfigError(f"{study.name}: plugins must be a list of paths")
    return [f"plugins=[{','.join(_word(str(study.parent / each)) for each in paths)}]"] if paths else []
