"""`freerun retry NAME`: the failed runs of a study once more, and those that are left."""

from __future__ import annotations

from freerun.cli.arguments import Parser, apart, launcher, place, shared_parser
from freerun.cli.endings import shown
from freerun.cli.keys import EXPERIMENT_KEYS, LAUNCHER_KEYS
from freerun.errors import ConfigError
from freerun.io import key_value


def parser() -> Parser:
    """Make the parser of the command."""
    examples = ("freerun retry first_look", "freerun retry first_look launcher=local launcher.time_limit=600")
    keys = {"plugins=[FILE.py]": EXPERIMENT_KEYS["plugins=[FILE.py]"], **LAUNCHER_KEYS}
    command = shared_parser("retry", "NAME [launcher.key=value ...]", examples=examples, keys=keys, trains=True)
    command.add_argument("words", metavar="NAME", nargs="*", help="the study")
    return command


def main(words: list[str]) -> int:
    """Do what has failed or is pending, and nothing else."""
    options = parser().read(words)
    name, overrides = apart(options.words, "retry")
    from freerun.config.hydra import compose
    from freerun.sweeps import retry, sweep

    plugins = [word for word in overrides if key_value.key_of(word) == "plugins"]
    chosen, rest = launcher(options, [word for word in overrides if word not in plugins])
    if name is None or rest:
        raise ConfigError("retry takes the name of a study, settings of the launcher and plugins: runs stay what they were")
    if plugins:
        compose.load_plugins(plugins)
    failed = retry.retry(name, place(options), chosen)
    if failed is None:
        print(f"{name}: no run has failed, and none is left to do")
        return 0
    shown(name, place(options), chosen, place(options).command("table", name))
    return sweep.settle(failed, place(options), name)
