"""Which presets does the configuration hold?"""

from __future__ import annotations

from functools import cache
from pathlib import Path

from freerun.errors import ConfigError


@cache
def config_folder() -> Path:
    """The folder of the configuration: inside the installed package, or at the top of the repository."""
    package = Path(__file__).resolve().parents[2]
    for folder in (package / "conf", package.parent.parent / "conf"):
        if (folder / "experiment.yaml").is_file():
            return folder
    raise ConfigError("the configuration folder conf/ is missing from this installation of freerun")


def presets(group: str) -> list[str]:
    """The names of the files in one folder of the configuration."""
    return sorted(path.stem for path in (config_folder() / group).glob("*.yaml"))
