"""`freerun measure NAME [evaluation.key=value ...]`: the measurements of a study brought up to date, without training."""

from __future__ import annotations

from freerun.cli.arguments import Parser, add_alias, add_shard, apart, launcher, place, shared_parser
from freerun.cli.endings import say_where, shard_ended, shown
from freerun.cli.keys import LAUNCHER_KEYS, MEASURE_KEYS
from freerun.errors import ConfigError


def parser() -> Parser:
    """Make the parser of the command."""
    command = shared_parser(
        "measure", "NAME [evaluation.key=value ...]", trains=True, keys=MEASURE_KEYS | LAUNCHER_KEYS,
        examples=(
            "freerun measure first_look plugins=[my_metric.py]",
            "freerun measure first_look evaluation.horizon=400 --as first_look_far",
        ),
    )  # fmt: skip
    add_alias(command)
    add_shard(command)
    command.add_argument(
        "words", metavar="NAME key=value", nargs="*", help="a study whose runs are trained, and what to measure"
    )
    return command


def main(words: list[str]) -> int:
    """Measure the trained runs of a study from their kept weights, and print the results."""
    options = parser().read(words)
    name, overrides = apart(options.words, "measure")
    from freerun.sweeps import remeasurement, shards, sweep

    chosen, overrides = launcher(options, overrides)
    if name is None:
        raise ConfigError("measure takes the name of a study, for example: freerun measure first_look")
    where = place(options)
    study = remeasurement.asked(name, where, overrides, options.name)
    if options.shard and study.part:
        raise ConfigError(f"{name}: is a part of a study already; leave out --shard")
    if options.shard:
        study = shards.part(study, shards.Shard(*options.shard))
    failed = sweep.do(study, where, chosen, replace=options.replace)
    if study.part:
        return shard_ended(study, where, chosen, failed)
    if results := shown(study.name, where, chosen):
        say_where(results, where)
    return sweep.settle(failed, where, study.name)
