"""`freerun plan [NAME] [overrides]`: what a study, an experiment or a sweep would do, without doing any of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING

from freerun.cli.arguments import (
    DEFAULT_STUDY,
    Parser,
    add_cfg,
    add_name,
    add_shard,
    add_tune,
    apart,
    launcher,
    place,
    shared_parser,
)
from freerun.cli.endings import printed
from freerun.cli.keys import EXPERIMENT_KEYS, LAUNCHER_KEYS, STUDY_KEYS, TUNING_KEYS
from freerun.errors import ConfigError

if TYPE_CHECKING:
    from freerun.engine.engine_choice import Engine
    from freerun.execution.planned_run import Planned
    from freerun.sweeps.search.tuned_study import TunedStudy


def parser() -> Parser:
    """Make the parser of the command."""
    command = shared_parser(
        "plan", "[NAME | FILE.yaml] [key=value ...]", trains=True,
        keys=EXPERIMENT_KEYS | STUDY_KEYS | LAUNCHER_KEYS | TUNING_KEYS,
        examples=("freerun plan path_star training.updates=500", "freerun plan -m model=gru,lstm seed=0,1,2 --workers 4"),
    )  # fmt: skip
    text = "plan what freerun run -m does, which takes no NAME; so does every line of settings without a NAME"
    command.add_argument("-m", "--multirun", action="store_true", help=text)
    add_name(command)
    add_tune(command)
    add_cfg(command)
    add_shard(command)
    text = "a study, its YAML file or one of experiments, and keys that replace its own (without any: first_look)"
    command.add_argument("words", metavar="NAME key=value", nargs="*", help=text)
    return command


def main(words: list[str]) -> int:
    """Print how many runs and groups there are, what is done, and what the rest will cost."""
    options = parser().read(words)
    name, overrides = apart(options.words, "plan")
    from freerun.sweeps import experiment_file

    file = name if name and experiment_file.holds_experiments(name) else None
    if options.multirun and name and file is None:
        raise ConfigError("plan -m plans what `freerun run -m` does, which takes settings key=value, and a name with --as")
    from freerun.cli.terminal import duration, show_rows
    from freerun.engine.engine_choice import engine_of
    from freerun.execution import memory_estimate, time_estimate
    from freerun.store import results_folder
    from freerun.sweeps import shards, study, sweep
    from freerun.sweeps.search import tuned_study

    chosen, overrides = launcher(options, overrides)
    tuning, overrides = tuned_study.separate(overrides)
    of_run = options.multirun or file is not None or (name is None and bool(overrides))
    if of_run and (tuning or options.tune):
        raise ConfigError("--tune and tune.KEY=VALUE tune a study; name it, such as freerun plan first_look --tune")
    if of_run:
        planned_study = study.adhoc(overrides, sweep=True, alias=options.name, file=file)
    else:
        planned_study = study.load(name or DEFAULT_STUDY, overrides, options.name)
    if options.cfg:
        return printed(planned_study, options.shard, tune=options.tune)
    tuned = tuned_study.of(planned_study, tuning, tune=options.tune)
    if options.shard:
        trials = tuned.divisible_trials(place(options)) if tuned else None
        planned_study, tuned = shards.part(trials or planned_study, shards.Shard(*options.shard)), None
    results_folder.demand_study(place(options).folder(planned_study.name))
    store = place(options).store
    runs = planned_study.runs if tuned is None else _trials(tuned)
    states = sweep.states((run.id for run in runs), store)
    left = [run for run in runs if states[run.id] in ("pending", "failed")]
    if tuned is not None:
        left += planned_study.runs  # about as costly as they will be with what is chosen
    pieces = chosen.pieces(left)
    counts = Counter(states.values())
    planned = f"{_count(len(runs), 'run')}, {_count(len(chosen.pieces(runs)), 'group')}"
    print(f"{planned_study.name if tuned is None else tuned.name}: {planned}; nothing is trained by this command")
    trained = sweep.trained(left, store)
    measured_alone = sum(run.trained in trained for run in left)
    alone = f"; {measured_alone} of them trained before, to be measured alone" if trained else ""
    seen = [f"{counts[state]} {state}" for state in sweep.STATES if counts[state] or state in ("done", "pending")]
    print(f"{', '.join(seen)}{alone}")
    results = place(options)
    kind = sweep.kind_of_runs(planned_study.name, results)
    conflict = results_folder.replaced(planned_study, results, kind)[0] if tuned is None else tuned.conflict(results)
    if conflict:
        print(f"note: {conflict}")
    if not left:
        return 0
    chosen.demand_engine(left)
    costs = time_estimate.learned(store, [run for run, state in states.items() if state in ("done", "diverged")])
    spent: dict[str, list[float]] = {}
    engines: dict[str, dict[Engine, None]] = {}
    measured_before = True
    for piece in pieces:
        engine = engine_of(piece[0].experiment, chosen.engine)
        engines.setdefault(_title(piece), {})[engine] = None
        ready = sum(run.trained in trained for run in piece)
        seconds = 0.0
        for count, only_measured in ((len(piece) - ready, False), (ready, True)):
            if count:
                run_seconds, measured = costs.seconds(piece[0], trained=only_measured, engine=engine.name)
                measured_before &= measured
                seconds += count * run_seconds
        row = spent.setdefault(_title(piece), [0, 0, 0.0, 0.0])
        size = memory_estimate.BASE + len(piece) * memory_estimate.memory(piece[0])
        row[:] = [row[0] + 1, row[1] + len(piece), row[2] + seconds, max(row[3], size)]
    rows = [
        [title, f"{n:.0f}", f"{count:.0f}", duration(seconds), f"{size / 2**30:.1f} GB", _named(engines[title])]
        for title, (n, count, seconds, size) in spent.items()
    ]
    show_rows(["to do", "groups", "runs", "work", "memory a worker", "engine"], rows)
    for reason in dict.fromkeys(engine.reason for used in engines.values() for engine in used if engine.reason):
        print(f"the reference engine is used in place of the compiled one: {reason}")
    work = sum(seconds for _, _, seconds, _ in spent.values())
    at_once = min(chosen.at_once, len(pieces))
    source = (
        "from the times of earlier runs like these"
        if measured_before
        else "a rough guess: some kinds of run were never done here, or only a few updates of them"
    )
    print(f"about {duration(work)} of work, {duration(work / at_once)} with {at_once} at once ({source})")
    return 0


def _named(engines: Iterable[Engine]) -> str:
    """Return the engines of a row in words."""
    return "; ".join(dict.fromkeys(str(engine) for engine in engines))


def _trials(tuned: TunedStudy) -> list[Planned]:
    """Return the runs of the trials of a tuned study, as far as they are known, and print how it is tuned."""
    runs = tuned.first()
    methods, seeds = len(tuned.methods), len(tuned.seeds)
    trials = f"{tuned.trials} trial{'' if tuned.trials == '1' else 's'}"
    size = f"{_count(methods, 'method')}, {trials} of each on {_count(seeds, 'seed')}"
    rest = "" if tuned.foreseen else ", the first of which are counted here: the others follow from them"
    print(f"{tuned.study.name}: to be tuned before it is run, {size}{rest}")
    return runs


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _title(piece: list[Planned]) -> str:
    fed = "forced" if piece[0].experiment.regime.feeder().forced else "closed loop"
    return f"{piece[0].label}, {fed}"
