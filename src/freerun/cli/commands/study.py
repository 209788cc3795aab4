"""`freerun study [NAME] [overrides]`: a named sweep with its tables, figures and report."""

from __future__ import annotations

from freerun.cli.arguments import DEFAULT_STUDY, apart, launcher, parser, place, shown


def main(words: list[str]) -> int:
    """Train what is missing, print the results, build figures and report."""
    parsed = parser("study", trains=True)
    parsed.add_argument("--as", dest="name")
    parsed.add_argument("words", nargs="*")
    options = parsed.parse_intermixed_args(words)
    name, overrides = apart(options.words, "study")
    from freerun.sweeps import study, sweep

    chosen, overrides = launcher(options, overrides)
    asked = study.load(name or DEFAULT_STUDY, overrides, options.name)
    failed = sweep.do(asked, place(options), chosen)
    if results := shown(asked.name, place(options), chosen):
        results.write_report_if_needed()
    return sweep.settle(failed, place(options), asked.name)
