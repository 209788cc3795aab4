"""Build of the compiled engine: one shared library for each instruction set, by the C compiler that is found.

Called when a wheel is built (`hatch_build.py`); ``python -m freerun.engine.compiled.build`` builds beside the source. It needs
no header of Python, imports nothing of Freerun, and never fails: where there is no compiler, there is no library. Each library
says what it was made of, so that one of another source is known.
"""

from __future__ import annotations

import hashlib
import os
import platform
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

SOURCE = Path(__file__).with_name("source")
#: The compiler's switches for each instruction set, the widest first; the first that the processor knows is used.
SETS = {
    "avx512": ("-mavx512f", "-mavx512dq", "-mavx512vl", "-mavx2", "-mfma"),
    "avx2": ("-mavx2", "-mfma"),
    "portable": (),
}
#: Without contraction a product is fused with a sum where the source says so, and nowhere else.
SWITCHES = (
    "-std=gnu11",
    "-O3",
    "-ffp-contract=off",
    "-fno-math-errno",
    "-fPIC",
    "-shared",
    "-Wno-unknown-pragmas",
    "-Wno-psabi",
)


def file_name(instructions: str) -> str:
    """Return the name of the library for an instruction set."""
    return f"rollout_{instructions}.so"


def mark(instructions: str, *further: str) -> str:
    """Return the words by which a library says what it was made of: source, compiler's switches and kind of machine.

    Args:
        further: switches, as for `compiled`.
    """
    switches = [*SWITCHES, *SETS[instructions], *further]
    digest = hashlib.sha256(repr((sys.platform, platform.machine(), instructions, switches)).encode())
    for path in sorted(path for path in SOURCE.iterdir() if path.suffix in (".c", ".h")):
        content = path.read_bytes()
        digest.update(f"{path.name} {len(content)}\n".encode() + content)
    return f"freerun rollout made of {digest.hexdigest()}"


def fresh(path: Path, instructions: str) -> bool:
    """Return whether a library is made of the source that stands here, with the same switches, for this kind of machine.

    Its bytes are searched for its mark: nothing of it is loaded.
    """
    return mark(instructions).encode() in path.read_bytes()


def sets() -> tuple[str, ...]:
    """Return the instruction sets that this kind of machine can have."""
    return tuple(SETS) if platform.machine().lower() in ("x86_64", "amd64") else ("portable",)


def compiler() -> list[str] | None:
    """Return the command of the C compiler: what ``CC`` says, or ``cc``, ``gcc`` or ``clang``; None if there is none."""
    words = shlex.split(os.environ.get("CC", ""))
    if words:
        return words if shutil.which(words[0]) else None
    return next(([name] for name in ("cc", "gcc", "clang") if shutil.which(name)), None)


def compiled(folder: Path, instructions: str, *further: str) -> Path | None:
    """Compile the library for an instruction set into a folder; return its path, or None if the compiler refuses.

    Args:
        further: switches, as the tests need them.
    """
    command = compiler()
    if command is None or sys.platform == "win32":
        return None
    path, part = folder / file_name(instructions), folder / f"{file_name(instructions)}.{os.getpid()}.part"
    sources = [str(SOURCE / name) for name in ("float32.c", "float64.c", "mark.c")]
    made_of = f'-DMARK="{mark(instructions, *further)}"'
    words = [*command, *SWITCHES, *SETS[instructions], *further, made_of, *sources, "-o", str(part)]
    try:
        done = subprocess.run(words, capture_output=True, timeout=600, check=False)
    except (OSError, subprocess.SubprocessError):
        return None
    if done.returncode or not part.exists():
        part.unlink(missing_ok=True)
        return None
    part.replace(path)
    return path


def build(folder: Path) -> list[Path]:
    """Compile all libraries that this machine's compiler can make into a folder; return their paths.

    A library of another source that cannot be made anew is removed.
    """
    made = [path for instructions in sets() if (path := compiled(folder, instructions)) is not None]
    for instructions in SETS:
        path = folder / file_name(instructions)
        if path not in made and path.is_file() and not fresh(path, instructions):
            path.unlink()
    return made


if __name__ == "__main__":
    made = build(Path(__file__).parent)
    print(
        "\n".join(map(str, made)) or "no C compiler was found that can build the engine: engine=reference computes without one"
    )
