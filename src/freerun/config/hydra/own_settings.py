"""Settings that only some of the swept parts have, ``regime=teacher_forcing,scheduled_sampling regime.end=0.1,0.5``.

A setting goes with the choices that have it. A job whose choice has none of that name does without, once, with a note.
"""

from __future__ import annotations

from collections.abc import Sequence

from omegaconf import DictConfig

from freerun.config.experiment import PARTS
from freerun.config.hydra.composed_tree import composed
from freerun.config.hydra.overrides import quoted
from freerun.errors import ConfigError
from freerun.io import key_value
from freerun.io.suggestions import nearest


class Job(tuple[str, ...]):
    """The overrides of one job: one value for every key.

    Attributes:
        notes: lines for the user, on settings that were left out.
    """

    notes: tuple[str, ...] = ()


def sorted_out(jobs: Sequence[tuple[str, ...]]) -> list[Job]:
    """Return the jobs of a sweep, each once, without the settings that its parts do not have and other swept ones do.

    Raises:
        ConfigError: for a setting that none of several swept parts has.
    """
    words = dict.fromkeys(word for job in jobs for word in job)
    swept: dict[str, list[str]] = {part: [] for part in PARTS}
    for word in words:
        if (key := key_value.key_of(word)) in swept:
            swept[key].append(word)
    foreign: dict[str, set[str]] = {}
    for word in words:
        part, _, name = key_value.key_of(word).partition(".")
        if name and len(swept.get(part, ())) > 1 and (without := lacking(word, name, swept[part])):
            foreign[word] = without
    if not foreign:
        return [Job(job) for job in jobs]
    return list(dict.fromkeys(_own(job, foreign) for job in jobs))


def lacking(word: str, name: str, choices: Sequence[str]) -> set[str]:
    """Return those of several choices of a part, as overrides, that have no setting of a name.

    Raises:
        ConfigError: if none of them has it; `word` is the override that sets it.
    """
    settings = {choice: settings_of(choice) for choice in choices}
    without = {choice for choice, names in settings.items() if name not in names}
    if len(without) < len(choices):
        return without
    shown = ", ".join(key_value.split(choice)[1] for choice in choices[:4])
    others = {each for names in settings.values() for each in names}
    hint = nearest(name[:100], others) if others else "they have no settings"
    raise ConfigError(f"{quoted(word)}: none of {shown}{', ...' if len(choices) > 4 else ''} has the key {name[:60]!r}; {hint}")


def settings_of(choice: str) -> list[str]:
    """Return the names of the settings of a part that is chosen; none for null."""
    if choice.endswith("=null"):
        return []
    node = composed((choice,))[key_value.key_of(choice)]
    return [str(name) for name in node] if isinstance(node, DictConfig) else []


def _own(job: tuple[str, ...], foreign: dict[str, set[str]]) -> Job:
    """Return a job without the settings that its choices of parts do not have, with a note for each."""
    chosen = {key: word for word in job if (key := key_value.key_of(word)) in PARTS}
    left_out = [word for word in job if chosen.get(key_value.key_of(word).partition(".")[0]) in foreign.get(word, ())]
    own = Job(word for word in job if word not in left_out)
    keys = dict.fromkeys(key_value.key_of(word) for word in left_out)
    own.notes = tuple(f"{key}: {chosen[key.partition('.')[0]]} has no such setting, and is run without it" for key in keys)
    return own
