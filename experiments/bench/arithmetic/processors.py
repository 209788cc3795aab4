"""Bits on other processors: the digests of short runs on this machine, and on processors that an emulator stands in for.

Needs ``qemu-x86_64`` (Debian: ``apt-get install qemu-user``), which has no AVX-512 and answers like the processor that it is
told to be, but for approximate instructions, whose results are exact there. Takes about half an hour on two cores:
``python experiments/bench/arithmetic/processors.py`` writes results/bench/arithmetic/processors.md.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from freerun import arithmetic
from freerun.store.provenance import commit

TOP = Path(__file__).parents[3]
#: As the emulator names them: Intel's of 2013, AMD's of 2017 and of 2019.
EMULATED = ("Haswell", "EPYC", "EPYC-Rome")
LIBRARIES = {name for wanted in arithmetic.MODES.values() for name in wanted}
#: The emulator (7.2) breaks numpy's sort for AVX2; without it numpy takes the instructions of every x86-64 processor.
NUMPY = {"NPY_DISABLE_CPU_FEATURES": "X86_V3"}


def found(processor: str, mode: str) -> dict:
    """What `laws.bits` finds in this mode on a processor; "" is that of this machine."""
    plain = {name: value for name, value in os.environ.items() if name not in LIBRARIES}
    switches = {arithmetic.VARIABLE: mode, "PYTHONPATH": str(TOP / "tests"), **(NUMPY if processor else {})}
    if processor and mode == "native":
        switches["ATEN_CPU_CAPABILITY"] = "avx2"  # what torch would choose there: it asks the real machine
    before = ["qemu-x86_64", "-cpu", processor] if processor else []
    words = [*before, sys.executable, "-m", "laws.bits"]
    done = subprocess.run(words, env={**plain, **switches}, capture_output=True, text=True, check=True, cwd=TOP)
    return json.loads(done.stdout)


def main() -> None:
    """Compare, print, write."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", type=Path, default=TOP / "results/bench/arithmetic")
    parser.add_argument("--modes", nargs="+", choices=list(arithmetic.MODES), default=list(arithmetic.MODES))
    parser.add_argument("--processors", nargs="+", choices=EMULATED, default=list(EMULATED))
    options = parser.parse_args()
    if shutil.which("qemu-x86_64") is None:
        raise SystemExit("needs qemu-x86_64 (Debian: apt-get install qemu-user)")
    asked = [(processor, mode) for mode in options.modes for processor in ("", *options.processors)]
    with ThreadPoolExecutor(2) as pool:
        answers = dict(zip(asked, pool.map(lambda each: found(*each), asked), strict=True))
    lines = [
        "# Bits on other processors",
        "",
        "Short runs of every model, regime and way through the engine, all measures, the data of every generated task: how",
        "many of their digests are those of this machine, and whether products know where memory lies and who shares a group.",
        "",
        f"This machine: {arithmetic.processor()}. The others are emulated by {_version()}. Commit {commit()}.",
        f"Command: `python experiments/bench/arithmetic/processors.py {' '.join(sys.argv[1:])}`.",
        "",
        "| mode | processor | MKL's branch | equal digests: data | runs | products by memory | by group |",
        "|---|---|---|---|---|---|---|",
    ]
    for (processor, mode), answer in answers.items():
        mine, here = answer["digests"], answers["", mode]["digests"]
        data = [case for case in here if case.startswith(("data", "Lyapunov"))]
        runs = [case for case in here if case not in data]
        cells = [f"{sum(mine[case] == here[case] for case in some)} of {len(some)}" for some in (data, runs)]
        laws = [
            "differ" if answer["laws"][f"law_products_do_not_know_{law}"] else "same"
            for law in ("where_memory_lies", "their_group")
        ]
        branch = answer["arithmetic"].partition("MKL ")[2].partition(",")[0]
        lines.append(f"| {mode} | {processor or 'this machine'} | {branch} | {' | '.join([*cells, *laws])} |")
    text = "\n".join(lines) + "\n"
    print(text, end="")
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "processors.md").write_text(text, encoding="utf-8")


def _version() -> str:
    said = subprocess.run(["qemu-x86_64", "--version"], capture_output=True, text=True, check=True).stdout
    return " ".join(said.split()[:3])


if __name__ == "__main__":
    main()
