"""`freerun run [-m] [overrides] [--as NAME]`: one experiment, or a sweep in Hydra's syntax."""

from __future__ import annotations

from freerun.cli.arguments import launcher, parser, place, shown


def main(words: list[str]) -> int:
    """Train what is missing and print the results."""
    parsed = parser("run", trains=True)
    parsed.add_argument("-m", "--multirun", action="store_true")
    parsed.add_argument("--as", dest="name")
    parsed.add_argument("--cfg", choices=["job"])
    parsed.add_argument("words", nargs="*")
    options = parsed.parse_intermixed_args(words)
    from freerun.sweeps import study

    chosen, overrides = launcher(options, options.words)
    asked = study.adhoc(overrides, sweep=options.multirun, alias=options.name)
    if options.cfg:
        import yaml

        print("---\n".join(yaml.safe_dump(item.tree, sort_keys=False) for item in asked.runs), end="")
        return 0
    from freerun.sweeps import sweep

    failed = sweep.do(asked, place(options), chosen)
    if results := shown(asked.name, place(options), chosen):
        print(f"tables: {results.folder}/   (freerun report {asked.name} builds figures and a report)")
    return sweep.settle(failed, place(options), asked.name)
