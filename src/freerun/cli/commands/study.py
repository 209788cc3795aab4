"""`freerun study [NAME] [overrides]`: a named sweep with its tables, figures and report."""

from __future__ import annotations

from freerun.cli.arguments import (
    DEFAULT_STUDY,
    Parser,
    add_alias,
    add_cfg,
    add_hours,
    add_shard,
    add_tune,
    apart,
    launcher,
    place,
    shared_parser,
)
from freerun.cli.endings import demand_figures, ended, printed, shard_ended, shown
from freerun.cli.keys import EXPERIMENT_KEYS, LAUNCHER_KEYS, STUDY_KEYS, TUNING_KEYS
from freerun.errors import ConfigError, OutOfTime


def parser() -> Parser:
    """Make the parser of the command."""
    command = shared_parser(
        "study", "[NAME] [key=value ...]", trains=True, keys=EXPERIMENT_KEYS | STUDY_KEYS | LAUNCHER_KEYS | TUNING_KEYS,
        examples=("freerun study improper quick=true", "freerun study path_star 'seed=range(20)' --workers 4"),
    )  # fmt: skip
    add_alias(command)
    add_tune(command)
    add_hours(command)
    add_cfg(command)
    add_shard(command)
    text = "a study, its YAML file or a sweep that was run (default: first_look), and keys that replace its own"
    command.add_argument("words", metavar="NAME key=value", nargs="*", help=text)
    return command


def main(words: list[str]) -> int:
    """Train what is missing, print the results, build figures and report."""
    options = parser().read(words)
    name, overrides = apart(options.words, "study")
    from freerun.sweeps import named_sweep, shards, sweep
    from freerun.sweeps.search import tuned_study

    chosen, overrides = launcher(options, overrides)
    tuning, overrides = tuned_study.separate(overrides)
    where = place(options)
    planned_study = named_sweep.asked(name or DEFAULT_STUDY, overrides, options.name, where)
    demand_figures(planned_study)
    if options.cfg:
        return printed(planned_study, options.shard, tune=options.tune)
    over: OutOfTime | None = None
    trials = None
    if tuned := tuned_study.of(planned_study, tuning, tune=options.tune):
        trials = tuned.divisible_trials(where) if options.shard else None
        if trials is None:
            planned_study = tuned.run(where, chosen, replace=options.replace)
    if options.shard:
        planned_study = shards.part(trials or planned_study, shards.Shard(*options.shard))
    try:
        failed = sweep.do(planned_study, where, chosen, replace=options.replace)
    except OutOfTime as fault:
        over, failed = fault, fault.failed
    if options.shard:
        return shard_ended(planned_study, where, chosen, failed, over, trials=trials is not None)
    try:
        if results := shown(planned_study.name, where, chosen):
            results.write_report_if_needed()
    except ConfigError:  # no run has come to an end
        if over is None:
            raise
    code = sweep.settle(failed, where, planned_study.name)
    return ended(code, over)
