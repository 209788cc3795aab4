"""`freerun plan [NAME] [overrides]`: what a study, an experiment or a sweep would do, without doing any of it."""

from __future__ import annotations

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
from freerun.cli.endings import demand_figures, printed
from freerun.cli.keys import EXPERIMENT_KEYS, LAUNCHER_KEYS, STUDY_KEYS, TUNING_KEYS
from freerun.errors import ConfigError

if TYPE_CHECKING:
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
    text = "a study, its file, one of experiments, or a sweep that was run, and keys that replace its own (usual: first_look)"
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
    from freerun.cli.terminal import show_rows
    from freerun.store import results_folder
    from freerun.sweeps import named_sweep, shards, study, sweep
    from freerun.sweeps.search import tuned_study
    from freerun.sweeps.study_plan import HEAD, study_plan

    chosen, overrides = launcher(options, overrides)
    tuning, overrides = tuned_study.separate(overrides)
    of_run = options.multirun or file is not None or (name is None and bool(overrides))
    if of_run and (tuning or options.tune):
        raise ConfigError("--tune and tune.KEY=VALUE tune a study; name it, such as freerun plan first_look --tune")
    results = place(options)
    if of_run:
        planned_study = study.adhoc(overrides, sweep=True, alias=options.name, file=file)
    else:
        planned_study = named_sweep.asked(name or DEFAULT_STUDY, overrides, options.name, results)
    demand_figures(planned_study)
    if options.cfg:
        return printed(planned_study, options.shard, tune=options.tune)
    tuned = tuned_study.of(planned_study, tuning, tune=options.tune)
    if options.shard:
        trials = tuned.divisible_trials(results) if tuned else None
        planned_study, tuned = shards.part(trials or planned_study, shards.Shard(*options.shard)), None
    results_folder.demand_study(results.folder(planned_study.name))
    if tuned is None:
        plan = study_plan(planned_study.name, planned_study.runs, results.store, chosen)
        plan.replaces = results_folder.replaced(planned_study, results, sweep.kind_of_runs(planned_study.name, results))[0]
    else:  # what is chosen is about as costly as what the study asks for
        plan = study_plan(tuned.name, _trials(tuned), results.store, chosen, planned_study.runs)
        plan.replaces = tuned.conflict(results)
    print("\n".join(plan.before))
    if plan.work:
        show_rows(list(HEAD), [row.cells for row in plan.work])
    for line in plan.after:
        print(line)
    return 0


def _trials(tuned: TunedStudy) -> list[Planned]:
    """Return the runs of the trials of a tuned study, as far as they are known, and print how it is tuned."""
    from freerun.sweeps.study_plan import counted

    runs = tuned.first()
    methods, seeds = len(tuned.methods), len(tuned.seeds)
    trials = f"{tuned.trials} trial{'' if tuned.trials == '1' else 's'}"
    size = f"{counted(methods, 'method')}, {trials} of each on {counted(seeds, 'seed')}"
    rest = "" if tuned.foreseen else ", the first of which are counted here: the others follow from them"
    print(f"{tuned.study.name}: to be tuned before it is run, {size}{rest}")
    for target in dict.fromkeys(method.target for method in tuned.methods):
        tasks = dict.fromkeys(method.run.tree["task"]["name"] for method in tuned.methods if method.target == target)
        print(f"  {', '.join(tasks)}: chosen is what is best in {target}")
    return runs
