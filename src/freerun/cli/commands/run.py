"""`freerun run [-m] [FILE] [overrides] [--as NAME]`: one experiment, a file of experiments, or a sweep in Hydra's syntax."""

from __future__ import annotations

from freerun.cli.arguments import Parser, add_alias, add_cfg, add_shard, apart, launcher, place, shared_parser
from freerun.cli.endings import printed, say_where, shard_ended, shown
from freerun.cli.keys import EXPERIMENT_KEYS, LAUNCHER_KEYS
from freerun.errors import ConfigError
from freerun.io import key_value


def parser() -> Parser:
    """Make the parser of the command."""
    command = shared_parser(
        "run", "[FILE.yaml] [key=value ...]", trains=True, keys=EXPERIMENT_KEYS | LAUNCHER_KEYS,
        examples=(
            "freerun run task=lorenz63 model=gru regime=free_running seed=0",
            "freerun run -m regime=teacher_forcing,free_running seed=0,1,2 --as two_regimes",
        ),
    )  # fmt: skip
    command.add_argument("-m", "--multirun", action="store_true", help="take several values of a key, key=a,b, as a sweep")
    add_alias(command)
    add_cfg(command)
    add_shard(command)
    text = "what the experiment is, in Hydra's syntax; in the place of the defaults a file that --cfg job has printed"
    command.add_argument("words", metavar="FILE key=value", nargs="*", help=text)
    return command


def main(words: list[str]) -> int:
    """Train what is missing and print the results."""
    options = parser().read(words)
    file, overrides = apart(options.words, "run")
    from freerun.config.presets import presets
    from freerun.store import results_folder
    from freerun.sweeps import shards, study

    if file is not None and not file.endswith((".yaml", ".yml")):
        if file in presets("study"):
            raise ConfigError(f"{file} is a study; {place(options).command('study', file)} does it")
        if file in results_folder.names(place(options)):
            raise ConfigError(f"{file} is a sweep that was run; {place(options).command('study', file)} goes on with it")
        raise key_value.malformed(file)
    chosen, overrides = launcher(options, overrides)
    planned_study = study.adhoc(overrides, sweep=options.multirun, alias=options.name, file=file)
    if options.cfg:
        return printed(planned_study, options.shard)
    if options.shard:
        planned_study = shards.part(planned_study, shards.Shard(*options.shard))
    from freerun.sweeps import sweep

    failed = sweep.do(planned_study, place(options), chosen, replace=options.replace)
    if options.shard:
        return shard_ended(planned_study, place(options), chosen, failed)
    if results := shown(planned_study.name, place(options), chosen):
        say_where(results, place(options))
    return sweep.settle(failed, place(options), planned_study.name)
