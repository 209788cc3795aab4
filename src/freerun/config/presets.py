"""Presets: the named files of the configuration, a part with settings of its own or a whole study."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from freerun.errors import ConfigError
from freerun.parts import registry


@cache
def config_folder() -> Path:
    """Return the folder of the configuration: inside the installed package, or at the top of the repository."""
    package = Path(__file__).resolve().parents[1]
    for folder in (package / "conf", package.parent.parent / "conf"):
        if (folder / "experiment.yaml").is_file():
            return folder
    raise ConfigError("the configuration folder conf/ is missing from this installation of freerun")


def presets(group: str) -> list[str]:
    """Return the names of the files in one folder of the configuration."""
    return sorted(path.stem for path in (config_folder() / group).glob("*.yaml"))


def choices(kind: str) -> list[str]:
    """Return all names that a part of a kind can be chosen by: those of the parts, then those of the presets."""
    return [*registry.parts(kind), *presets(kind)]


def summary(group: str, name: str) -> str:
    """Return what a preset of a part says of itself: the comment in its first line."""
    first = (config_folder() / group / f"{name}.yaml").read_text(encoding="utf-8").splitlines()[0]
    return first.removeprefix("# ")
