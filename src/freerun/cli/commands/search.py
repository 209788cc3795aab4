"""`freerun search [overrides]`: search for the best values of numeric keys."""

from __future__ import annotations

import sys

from freerun.cli.arguments import Parser, add_hours, add_name, apart, count, launcher, place, shared_parser
from freerun.cli.endings import ended
from freerun.cli.keys import EXPERIMENT_KEYS, LAUNCHER_KEYS
from freerun.errors import ConfigError, OutOfTime
from freerun.io import key_value
from freerun.io.suggestions import nearest

#: How the values are written that a key is searched over.
SEARCHED = {
    "KEY=interval(1,64)": "numbers, whole ones for a key of whole numbers",
    "KEY=tag(log,interval(1e-4,1e-2))": "numbers on a log scale",
    "KEY=range(16,129,16)": "whole numbers in steps",
    "KEY=choice(a,b)": "one of a list",
}


def parser() -> Parser:
    """Make the parser of the command."""
    command = shared_parser(
        "search", "key=interval(a,b) [key=value ...]", trains=True, keys=SEARCHED | EXPERIMENT_KEYS | LAUNCHER_KEYS,
        examples=(
            "freerun search 'training.lr=tag(log,interval(1e-4,1e-2))' task=lorenz63 seed=0,1",
            "freerun search 'model.hidden=range(16,65,16)' task=lorenz63 --trials 8 --target nrmse,free,test",
        ),
    )  # fmt: skip
    add_name(command)
    add_hours(command)
    text = "how many points to try (default: 20); the same command goes on where it stopped"
    command.add_argument("--trials", metavar="N", type=count, default=20, help=text)
    text = "where the points come from: optuna (the default), random, or grid, which needs lists and ranges"
    command.add_argument("--sampler", metavar="NAME", default="optuna", help=text)
    text = (
        "what is to be best: metric,mode,split (default: the headline of the task that tuned studies choose by, on validation)"
    )
    command.add_argument("--target", metavar="TEXT", help=text)
    way = command.add_mutually_exclusive_group()
    text = "the target is to be large (default: whichever is better for its metric)"
    way.add_argument("--maximize", action="store_true", default=None, help=text)
    way.add_argument("--minimize", action="store_false", dest="maximize", default=None, help="the target is to be small")
    command.add_argument("words", metavar="key=value", nargs="*", help="keys to search, and what every point shares")
    return command


def main(words: list[str]) -> int:
    """Try points, print the best, write results/NAME with a table of trials."""
    options = parser().read(words)
    name, overrides = apart(options.words, "search")
    if name is not None:
        raise key_value.malformed(name)
    from freerun.config.hydra import search_space
    from freerun.io import text
    from freerun.store import results_folder
    from freerun.sweeps.search import samplers, search, target, usual_target
    from freerun.sweeps.search.trials import table

    chosen, overrides = launcher(options, overrides)
    if options.sampler not in samplers.NAMES:
        raise ConfigError(f"--sampler {options.sampler[:40]}: unknown name; {nearest(options.sampler, samplers.NAMES)}")
    alias = None if options.name is None else results_folder.folder_name(options.name)
    fixed, axes = search_space.split(overrides)
    for line in search_space.notes(fixed, axes):
        print(f"note: {line}", file=sys.stderr)
    wanted, unasked = target.target(options.target, options.maximize), options.target is None
    if unasked:
        usual = usual_target.usual(fixed, axes, options.maximize)
        wanted, fixed = usual.target, usual.fixed
        print(f"chosen by {wanted}{usual.why and f', since {usual.why}'}; --target says otherwise", flush=True)
    planned_search = search.Search(
        fixed=fixed, axes=axes, target=wanted, measured=unasked, trials=options.trials,
        sampler=options.sampler, alias=alias,
        command=text.command(["search", *words]),
    )  # fmt: skip
    over: OutOfTime | None = None
    try:
        failed = planned_search.run(place(options), chosen)
    except OutOfTime as fault:
        if not planned_search.done:
            raise
        over, failed = fault, fault.failed
    from freerun.analysis import outputs
    from freerun.sweeps import sweep

    results = outputs.of(planned_search.name, place(options))
    results.write_tables()
    results.tell_idle_settings()
    results.write_trials(table(planned_search.done))
    best = planned_search.best()
    if best is None:
        print("no point has a finite value")
    else:
        settings = " ".join(f"{key}={value}" for key, value in best.settings.items())
        tried = f"{planned_search.points} points" + (
            f" in {len(planned_search.done)} trials" if planned_search.points < len(planned_search.done) else ""
        )
        print(f"best of {tried}: {settings}  {planned_search.target} {best.value:.6g} (trial {best.number})")
        if planned_search.points > 1:
            print(f"note: it is the best by one measure alone; freerun report {planned_search.name} judges by every headline")
        if planned_search.target.split == "test":
            print("note: it was chosen on the test split; measure it again with other seeds before you report it")
    print(f"tables: {results.folder}/   trials: {results.folder}/trials.csv")
    return ended(sweep.settle(failed, place(options), planned_search.name), over)
