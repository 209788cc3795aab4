"""Updates of other code in a process of its own: one for every line that comes in, its seconds of processor time go out."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

#: The code when the goals were set: PyTorch alone, a transformer copied all of its past at every step.
COMMIT = "0db36c1"


def update_of(sizes: dict[str, object]) -> Callable[[], float] | None:
    """Return a function that has `COMMIT` make one update; None where the history of the repository is not there.

    Args:
        sizes: the fields of a `Work`.
    """
    folder = Path(tempfile.mkdtemp())
    done = subprocess.run(["git", "archive", COMMIT, "src"], capture_output=True, check=False, cwd=Path(__file__).parents[3])
    if done.returncode:
        return None
    with tarfile.open(fileobj=io.BytesIO(done.stdout)) as archive:
        archive.extractall(folder, filter="data")
    environment = {**os.environ, "PYTHONPATH": str(folder / "src")}
    child = subprocess.Popen(
        [sys.executable, __file__, json.dumps(sizes)], env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert child.stdin is not None
    assert child.stdout is not None
    to, back = child.stdin, child.stdout

    def run() -> float:
        to.write("\n")
        to.flush()
        return float(back.readline())

    return run


def main() -> None:
    """Make updates of free running on Lorenz-63, by the code that is first in the path."""
    from freerun import Experiment, FreeRunning, Lorenz63, Training
    from freerun.engine.feeding import Lessons
    from freerun.engine.replicas import Group
    from freerun.engine.training import Trainer
    from freerun.execution.group_runner import prepare
    from freerun.parts.registry import get

    prepare()
    sizes = json.loads(sys.argv[1])
    task, model = Lorenz63(length=sizes["T"], sequences=64), get("model", sizes["model"])(hidden=sizes["H"])
    training = Training(updates=10**6, batch=sizes["B"], log_every=10**6)
    experiments = [
        Experiment(task=task, model=model, regime=FreeRunning(), seed=seed, training=training) for seed in range(sizes["R"])
    ]
    for experiment in experiments:
        experiment.evaluation.warmup = 0
    group = Group(experiments, {seed: task.build(seed, sizes["T"]) for seed in range(sizes["R"])})
    trainer = Trainer(group, Lessons(group))
    for update, _ in enumerate(sys.stdin):
        began = time.process_time()
        trainer.update(update)
        print(time.process_time() - began, flush=True)


if __name__ == "__main__":
    main()
