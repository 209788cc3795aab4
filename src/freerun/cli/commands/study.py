"""`freerun study [NAME] [overrides]`: a named sweep with its tables, figures and report."""

from __future__ import annotations

from freerun.cli.arguments import (
    DEFAULT_STUDY,
    EXPERIMENT_KEYS,
    LAUNCHER_KEYS,
    Parser,
    add_alias,
    apart,
    launcher,
    place,
    shared_parser,
    shown,
)


def parser() -> Parser:
    """Make the parser of the command."""
    command = shared_parser(
        "study", "[NAME] [key=value ...]", trains=True, keys=EXPERIMENT_KEYS | LAUNCHER_KEYS,
        examples=("freerun study", "freerun study path_star seed=0,1 training.updates=500 --as path_star_short"),
    )  # fmt: skip
    add_alias(command)
    text = "a study or its YAML file (default: first_look), and keys that replace its own"
    command.add_argument("words", metavar="NAME key=value", nargs="*", help=text)
    return command


def main(words: list[str]) -> int:
    """Train what is missing, print the results, build figures and report."""
    options = parser().read(words)
    name, overrides = apart(options.words, "study")
    from freerun.sweeps import study, sweep

    chosen, overrides = launcher(options, overrides)
    planned_study = study.load(name or DEFAULT_STUDY, overrides, options.name)
    failed = sweep.do(planned_study, place(options), chosen)
    if results := shown(planned_study.name, place(options), chosen):
        results.write_report_if_needed()
    return sweep.settle(failed, place(options), planned_study.name)
