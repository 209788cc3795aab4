"""Identity of a process, and whether it is still alive.

A process is known by its machine, its number and when it started. Two containers are two machines, for the numbers of one say
nothing in the other; so is a machine before and after it was started anew.
"""

from __future__ import annotations

import hashlib
import os
from contextlib import suppress
from functools import cache
from pathlib import Path


def name() -> str:
    """Return the name of this process, HOST-NUMBERS-PID-START, fit for a file's name."""
    return f"{host()}-{numbers()}-{os.getpid()}-{started(os.getpid())}"


def alive(process: str) -> bool | None:
    """Return whether the process of that name runs; None if it is one of another machine, or the name has another form."""
    machine, _, rest = process.partition("-")
    counted, _, rest = rest.partition("-")
    pid, _, began = rest.partition("-")
    if (machine, counted) != (host(), numbers()) or not pid.isdecimal() or len(pid) > 18:
        return None
    return began != "" and started(int(pid)) == began


def host() -> str:
    """Return the name of this machine, letters and digits only."""
    plain = "".join(sign if sign.isalnum() else "_" for sign in os.uname().nodename)
    return plain or "unnamed"


@cache
def numbers() -> str:
    """Return a hash of the machine's start and the container, within which process numbers are unique; "0" if unknown."""
    text = ""
    with suppress(OSError):
        text += Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii")
    with suppress(OSError):
        text += str(Path("/proc/self/ns/pid").readlink())
    return hashlib.sha256(text.encode()).hexdigest()[:8] if text else "0"


def started(pid: int) -> str:
    """Return when a process was started, in ticks since the machine's start; "" if there is none, "0" if unknown."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
        state, *rest = text.rpartition(")")[2].split()
        return "" if state in "ZX" else rest[18]
    except (FileNotFoundError, ProcessLookupError):
        if Path("/proc/self/stat").exists():
            return ""
    except OSError:
        return "0"
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return ""
    except PermissionError:
        pass
    return "0"
