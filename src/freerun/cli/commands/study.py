"""`freerun study [NAME] [overrides]`: a named sweep with its tables, figures and report."""

from __future__ import annotations

from freerun.cli.arguments import (
    DEFAULT_STUDY,
    EXPERIMENT_KEYS,
    LAUNCHER_KEYS,
    TUNING_KEYS,
    Parser,
    add_alias,
    add_hours,
    add_tune,
    apart,
    ended,
    launcher,
    place,
    shared_parser,
    shown,
)
from freerun.errors import ConfigError, OutOfTime


def parser() -> Parser:
    """What the command takes."""
    made = shared_parser(
        "study", "[NAME] [key=value ...]", trains=True, keys=EXPERIMENT_KEYS | LAUNCHER_KEYS | TUNING_KEYS,
        examples=(
            "freerun study",
            "freerun study path_star seed=0,1 training.updates=500 --as path_star_short",
            "freerun study exact_expert training.keep=best --hours 2",
        ),
    )  # fmt: skip
    add_alias(made)
    add_tune(made)
    add_hours(made)
    text = "a study or its YAML file (default: first_look), and keys that replace its own"
    made.add_argument("words", metavar="NAME key=value", nargs="*", help=text)
    return made


def main(words: list[str]) -> int:
    """Train what is missing, print the results, build figures and report."""
    options = parser().read(words)
    name, overrides = apart(options.words, "study")
    from freerun.sweeps import study, sweep
    from freerun.sweeps.search import tuned_study

    chosen, overrides = launcher(options, overrides)
    tuning, overrides = tuned_study.separate(overrides)
    asked, where = study.load(name or DEFAULT_STUDY, overrides, options.name), place(options)
    failed: dict[str, str] = {}
    over: OutOfTime | None = None
    if tuned := tuned_study.of(asked, tuning, tune=options.tune):
        asked, failed = tuned.run(where, chosen)
        sweep.settle(failed, where, tuned.name)
    try:
        of_study = sweep.do(asked, where, chosen)
    except OutOfTime as fault:
        over, of_study = fault, fault.failed
    try:
        if results := shown(asked.name, where, chosen):
            results.write_report_if_needed()
    except ConfigError:  # no run has come to an end
        if over is None:
            raise
    code = sweep.settle(of_study, where, asked.name)
    return ended(code or int(bool(failed)), over)
