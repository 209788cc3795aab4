"""`freerun search [overrides]`: look for the best values of numeric keys."""

from __future__ import annotations

from freerun.cli.arguments import apart, count, launcher, parser, place
from freerun.errors import ConfigError


def main(words: list[str]) -> int:
    """Try points, print the best, write results/NAME with a table of trials."""
    parsed = parser("search", trains=True)
    parsed.add_argument("--as", dest="name")
    parsed.add_argument("--trials", type=count, default=20)
    parsed.add_argument("--target")
    way = parsed.add_mutually_exclusive_group()
    way.add_argument("--maximize", action="store_true", default=None)
    way.add_argument("--minimize", action="store_false", dest="maximize", default=None)
    parsed.add_argument("words", nargs="*")
    options = parsed.parse_intermixed_args(words)
    name, overrides = apart(options.words, "search")
    if name is not None:
        raise ConfigError(f"search takes settings of the form key=value, got {name[:60]!r}")
    from freerun.config.hydra import search_space
    from freerun.store import results_folder
    from freerun.sweeps.search import search, target
    from freerun.sweeps.search.trials import table

    chosen, overrides = launcher(options, overrides)
    fixed, axes = search_space.split(overrides)
    asked = search.Search(
        fixed=fixed, axes=axes, target=target.target(options.target, options.maximize), trials=options.trials,
        alias=None if options.name is None else results_folder.folder_name(options.name),
        command=" ".join(["freerun search", *words]),
    )  # fmt: skip
    failed = asked.run(place(options), chosen)
    from freerun.analysis import outputs
    from freerun.sweeps import sweep

    results = outputs.of(asked.name, place(options))
    results.write_tables()
    results.write_trials(table(asked.done))
    best = asked.best()
    if best is None:
        print("no point has a finite value")
    else:
        said = " ".join(f"{key}={value}" for key, value in best.settings.items())
        tried = f"{asked.points} points" + (f" in {len(asked.done)} trials" if asked.points < len(asked.done) else "")
        print(f"best of {tried}: {said}  {asked.target} {best.value:.6g} (trial {best.number})")
        if asked.target.split == "test":
            print("note: it was chosen on the test split; measure it again with other seeds before you report it")
    print(f"tables: {results.folder}/   trials: {results.folder}/trials.csv")
    return sweep.settle(failed, place(options), asked.name)
