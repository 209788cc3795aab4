"""`freerun retry NAME`: the failed runs of a study once more, and those that are left."""

from __future__ import annotations

from freerun.cli.arguments import apart, launcher, parser, place, shown
from freerun.errors import ConfigError


def main(words: list[str]) -> int:
    """Do what has failed or is pending, and nothing else."""
    parsed = parser("retry", trains=True)
    parsed.add_argument("words", nargs="*")
    options = parsed.parse_intermixed_args(words)
    name, overrides = apart(options.words, "retry")
    from freerun.sweeps import sweep

    chosen, others = launcher(options, overrides)
    if name is None or others:
        raise ConfigError("retry takes the name of a study and nothing but launcher settings: runs stay what they were")
    failed = sweep.retry(name, place(options), chosen)
    if failed is None:
        print(f"{name}: no run has failed, and none is left to do")
        return 0
    shown(name, place(options), chosen, f"freerun table {name}")
    return sweep.settle(failed, place(options), name)
