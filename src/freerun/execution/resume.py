"""Resumption of a run from its checkpoint, alone or in any group, bit for bit.

The state of a run in training is its weights and its critic's, the moments of their optimisers, the best weights where these
are kept, what its feeder remembers, and its curves; whatever else a run depends on is a function of the update. Each run has a
checkpoint of its own, so that runs which were trained together need not meet again.
"""

from __future__ import annotations

import time

import numpy as np
import torch

from freerun.engine.feeding import kept
from freerun.engine.replicas import Group
from freerun.engine.training import Trainer
from freerun.errors import CorruptRecord
from freerun.execution.checkpoint_contents import MEMORY, columns, demand_fitting, flats, memory_of, needs, outcome_of
from freerun.execution.checkpoint_origin import difference, made
from freerun.store import checkpoints, run_notes
from freerun.store.checkpoints import Checkpoint, OtherForm, State
from freerun.store.records import Store


class Keeper:
    """Keeps the runs of a group, all of which have done the same number of updates, as they train.

    Args:
        starts: the checkpoint of each run; None for a run that begins.
        every: updates between two checkpoints; 0 for none.
        began: when the work on the group began, by `time.perf_counter`.
    """

    def __init__(
        self, store: Store, runs: list[str], starts: list[Checkpoint | None], *, every: int, began: float | None = None
    ) -> None:
        self.store, self.runs, self.starts, self.every = store, runs, starts, every
        self.began = time.perf_counter() if began is None else began
        self.update = starts[0].update if starts[0] else 0
        #: The updates from which each run was resumed, and the seconds it took before.
        self.resumed = [[*start.state.resumed, start.update] if start else [] for start in starts]
        self.seconds = [start.state.seconds if start else 0.0 for start in starts]

    def restore(self, trainer: Trainer) -> int:
        """Restore every run to the state in its checkpoint; return how many updates are done."""
        starts = [start for start in self.starts if start is not None]
        if not starts:
            return 0
        for kind, parameters, flat in flats(trainer):
            rows = [
                np.concatenate([start.tensors[f"{kind}/{name}"].reshape(-1) for name in parameters.shapes]) for start in starts
            ]
            flat.copy_(torch.from_numpy(np.stack(rows)))
        trainer.lessons.memory = memory_of(trainer.group, starts)
        trainer.outcomes[:] = [outcome_of(start) for start in starts]
        for r, outcome in enumerate(trainer.outcomes):
            trainer.alive[r] = outcome.broke is None
        return self.update

    def keep(self, trainer: Trainer, update: int) -> None:
        """Write the checkpoints of the group after so many updates, where it is time to, or where it stops before the last."""
        settings = trainer.group.settings
        due = bool(self.every) and (update % self.every == 0 or update == settings.end)
        if not due or update == settings.updates:
            return
        spent = (time.perf_counter() - self.began) / len(self.runs)
        named: dict[str, np.ndarray] = {}
        for kind, parameters, flat in flats(trainer):
            named |= {f"{kind}/{name}": value.numpy() for name, value in parameters.named(flat=flat.cpu()).items()}
        memory = trainer.lessons.remembered(update)
        named |= {f"{MEMORY}/{name}": value.cpu().numpy() for name, value in memory.tensors.items()}
        for r, run in enumerate(self.runs):
            curves, outcome = columns(trainer.outcomes[r]), trainer.outcomes[r]
            if outcome.ended is not None:  # its checkpoint stays that of before it ended, from where it ends again
                continue
            state = State(
                made=made(trainer.group), numbers=memory.of(r), broke=outcome.broke,
                quantities=list(dict.fromkeys(point.quantity for point in outcome.curves)),
                resumed=self.resumed[r], seconds=self.seconds[r] + spent,
            )  # fmt: skip
            tensors = {name: value[r] for name, value in named.items()} | curves
            checkpoints.write(self.store, Checkpoint(run=run, update=update, state=state, tensors=tensors))


def find(store: Store, run: str, group: Group, noted: str | None = None) -> Checkpoint | None:
    """Return the checkpoint from which a run of a group can be resumed; None if the run has to begin anew.

    A checkpoint that is torn, altered or of another run is set aside; so is one in another form, with a note. A checkpoint of
    another version of Freerun, or of other arithmetic, is not used, for the run would then be neither version's: a note says
    so, and the file stays until the next checkpoint replaces it. One from after this group stops is not used either.

    Args:
        run: by whose identity the checkpoint is kept (`Planned.course`).
        noted: the run beside which notes are left, where it is another one.
    """
    noted = noted or run
    try:
        checkpoint = checkpoints.read(store, run, lambda update: needs(group, update))
        if checkpoint is not None:
            demand_fitting(checkpoint, kept(group, checkpoint.update).numbers, checkpoints.place(store, run))
    except CorruptRecord as fault:
        checkpoints.set_aside(store, run)
        if isinstance(fault, OtherForm):
            run_notes.leave(store, noted, f"begins anew; its checkpoint is set aside: {fault.why}")
        return None
    if checkpoint is None or checkpoint.update > group.settings.end:
        return None
    if other := difference(checkpoint.state.made, made(group)):
        run_notes.leave(store, noted, f"begins anew; its checkpoint, update {checkpoint.update}, was made by {other}")
        return None
    return checkpoint
