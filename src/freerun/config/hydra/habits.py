"""Habits of Hydra's users: words that Hydra gives a meaning, and what they mean or what does their work here.

An experiment has a fixed set of keys, so that ``+key=value`` and ``++key=value`` set what is there; nothing is removed from it
or placed elsewhere in it; and Hydra's own settings, ``hydra.*``, are of no use where Hydra only composes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from freerun.config.presets import presets
from freerun.errors import ConfigError
from freerun.io.text import one_line

#: Launchers of Hydra, and those that are most like them.
_LAUNCHERS = {"basic": "inline", "submitit_slurm": "slurm", "submitit_local": "local"}
#: What does the work of Hydra's own settings, by the beginning of their keys; the first that fits.
_OWN = {
    "hydra.launcher.n_jobs": "launcher.workers=N, or --workers N, is how many groups are trained at once",
    "hydra.launcher": "the launcher has its settings under launcher., such as launcher.time_limit=600",
    "hydra.sweeper.params": "name the values with the key itself, key=a,b with -m; freerun search looks for the best",
    "hydra.sweeper": "freerun run -m makes all values, freerun search looks for the best (--trials N, --sampler NAME)",
    "hydra.sweep": "results are in a folder of their own, --results DIR, under the name --as NAME",
    "hydra.run": "results are in a folder of their own, --results DIR, under the name --as NAME",
    "hydra.output_subdir": "results are in a folder of their own, --results DIR, under the name --as NAME",
    "hydra.job.name": "--as NAME is the name of the results",
    "hydra.searchpath": "a part of your own is a file, plugins=[FILE.py]; a study of your own too, freerun study FILE.yaml",
    "hydra.mode": "-m makes a sweep of freerun run",
}
_ELSE = "Hydra composes experiments here and does nothing else; it has no settings"
#: Keys by which collections of settings are chosen in other programs.
_COLLECTIONS = ("config", "defaults", "exp", "experiment", "experiments", "preset", "study", "sweep")


def plain(words: Iterable[str]) -> list[str]:
    """Return words with ``+key=value`` and ``++key=value`` as ``key=value``, which is all that they can mean here.

    Raises:
        ConfigError: for ``~key``, naming what does it here.
    """
    return [_plain(word) for word in words]


def _plain(word: str) -> str:
    if match := re.fullmatch(r"~([A-Za-z_][\w.@]*)(=.*)?", word):
        key = one_line(match[1], 50)
        raise ConfigError(f"~{key}: no key is removed; leave it out for its default, or write {key}=null where it may be empty")
    return re.sub(r"^\+{1,2}(?=[A-Za-z_][^=]*=)", "", word)


def answer(word: str) -> str | None:
    """Return what does the work of a setting that has a meaning in Hydra alone; None for any other."""
    key, _, value = word.partition("=")
    if re.fullmatch(r"[\w./]+@[\w.:]*", key):
        head = key.partition("@")[0]
        return f"every part has one place in an experiment; write {one_line(head, 60)}={one_line(value, 40)}"
    if key == "hydra/launcher":
        return f"write launcher={one_line(_LAUNCHERS.get(value, value), 40)}"
    if key == "hydra/sweeper":
        return _OWN["hydra.sweeper"]
    if key == "hydra" or re.match(r"hydra[./]", key):
        return next((text for start, text in _OWN.items() if f"{key}.".startswith(f"{start}.")), _ELSE)
    if key in _COLLECTIONS:
        name = value if value in presets("study") else "NAME"
        return f"a collection of settings is a study, freerun study {name} (freerun list studies), or a YAML file of your own"
    return None
