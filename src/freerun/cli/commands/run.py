"""`freerun run [-m] [overrides] [--as NAME]`: one experiment, or a sweep in Hydra's syntax."""

from __future__ import annotations

from freerun.cli.arguments import Parser, add_alias, add_shard, launcher, place, shared_parser
from freerun.cli.endings import say_where, shard_ended, shown
from freerun.cli.keys import EXPERIMENT_KEYS, LAUNCHER_KEYS


def parser() -> Parser:
    """Make the parser of the command."""
    command = shared_parser(
        "run", "[key=value ...]", trains=True, keys=EXPERIMENT_KEYS | LAUNCHER_KEYS,
        examples=(
            "freerun run task=lorenz63 model=gru regime=free_running seed=0",
            "freerun run -m regime=teacher_forcing,free_running seed=0,1,2 --as two_regimes",
        ),
    )  # fmt: skip
    command.add_argument("-m", "--multirun", action="store_true", help="take several values of a key, key=a,b, as a sweep")
    add_alias(command)
    add_shard(command)
    command.add_argument("--cfg", choices=["job"], metavar="job", help="print the resolved experiment and stop")
    command.add_argument("words", metavar="key=value", nargs="*", help="what the experiment is, in Hydra's syntax")
    return command


def main(words: list[str]) -> int:
    """Train what is missing and print the results."""
    options = parser().read(words)
    from freerun.sweeps import shards, study

    chosen, overrides = launcher(options, options.words)
    planned_study = study.adhoc(overrides, sweep=options.multirun, alias=options.name)
    if options.shard:
        planned_study = shards.part(planned_study, shards.Shard(*options.shard))
    if options.cfg:
        import yaml

        print("---\n".join(yaml.safe_dump(item.tree, sort_keys=False) for item in planned_study.runs), end="")
        return 0
    from freerun.sweeps import sweep

    failed = sweep.do(planned_study, place(options), chosen, replace=options.replace)
    if options.shard:
        return shard_ended(planned_study, place(options), chosen, failed)
    if results := shown(planned_study.name, place(options), chosen):
        say_where(results, place(options))
    return sweep.settle(failed, place(options), planned_study.name)
