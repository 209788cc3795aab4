"""Links planted in the results of a sweep: every command refuses them by name, and nothing they lead to is read or changed."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from reliability.sweeps import ended, folder, fork, resumed, study, sweep

#: Where a link leads: to a folder or a file outside, to nothing, to itself.
LEADS = ("folder", "file", "nothing", "itself")
COMMANDS = ("status", "clean --yes", "clean --all --yes", "table NAME", "retry NAME", "clean NAME --yes", "the sweep")
OUTSIDE = {"precious.json": b"{}", "notes.txt": b"mine", "ab/0123.json": b"{}", "figures/a.png": b"png"}


@cache
def results() -> dict[str, bytes]:
    """The files of the results of a whole sweep."""
    with folder() as place:
        assert ended(fork(lambda: sweep(place))).code == 0
        return files(place / "results")


def files(place: Path) -> dict[str, bytes]:
    """The files below a folder by their place in it; of a link, where it leads."""
    found = {}
    for path in sorted(place.rglob("*")):
        if path.is_symlink():
            found[path.relative_to(place).as_posix()] = os.readlink(path).encode()
        elif path.is_file():
            found[path.relative_to(place).as_posix()] = path.read_bytes()
    return found


def lay(place: Path, contents: dict[str, bytes]) -> None:
    """Put files into a folder."""
    for name, content in contents.items():
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_bytes(content)


def cases(seed: int, count: int) -> Iterator[tuple[str, str, str]]:
    """Which folder of the store or of the study is a link, where it leads, and which command meets it."""
    chance = random.Random(seed)
    inside = [".store/alive", ".store/queue", ".store/jobs", ".store/aside", ".store/index", ".store/lock", ".store/ff"]
    folders = sorted({str(Path(name).parent) for name in results() if name.startswith(".store/")} - {".store"})
    records = sorted(name for name in results() if name.startswith(".store/") and name.endswith(".json"))
    for number in range(count):
        at = chance.choice([*inside, *folders, *chance.sample(records, 3), study().name, ".store"])
        yield at, LEADS[number % len(LEADS)], COMMANDS[number // len(LEADS) % len(COMMANDS)]


def check(case: tuple[str, str, str]) -> None:
    """Plant the link, try the command, look outside; without the link the sweep is what it was."""
    at, leads, command = case
    with folder() as place:
        lay(place / "results", results())
        lay(place / "outside", OUTSIDE)
        link, kept = place / "results" / at, place / "kept"
        if os.path.lexists(link):
            link.rename(kept)
        link.parent.mkdir(parents=True, exist_ok=True)
        outside = place / "outside"
        targets = {"folder": outside, "file": outside / "precious.json", "nothing": place / "none", "itself": link}
        link.symlink_to(targets[leads])
        before = files(place / "results")
        end = ended(fork(lambda: _command(place, command)))
        lines = [line for line in end.said.splitlines() if line]
        assert files(place / "outside") == OUTSIDE, f"something outside was changed: {end}"
        assert sorted(path.name for path in place.iterdir() if path != kept) == ["outside", "results"], "made outside"
        if at != study().name or "NAME" in command or command == "the sweep":  # else: a link to no study, which nobody asks for
            assert (end.code, len(lines)) == (3, 1), end
            assert at.split("/")[-1] in lines[0], end
            assert "remove the link" in lines[0], end
        lost = before.items() - files(place / "results").items()
        assert not lost, f"it has changed something: {sorted(lost)[:3]}"
        link.unlink()
        if kept.exists():
            kept.rename(link)
        resumed(place)


def _command(place: Path, command: str) -> int:
    from importlib import import_module

    if command == "the sweep":
        return sweep(place)
    name, *words = command.replace("NAME", study().name).split()
    return import_module(f"freerun.cli.commands.{name}").main([*words, "--results", str(place / "results")])
