"""Launcher `slurm`: groups as the tasks of one Slurm job array, through submitit.

A task is handed the folder of the store and the identities of its runs; it keeps a worker process of its own, so that a run
that dies costs its group alone. Its scripts and logs are under ``.store/jobs``. A task that is preempted or runs out of time is
put back into the queue and goes on from the last checkpoints.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, fields
from enum import Enum, StrEnum
from typing import Any, ClassVar

from freerun.errors import ConfigError, require
from freerun.execution import bisection
from freerun.execution.launchers import Launcher, needs
from freerun.execution.launchers import _queue as queue
from freerun.execution.launchers._following import Following
from freerun.execution.planned_run import Planned
from freerun.execution.progress import Watcher
from freerun.execution.worker_supervisor import Terms, serve
from freerun.store.records import Store

#: Seconds between two looks at the queue.
PERIOD = 1.0
#: After so many seconds a task that the cluster does not know is no more; sooner it may not have heard of it.
FORGOTTEN = 600.0
#: How often a task that ran out of time is put back into the queue.
REQUEUES = 24
#: What has to be on the path.
TOOLS = ("sbatch", "srun", "sacct", "scancel")
#: Settings that are handed on to sbatch, and that nobody else has a use for.
OF_SBATCH = ("partition", "account", "qos", "constraint", "gres", "nodelist", "exclude")


class Cluster(StrEnum):
    """Who runs the jobs."""

    slurm = "slurm"
    local = "local"


@dataclass(kw_only=True)
class Slurm(Launcher):
    """Tasks of a Slurm job array, through submitit (extra slurm); the options are those of sbatch.

    Attributes:
        minutes: that a task may take.
        memory: gigabytes of a task, which are asked of sbatch and bound its group; null asks for none and bounds nothing.
        partition, account, qos, constraint, gres, nodelist, exclude: as for sbatch.
        gpus: of a task.
        cluster: `local` runs the same jobs as processes of this machine, to try a set-up without a cluster.
        wait: stay until all is done; otherwise submit and return, and see `freerun status`.
    """

    here: ClassVar[bool] = False

    memory: float | None = 4.0
    minutes: int = 60
    partition: str | None = None
    account: str | None = None
    qos: str | None = None
    constraint: str | None = None
    gres: str | None = None
    nodelist: str | None = None
    exclude: str | None = None
    gpus: int = 0
    cluster: Cluster = Cluster.slurm
    wait: bool = True

    def __post_init__(self) -> None:
        super().__post_init__()
        self._known: dict[str, Any] = {}
        require(1 <= self.minutes <= 10**6, "minutes", self.minutes, "be from 1 to 1000000")
        require(0 <= self.gpus <= 1024, "gpus", self.gpus, "be from 0 to 1024")
        for item in fields(self):
            value = getattr(self, item.name)
            if isinstance(value, str) and not isinstance(value, Enum):
                plain = all(sign.isalnum() or sign in "_-.,:=&|[]()*+/@" for sign in value) and 0 < len(value) <= 200
                require(plain, item.name, value, "be a word that sbatch takes")

    @property
    def at_once(self) -> int:
        return super().at_once if self.cluster is Cluster.local else self.workers or 256

    @property
    def waits(self) -> bool:
        return self.wait

    def check(self) -> None:
        needs("submitit", "slurm", "launcher=slurm")
        if self.cluster is Cluster.slurm and (missing := [tool for tool in TOOLS if shutil.which(tool) is None]):
            raise ConfigError(f"launcher=slurm: no {missing[0]} here; run it on a login node, or try launcher.cluster=local")
        if self.cluster is Cluster.local and not self.wait:
            raise ConfigError("launcher.wait=false: launcher.cluster=local has no queue that would outlive this process")
        if self.cluster is Cluster.local and (idle := [f"launcher.{name}" for name in OF_SBATCH if getattr(self, name)]):
            print(f"note: {', '.join(idle)}: launcher.cluster=local has no use for what sbatch alone takes", file=sys.stderr)

    def launch(self, groups: Sequence[list[Planned]], store: Store, watcher: Watcher) -> None:
        # A cluster queues what it has no room for; the local stand-in would start all of it at once.
        room = len(groups) if self.cluster is Cluster.slurm else self.at_once
        waiting = [(number, [run.id for run in group]) for number, group in enumerate(groups)]
        running: dict[str, tuple[Any, int, list[str]]] = {}
        try:
            with Following(groups, store, watcher) as following:
                while waiting or running:
                    batch, waiting = waiting[: max(0, room - len(running))], waiting[max(0, room - len(running)) :]
                    if batch:
                        jobs = self._submit([runs for _, runs in batch], store)
                        running |= {job.job_id: (job, *entry) for job, entry in zip(jobs, batch, strict=True)}
                    if not self.wait:
                        return
                    for name in [name for name, entry in running.items() if entry[0].done()]:
                        ended, number, runs = running.pop(name)
                        queue.remove(store, name)
                        if reason := _fault(ended):
                            waiting += [(number, half) for half in bisection.halves(runs, store, reason)]
                        unfinished = {group for group, _ in waiting} | {group for _, group, _ in running.values()}
                        if number not in unfinished:
                            following.close(number)
                    time.sleep(PERIOD)
        except BaseException:
            for name, entry in running.items():
                with suppress(Exception):  # it may have ended meanwhile
                    entry[0].cancel()
                queue.remove(store, name)
            raise

    def queued(self, store: Store) -> set[str]:
        """Return the runs of tasks that an earlier command has submitted and that have not ended."""
        if self.cluster is Cluster.local:
            return set()
        from submitit.slurm.slurm import SlurmJob

        listed, first = dict(queue.listed(store)), not self._known
        for name in listed.keys() - self._known.keys():
            self._known[name] = SlurmJob(folder=store.root / "jobs" / "%j", job_id=name)
        if first and self._known:  # one question for all tasks; then as often as submitit thinks fit
            SlurmJob.watcher.update()
        ended = {name for name in listed if self._known[name].done()}
        unknown = {name for name in listed.keys() - ended if self._known[name].state == "UNKNOWN"}
        old = {name for name in unknown if queue.age(store, name) > FORGOTTEN}
        ended |= old if old and _answers() else set()
        for name in ended:
            queue.remove(store, name)
        return {run for name, runs in listed.items() if name not in ended for run in runs}

    def _submit(self, groups: list[list[str]], store: Store) -> list[Any]:
        import submitit

        options = {"slurm_max_num_timeout": REQUEUES} if self.cluster is Cluster.slurm else {}
        executor = submitit.AutoExecutor(folder=store.root / "jobs" / "%j", cluster=self.cluster.value, **options)
        executor.update_parameters(name="freerun", timeout_min=self.minutes, cpus_per_task=self.threads)
        executor.update_parameters(nodes=1, tasks_per_node=1)
        if self.memory is not None:
            executor.update_parameters(mem_gb=self.memory)
        if self.gpus:
            executor.update_parameters(gpus_per_node=self.gpus)
        if self.cluster is Cluster.slurm:
            chosen = {f"slurm_{name}": value for name in OF_SBATCH if (value := getattr(self, name)) is not None}
            executor.update_parameters(slurm_array_parallelism=self.at_once, **chosen)
        place = str(store.root.resolve())
        try:
            jobs: list[Any] = executor.map_array(Task(self.terms), [place] * len(groups), groups)
        except Exception as fault:  # whatever sbatch does not like
            text = " ".join(str(fault).split())
            raise ConfigError(f"launcher=slurm: the jobs were not accepted: {text[-120:]}") from None
        if self.cluster is Cluster.slurm:
            for job, runs in zip(jobs, groups, strict=True):
                queue.add(store, job.job_id, runs)
            print(f"job {jobs[0].job_id.split('_')[0]}: {len(jobs)} tasks are queued; logs in {store.root}/jobs", flush=True)
        return jobs


@dataclass(frozen=True)
class Task:
    """What a task of the array does."""

    terms: Terms

    def __call__(self, store: str, runs: list[str]) -> None:
        """Do a group."""
        serve(store, runs, self.terms)

    def checkpoint(self, store: str, runs: list[str]) -> Any:
        """Return the same task, which resumes from its checkpoints; submitit calls this when it is preempted or out of time."""
        from submitit.helpers import DelayedSubmission

        return DelayedSubmission(self, store, runs)


def _answers() -> bool:
    """Return whether the accounting of the cluster answers; where it does not, the state of every job is unknown."""
    try:
        return subprocess.run(["sacct", "--noheader", "-X"], capture_output=True, timeout=60).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


def _fault(job: Any) -> str | None:
    """Return why a job ended before its group was done; None if it came to its end."""
    try:
        fault = job.exception()
    except Exception as unknown:  # a job whose result cannot be read
        fault = unknown
    if fault is None:
        return None
    return f"job {job.job_id} ended in state {job.state}; its log is {job.paths.stderr}"
