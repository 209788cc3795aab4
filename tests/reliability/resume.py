"""Resumption: a killed run goes on bit for bit, and a damaged checkpoint is never believed.

`cases` draws what is trained, how and when it is killed; `check` is the law. A soak draws as many as it has time for.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from unittest import mock

from freerun.config.hydra.compose import experiments
from freerun.engine.replicas import Group
from freerun.errors import ConfigError
from freerun.execution import resume
from freerun.execution.group_runner import Logging, run_group
from freerun.execution.grouping import groups
from freerun.execution.planned_run import Planned, plan
from freerun.execution.run_logs import FOLDER
from freerun.laws.toolkit import teacher_file
from freerun.store import checkpoints
from freerun.store.records import Store, trained_run
from laws.runs import WORLDS

#: What must come up: a world and choices for each model, regime, objective and optimiser that keeps something of its own.
COVERED = (
    ("symbols", "model=gru regime=teacher_forcing"),
    ("symbols", "model=lstm regime=scheduled_sampling training.optimizer=adamw training.weight_decay=0.1"),
    ("symbols", "model=transformer regime=parallel_scheduled_sampling"),
    ("symbols", "model=gru regime=data_as_demonstrator training.optimizer=adamw"),
    ("symbols", "model=gru regime=replay_buffer regime.slots=40 regime.fresh=0.3"),
    ("symbols", "model=gru regime=prefix_curriculum objective=policy_gradient"),
    ("values", "model=gru regime=scheduled_sampling objective=professor_forcing objective.trust=0 training.optimizer=adamw"),
    ("symbols", "model=hidden_recurrent regime=free_running feedback=gumbel feedback.end=0.1"),
    ("values", "model=gru regime=generalized_forcing regime.mode=adaptive regime.every=2"),
    ("values", "model=shallow_plrnn regime=noisy_forcing training.decay=constant"),
    ("values", "model=output_recurrent regime=free_running training.lr=1e3 training.clip=null dtype=float64"),
    ("field", "regime=scheduled_sampling objective=pushforward gradient=stop"),
    ("summary", "regime=teacher_forcing training.weight_decay=0.1"),
    ("symbols", "model=gru regime=free_running objective=exact_expert objective.divergence=jensen_shannon"),
    ("values", "model=gru regime=scheduled_sampling objective=exact_expert gradient=stop"),
    ("symbols", "model=gru regime=free_running objective=distillation objective.labels=0.5 objective.teacher=TEACHER"),
    ("symbols", "model=gru regime=scheduled_sampling regime.coin=epoch regime.epoch=4"),
    ("symbols", "model=gru regime=scheduled_sampling regime.coin=sequence"),
    ("values", "model=gru regime=free_running training.optimizer=sgd training.momentum=0.9"),
    ("values", "model=gru regime=free_running training.lr=0.3 training.decay=plateau training.decay_patience=0"),
    ("values", "model=gru regime=free_running training.patience=2 training.lr=0.3"),
    ("values", "model=gru regime=scheduled_sampling training.keep=best training.lr=0.5 training.decay=constant"),
    ("values", "model=gru regime=scheduled_sampling objective=gaussian_likelihood objective.components=2 feedback=sample"),
    ("values", "model=gru model.layers=2 model.dropout=0.3 regime=scheduled_sampling"),
    ("symbols", "model=lstm model.layers=3 model.dropout=0.5 regime=free_running"),
    ("values", "model=gru regime=scheduled_sampling training.window=5"),
    ("symbols", "model=min_gru regime=scheduled_sampling"),
    ("values", "model=lru regime=scheduled_sampling"),
    ("values", "model=selective_ssm regime=scheduled_sampling training.optimizer=adamw"),
    ("values", "model=echo_state"),
    ("symbols", "model=encoder_decoder regime=scheduled_sampling"),
    ("field", "model=convolution regime=free_running"),
    ("values", "model=direct objective=huber"),
    ("values", "model=gru regime=noisy_free_running objective=diverted_chain"),
    ("values", "model=gru regime=random_unrolling training.levels=ramp"),
    ("values", "model=gru model.layers=2 regime=error_forcing regime.strength=0.1,0.5"),
)
AXES: dict[str, tuple[str, ...]] = {
    "model": (
        "gru", "lstm", "hidden_recurrent", "output_recurrent", "linear", "transformer", "shallow_plrnn", "stencil",
        "sequence_to_one", "gru model.layers=2 model.dropout=0.4", "min_gru", "lru", "selective_ssm", "echo_state",
        "encoder_decoder", "convolution", "direct",
    ),
    "regime": (
        "teacher_forcing", "free_running", "scheduled_sampling", "data_as_demonstrator", "generalized_forcing",
        "generalized_forcing regime.mode=adaptive regime.every=3", "noisy_forcing", "parallel_scheduled_sampling",
        "prefix_curriculum", "sparse_forcing", "random_unrolling", "noisy_free_running", "replay_buffer",
        "error_forcing",
    ),
    "objective": (
        "null", "null", "professor_forcing objective.trust=0 objective.hidden=3", "policy_gradient", "pushforward",
        "exact_expert", "gaussian_likelihood", "huber", "diverted_chain",
    ),
    "gradient": ("through", "stop", "every_3"),
    "training.optimizer": ("adam", "adamw", "sgd"),
    "training.weight_decay": ("0", "0.1"),
    "training.patience": ("null", "null", "3"),
    "training.window": ("null", "null", "5"),
    "training.decay": ("cosine", "constant", "step training.decay_every=2", "plateau training.decay_patience=1"),
    "training.lr": ("0.003", "0.05", "1e38"),
    "training.log_every": ("1", "4"),
    "dtype": ("float32", "float64"),
}  # fmt: skip
UPDATES = 9
#: Where the curves of the runs of a case go.
LOG = ("csv",)


@dataclass(frozen=True, kw_only=True)
class Case:
    """Some runs, and the seed of how they are grouped and killed."""

    world: str
    choices: str
    seed: int
    every: int

    def runs(self) -> list[Planned]:
        size = ["model.hidden=4"] if "hidden" in vars(self._experiments([])[0].model) else []
        return plan(self._experiments([*size, "seed=0,1,2"]))

    def _experiments(self, more: list[str]) -> list[Any]:
        words = [
            *WORLDS[self.world],
            f"training.updates={UPDATES}",
            "training.log_every=1",
            "evaluation.orbit=0",
            *self.choices.split(),
            *more,
        ]
        words = [word.replace("TEACHER", teacher_file()) for word in words]
        return experiments(list({word.partition("=")[0]: word for word in words}.values()), sweep=True)


def cases(seed: int, count: int) -> Iterator[Case]:
    """First what must come up, then whatever fits together."""
    return (case(seed, number) for number in range(count))


@cache
def case(seed: int, number: int) -> Case:
    """One of the cases; each has draws of its own."""
    draw = random.Random(f"{seed} {number}")
    while True:
        world, choices = COVERED[number] if number < len(COVERED) else _drawn(draw)
        found = Case(world=world, choices=choices, seed=draw.getrandbits(32), every=draw.choice((1, 2, 3)))
        try:
            found.runs()
        except ConfigError:
            continue
        return found


def _drawn(draw: random.Random) -> tuple[str, str]:
    chosen = {axis: draw.choice(values) for axis, values in AXES.items()}
    world = "field" if chosen["model"] == "stencil" else "summary" if chosen["model"] == "sequence_to_one" else ""
    words = " ".join(f"{axis}={value}" for axis, value in chosen.items())
    return world or draw.choice(("symbols", "values")), words


class Killed(BaseException):
    """What a killed process does not say."""


def trained(runs: list[Planned], store: Store, every: int, kill_at: int | None = None, log: tuple[str, ...] = ()) -> None:
    """Train a group, killed at so many-th event: an update that is logged, or a file that is about to be written or removed."""
    events = 0

    def tick(*_: Any) -> None:
        nonlocal events
        events += 1
        if events == kill_at:
            raise Killed

    def ticking(genuine: Callable[..., None]) -> Callable[..., None]:
        def call(*words: Any) -> None:
            tick()
            genuine(*words)

        return call

    with ExitStack() as patches:
        for owner, name in ((checkpoints, "write"), (checkpoints, "remove"), (Store, "write")):
            patches.enter_context(mock.patch.object(owner, name, ticking(getattr(owner, name))))
        run_group(runs, store, tick, checkpoint_every=every, logging=Logging(trackers=log))


def left(store: Store, run: str) -> tuple[dict[str, Any], bytes]:
    """What a run left behind, without how it was made."""
    record = store.read(run)
    del record["provenance"]
    return record, store.path(trained_run(run)).with_suffix(".safetensors").read_bytes()


def logs(store: Store) -> dict[str, bytes]:
    """The logs of all runs, by the names of their files."""
    return {path.name: path.read_bytes() for path in (store.root.parent / FOLDER).rglob("*.csv")}


def check(case: Case, folder: Path) -> int:
    """However a run is killed, regrouped and resumed, it leaves the bits of a run that nobody disturbed, in its log too.

    Returns:
        How many times a run was resumed in the middle.
    """
    runs, calm, rough = case.runs(), Store(folder / "calm" / ".store"), Store(folder / "rough" / ".store")
    calm.open()
    rough.open()
    for group in groups(runs, 64):
        trained(group, calm, 0, log=LOG)
    draw, tries = random.Random(case.seed), 0
    while missing := [run for run in runs if not rough.has(run.id)]:
        tries += 1
        draw.shuffle(missing)
        for group in groups(missing, 64 if tries == 1 else draw.choice((1, 2, 3))):
            # The first time after the first checkpoints and before the first record, then anywhere, in the end nowhere.
            kill_at = draw.randint(7, 14) if tries == 1 else draw.randint(1, 30) if tries < 4 else None
            try:
                trained(group, rough, case.every, kill_at, LOG)
            except Killed:
                break
    resumed = 0
    for run in runs:
        assert left(rough, run.id) == left(calm, run.id), f"{case}: seed {run.experiment.seed} differs after {tries} tries"
        resumed += len(rough.read(run.id)["provenance"]["resumed_from"])
    assert logs(rough) == logs(calm), f"{case}: the logs differ after {tries} tries"
    checkpoints.clear(rough)
    assert not list(rough.root.rglob(f"*{checkpoints.SUFFIX}")), f"{case}: a finished run has a checkpoint left"
    return resumed


def alter(content: bytes, draw: random.Random) -> bytes:
    """The same file with one fault: cut, a bit, a byte, a piece gone, doubled or in another place, or something else."""
    at, other = draw.randrange(len(content)), draw.randrange(len(content))
    first, last = sorted((at, other))
    altered = draw.choice(
        (
            content[:at],
            content[:at] + bytes([content[at] ^ (1 << draw.randrange(8))]) + content[at + 1 :],
            content[:at] + draw.randbytes(1) + content[at + 1 :],
            content[:first] + content[last:],
            content[:last] + content[first:],
            content[:first] + bytes(last - first) + content[last:],
            content + draw.randbytes(draw.randint(1, 100)),
            draw.randbytes(len(content)),
            len(content).to_bytes(8, "little") + content[8:],
        )
    )
    return altered if altered != content else content[:at]


def killed(runs: list[Planned], store: Store) -> None:
    """Kill a group of runs with a checkpoint after every second update in its seventh."""
    store.open()
    try:
        trained(runs, store, 2, 7 + 3 * len(runs))
    except Killed:
        return
    raise AssertionError("was not killed")


@cache
def stopped() -> tuple[bytes, str, Group]:
    """The checkpoint of a run that was killed in training, its identity, and its group."""
    runs = next(iter(cases(0, 1))).runs()
    with TemporaryDirectory() as folder:
        store = Store(Path(folder))
        killed(runs, store)
        first = runs[0].experiment
        length = max(first.task.length, sum(first.span))
        group = Group([first], {first.seed: first.task.build(first.seed, length)})
        return checkpoints.place(store, runs[0].id).read_bytes(), runs[0].id, group


def check_alteration(number: int, folder: Path) -> None:
    """A checkpoint with one fault is refused, set aside, and the run begins again."""
    content, run, group = stopped()
    store = Store(folder / ".store")
    path = checkpoints.place(store, run)
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    assert resume.find(store, run, group) is not None
    path.write_bytes(alter(content, random.Random(number)))
    assert resume.find(store, run, group) is None
    assert not path.exists()
    assert len(list((store.root / "aside").iterdir())) == 1
