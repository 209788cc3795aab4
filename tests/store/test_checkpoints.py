"""Tests of checkpoints: a killed run goes on bit for bit, and a foreign checkpoint is never believed."""

from __future__ import annotations

import errno
import json
import os
import random
from dataclasses import replace
from unittest import mock

import msgspec
import numpy as np
import pytest
import safetensors.numpy
from msgspec import structs
from msgspec.structs import asdict
from safetensors import SafetensorError

from freerun.errors import CorruptRecord, StoreError
from freerun.execution import checkpoint_contents, checkpoint_origin, group_runner, resume
from freerun.execution.launchers.inline import Inline
from freerun.io.container import Form, wrapped
from freerun.store import checkpoints, run_notes, tensor_header
from freerun.store.checkpoints import Checkpoint, Need, State
from freerun.store.records import Store
from freerun.sweeps import sweep
from reliability import resume as kit
from tiers import tiered

#: Those with a state of their own beside weights and optimiser: kept values of a group, a critic, data that grow.
QUICK = ("model=gru regime=teacher_forcing", "adaptive", "professor_forcing", "data_as_demonstrator")


def of(words: str) -> kit.Case:
    """The case of those that must come up whose choices hold some words; it is composed where a test wants it."""
    return kit.case(0, next(number for number, (_, choices) in enumerate(kit.COVERED) if words in choices))


def update_of(store: Store, run: str) -> int:
    """The number of updates that the header of a sound checkpoint gives; 0 where there is no file."""
    path = checkpoints.place(store, run)
    if not path.exists():
        return 0
    header = path.read_bytes().partition(b"\n")[2]
    metadata = tensor_header.parsed(header[8 : 8 + int.from_bytes(header[:8], "little")])[1]
    return int(msgspec.json.decode(metadata, type=checkpoints.About).update)


@pytest.mark.parametrize(
    "choices",
    tiered((choices for _, choices in kit.COVERED), quick=lambda choices: any(words in choices for words in QUICK)),
    ids=lambda choices: choices.replace("model=", "").replace("regime=", ""),
)
def test_a_killed_run_goes_on_bit_for_bit(choices, tmp_path):
    resumed = kit.check(of(choices), tmp_path)
    assert resumed > 0 or "echo_state" in choices, "no run was resumed in the middle"  # which has no middle


# --- keepers with one fault each ---


def _forgets(what):
    def restore(self, trainer, genuine=resume.Keeper.restore):
        done = genuine(self, trainer)
        if done:
            what(trainer)
        return done

    return restore


def _late(self, trainer, genuine=resume.Keeper.restore):
    return max(0, genuine(self, trainer) - 1)


def _in_another_order(self, trainer, genuine=resume.Keeper.restore):
    self.starts = self.starts[::-1]
    return genuine(self, trainer)


def _watch_nothing(trainer):
    for watch in trainer.watches:
        watch.see = lambda _, watch=watch: watch


BROKEN = [
    ("model=gru regime=teacher_forcing", _forgets(lambda trainer: trainer.optimizer.first.zero_())),
    ("model=gru regime=teacher_forcing", _forgets(lambda trainer: trainer.optimizer.second.zero_())),
    ("training.decay=plateau", _forgets(_watch_nothing)),
    ("training.momentum", _forgets(lambda trainer: trainer.optimizer.velocity.zero_())),
    ("model=gru regime=teacher_forcing", _forgets(lambda trainer: trainer.outcomes[0].curves.clear())),
    ("model=gru regime=teacher_forcing", _late),
    ("model=gru regime=teacher_forcing", _in_another_order),
    ("professor_forcing", _forgets(lambda trainer: trainer.critic_optimizer.second.zero_())),
    ("data_as_demonstrator", _forgets(lambda trainer: trainer.lessons.memory.tensors.clear())),
    ("adaptive", _forgets(lambda trainer: trainer.lessons.memory.numbers.update(share=[1.0] * 3))),
]


@pytest.mark.parametrize(("choices", "restore"), tiered(BROKEN, quick=lambda case: case is BROKEN[0]))
def test_the_law_catches_a_keeper_that_forgets(choices, restore, tmp_path):
    case = of(choices)
    runs, calm, rough = case.runs(), Store(tmp_path / "calm"), Store(tmp_path / "rough")
    calm.open()
    kit.trained(runs, calm, 0)
    kit.killed(runs, rough)
    with mock.patch.object(resume.Keeper, "restore", restore):
        kit.trained(runs, rough, 0)
    assert any(kit.left(calm, run.id) != kit.left(rough, run.id) for run in runs), "a broken keeper leaves the same bits"


def law_a_run_that_broke_stays_as_it_was(store, run, group):
    """Whatever it would do now: its weights are those of its checkpoint, and it is diverged where it was."""
    stopped = checkpoints.read(store, run.id, lambda update: checkpoint_contents.needs(group, update))
    checkpoints.write(store, _state(stopped, broke=[3, "loss"]))
    kit.trained([run], store, 0)
    record = store.read(run.id)
    assert (record["status"], record["reason"]) == ("diverged", "loss not finite at update 3")
    for name, value in store.weights(run.id).items():
        assert value.tobytes() == stopped.tensors[f"weights/{name}"].tobytes(), f"{name} has moved"


@pytest.mark.parametrize("sound", [True, False])
def test_a_run_that_broke_stays_as_it_was(sound, stopped, tmp_path):
    store, (run, *_), group = stopped
    other = Store(tmp_path)
    other.open()
    checkpoints.write(other, checkpoints.read(store, run.id, lambda update: checkpoint_contents.needs(group, update)))
    if sound:
        law_a_run_that_broke_stays_as_it_was(other, run, group)
        return
    forgetful = _forgets(lambda trainer: trainer.alive.fill_(True))
    with mock.patch.object(resume.Keeper, "restore", forgetful), pytest.raises(AssertionError, match="has moved"):
        law_a_run_that_broke_stays_as_it_was(other, run, group)


# --- files that are not what they seem ---


@pytest.fixture(scope="module")
def stopped(tmp_path_factory):
    """A store with runs that were killed, these runs, and the group that they are of."""
    runs, store = of("adaptive").runs(), Store(tmp_path_factory.mktemp("stopped"))
    kit.killed(runs, store)
    experiments = [run.experiment for run in runs]
    data = {e.seed: e.task.build(e.seed, max(e.task.length, sum(e.span))) for e in experiments}
    return store, runs, resume.Group(experiments, data)


def _body(path):
    """What follows the first line of a file."""
    return path.read_bytes().partition(b"\n")[2]


def believed(read, store, run, count, seed=0):
    """The altered files that a reader takes for sound."""
    path, draw, found = checkpoints.place(store, run), random.Random(seed), []
    content = path.read_bytes()
    try:
        for number in range(count):
            path.write_bytes(kit.alter(content, draw))
            try:
                read()
                found.append(number)
            except CorruptRecord:
                pass
    finally:
        path.write_bytes(content)
    return found


def test_any_alteration_is_seen(stopped):
    store, (run, *_), group = stopped

    def read():
        checkpoints.read(store, run.id, lambda update: checkpoint_contents.needs(group, update))

    read()
    assert not believed(read, store, run.id, 300)


def test_the_law_catches_a_reader_that_believes_what_can_be_loaded(stopped):
    store, (run, *_), _ = stopped

    def read():
        try:
            safetensors.numpy.load(_body(checkpoints.place(store, run.id)))
        except (SafetensorError, ValueError, KeyError) as fault:
            raise CorruptRecord(str(fault)) from None

    assert believed(read, store, run.id, 50)


def test_the_whole_header_counts(stopped):
    store, (run, *_), group = stopped
    path = checkpoints.place(store, run.id)
    content = path.read_bytes()
    start = content.index(b"\n") + 1
    length = start + 8 + int.from_bytes(content[start : start + 8], "little")
    for at in [*range(250), *range(250, length, 11)]:
        path.write_bytes(content[:at] + bytes([content[at] ^ (1 << at % 8)]) + content[at + 1 :])
        with pytest.raises(CorruptRecord, match=r"^[^\n\x1b]{1,300}$"):
            checkpoints.read(store, run.id, lambda update: checkpoint_contents.needs(group, update))
    path.write_bytes(content)


def test_it_is_safetensors_and_comes_back_as_it_was(stopped):
    store, (run, *_), group = stopped
    path = checkpoints.place(store, run.id)
    found = checkpoints.read(store, run.id, lambda update: checkpoint_contents.needs(group, update))
    assert checkpoints.encoded(found) == path.read_bytes()
    loaded = safetensors.numpy.load(_body(path))
    assert loaded.keys() == found.tensors.keys()
    assert all(loaded[name].tobytes() == value.tobytes() for name, value in found.tensors.items())
    assert found.update == update_of(store, run.id) == 6
    assert update_of(store, "0" * 16) == 0


SOUND = State(made={}, numbers={}, broke=None, quantities=[], resumed=[], seconds=0.0)
#: Files with a right checksum, each with one thing that this run cannot have.
HOSTILE = {
    "another run": lambda c: replace(c, run="f" * 16),
    "no update": lambda c: replace(c, update=0),
    "the last update": lambda c: replace(c, update=kit.UPDATES),
    "an update without end": lambda c: replace(c, update=10**14),
    "a tensor more": lambda c: replace(c, tensors={**c.tensors, "weights/more": np.zeros((1, 1), "<f4")}),
    "a name that is a path": lambda c: replace(c, tensors={**c.tensors, "../../x": np.zeros((1, 1), "<f4")}),
    "a tensor less": lambda c: replace(c, tensors=dict(list(c.tensors.items())[1:])),
    "another shape": lambda c: replace(c, tensors={n: v[:-1] if n.startswith("first/") else v for n, v in c.tensors.items()}),
    "another type": lambda c: replace(c, tensors={n: v.astype("<f8") for n, v in c.tensors.items()}),
    "long curves": lambda c: _curves(c, update=np.zeros(10**4, "<i8"), quantity=np.zeros(10**4, "<i8"), value=np.zeros(10**4)),
    "curves of two lengths": lambda c: _curves(c, value=np.zeros(1)),
    "a quantity without a name": lambda c: _curves(c, quantity=c.tensors["curves/quantity"] + 9),
    "a quantity before the first": lambda c: _curves(c, quantity=c.tensors["curves/quantity"] - 9),
    "curves of the future": lambda c: _curves(c, update=c.tensors["curves/update"] + 9),
    "an infinite value": lambda c: _curves(c, value=c.tensors["curves/value"] * np.inf),
    "a name in code": lambda c: _state(c, quantities=["<script>", *c.state.quantities[1:]]),
    "names in no list": lambda c: _state(c, quantities=5),
    "more names than any run has": lambda c: _state(c, quantities=["loss"] * (checkpoints.QUANTITIES + 1)),
    "a share of 2": lambda c: _state(c, numbers={"share": 2.0}),
    "a share that is text": lambda c: _state(c, numbers={"share": "1"}),
    "a number more": lambda c: _state(c, numbers={**c.state.numbers, "more": 0.5}),
    "no number": lambda c: _state(c, numbers={}),
    "numbers in no mapping": lambda c: _state(c, numbers=[0.5]),
    "seconds that never were": lambda c: _state(c, seconds=-1.0),
    "resumed from nowhere": lambda c: _state(c, resumed=[True]),
    "broken in the future": lambda c: _state(c, broke=[99, "loss"]),
    "broken in a page": lambda c: _state(c, broke=[1, "\\input{x}"]),
    "resumed from the future": lambda c: _state(c, resumed=[6]),
    "made by nobody": lambda c: _state(c, made="here"),
    "no word on whether it broke": lambda c: replace(c, state={k: v for k, v in asdict(c.state).items() if k != "broke"}),
    "no state": lambda c: replace(c, state={}),
    "a state that is no mapping": lambda c: replace(c, state=[]),
}  # fmt: skip


def _curves(checkpoint, **columns):
    changed = {f"curves/{name}": value for name, value in columns.items()}
    return replace(checkpoint, tensors={**checkpoint.tensors, **changed})


def _state(checkpoint, **changes):
    return replace(checkpoint, state=structs.replace(checkpoint.state, **changes))


@pytest.mark.parametrize("name", HOSTILE)
def test_a_file_with_a_right_checksum_is_refused_where_it_does_not_fit(name, stopped, tmp_path):
    store, (run, *_), group = stopped
    sound = checkpoints.read(store, run.id, lambda update: checkpoint_contents.needs(group, update))
    other = Store(tmp_path)
    other.open()
    checkpoints.write(other, sound)
    assert resume.find(other, run.id, group).update == 6
    hostile = HOSTILE[name](sound)
    checkpoints.place(other, run.id).write_bytes(checkpoints.encoded(hostile))
    assert resume.find(other, run.id, group) is None
    assert not checkpoints.place(other, run.id).exists()
    assert [path.name for path in (tmp_path / "aside").iterdir()] == [f"{run.trained}.0.checkpoint"]


@pytest.mark.parametrize(
    "header",
    [
        "[]", "5", '{"__metadata__":5}', '{"__metadata__":{}}', "[" * 5000, '{"a":' * 5000,
        '{"__metadata__":{"run":"RUN","update":"6","state":"' + "[" * 5000 + '"}}',
        '{"__metadata__":{"run":"RUN","update":"6","state":"{}"},"a":5}',
        '{"__metadata__":{"run":"RUN","update":"6","state":"{}"},"a":{"dtype":[],"shape":[]}}',
        '{"__metadata__":{"run":"RUN","update":"6","state":"{}"},"a":{"dtype":"F32","shape":5}}',
        '{"__metadata__":{"run":"RUN","update":"6","state":"{}"},'
        '"a":{"dtype":"F32","shape":[4294967296,4294967296,4294967296],"data_offsets":[0,0]}}',
        '{"__metadata__":{"run":"RUN","update":"6","state":"{}"},'
        '"a":{"dtype":"F32","shape":[-1],"data_offsets":[0,-4]}}',
        '{"__metadata__":{"run":"RUN","update":"\\u0666","state":"{}"}}',
        '{"__metadata__":{"run":"RUN","update":6,"state":"{}"}}',
    ],
)  # fmt: skip
def test_a_header_of_any_form_is_refused_in_our_words(header, tmp_path):
    store = Store(tmp_path)
    path = checkpoints.place(store, "0" * 16)
    path.parent.mkdir(parents=True)
    text = header.replace("RUN", "0" * 16).encode().ljust(100)
    path.write_bytes(wrapped(len(text).to_bytes(8, "little") + text, checkpoints.FORM))
    with pytest.raises(CorruptRecord, match=r"^[^\n]{1,300}$"):
        checkpoints.read(store, "0" * 16, lambda update: {"a": Need(dtype="F32", shape=(1,))})


# --- in the life of a run ---


@pytest.fixture
def both(tmp_path):
    """Runs, a store in which nobody disturbed them, and one in which they were killed after update 6."""
    runs, calm, rough = of("").runs(), Store(tmp_path / "calm"), Store(tmp_path / "rough")
    calm.open()
    kit.trained(runs, calm, 0)
    kit.killed(runs, rough)
    return runs, calm, rough


def resumed(store, runs):
    return [store.read(run.id)["provenance"]["resumed_from"] for run in runs]


def test_damaged_and_exchanged_checkpoints_are_set_aside_and_their_runs_done_again(both):
    runs, calm, rough = both
    first, second, third = (checkpoints.place(rough, run.id) for run in runs)
    first.write_bytes(kit.alter(first.read_bytes(), random.Random(0)))
    second.write_bytes(third.read_bytes())
    kit.trained(runs, rough, 2)
    assert all(kit.left(calm, run.id) == kit.left(rough, run.id) for run in runs)
    assert resumed(rough, runs) == [[], [], [6]]
    assert sorted(path.name[:16] for path in (rough.root / "aside").iterdir()) == sorted(run.trained for run in runs[:2])


def _first_form(content):
    """A checkpoint as it was written before it had a container: its metadata began with the checksum of the file."""
    body = content.partition(b"\n")[2]
    header = json.loads(body[8 : 8 + int.from_bytes(body[:8], "little")])
    about = {"sha256": "0" * 64, "format": "1", **header.pop("__metadata__")}
    text = json.dumps({"__metadata__": about, **header}, separators=(",", ":")).encode()
    return len(text).to_bytes(8, "little") + text + body[8 + int.from_bytes(body[:8], "little") :]


def _next_form(content):
    return wrapped(content.partition(b"\n")[2], Form("checkpoint", checkpoints.FORM.version + 1))


@pytest.mark.parametrize(
    ("form", "words"),
    [(_first_form, "an older Freerun wrote it (checkpoint 1, here 2)"),
     (_next_form, "a newer Freerun wrote it (checkpoint 3, here 2); update Freerun")],
)  # fmt: skip
def test_one_in_another_form_is_set_aside_with_one_line(form, words, both):
    runs, calm, rough = both
    for run in runs:
        path = checkpoints.place(rough, run.id)
        path.write_bytes(form(path.read_bytes()))
    kit.trained(runs, rough, 0)
    assert all(kit.left(calm, run.id) == kit.left(rough, run.id) for run in runs)
    assert resumed(rough, runs) == [[], [], []]
    assert len(list((rough.root / "aside").iterdir())) == len(runs)
    told = run_notes.take(rough, [run.id for run in runs])
    assert told == {f"begins anew; its checkpoint is set aside: {words}": len(runs)}


def test_what_another_version_made_is_not_gone_on_with(both):
    runs, calm, rough = both
    with mock.patch.object(checkpoint_origin, "_source", return_value="another"):
        kit.trained(runs, rough, 0)
    assert all(kit.left(calm, run.id) == kit.left(rough, run.id) for run in runs)
    assert resumed(rough, runs) == [[], [], []]
    assert not (rough.root / "aside").exists()


@pytest.mark.parametrize(
    ("what", "words"),
    tiered(
        [
            ({"arithmetic": "torch AVX512, MKL off, AuthenticAMD 23 1 avx2"}, "other arithmetic (torch AVX512, MKL off, Auth"),
            ({"arithmetic": None}, "other arithmetic (unknown, here torch AVX2"),
            ({"source": "another"}, "another source of Freerun"),
            ({"engine": "compiled, somewhere else"}, "another engine (compiled, somewhere else, here "),
            ({"threads": 7, "device": "cuda"}, "other device (cuda, here cpu) and other threads (7, here 1)"),
            ({"generation": 1}, "another version of Freerun (1, here "),
        ],
        quick=lambda case: "source" in case[0] or "threads" in case[0],
    ),
)
def test_what_was_made_otherwise_begins_anew_and_is_told_of_once(both, what, words):
    runs, calm, rough = both
    for run in runs:
        found = checkpoints.read(rough, run.id, lambda _, run=run: _needs(rough, run.id))
        made = {**found.state.made, **what}
        checkpoints.write(rough, _state(found, made={k: v for k, v in made.items() if v is not None}))
    kit.trained(runs, rough, 0)
    assert all(kit.left(calm, run.id) == kit.left(rough, run.id) for run in runs)
    assert resumed(rough, runs) == [[], [], []]
    told = run_notes.take(rough, [run.id for run in runs])
    assert sum(told.values()) == len(runs)
    assert all(text.startswith("begins anew; its checkpoint, update ") and words in text for text in told), told
    assert not run_notes.take(rough, [run.id for run in runs])


def test_a_sweep_tells_the_notes_of_its_runs(both, capsys):
    runs, _, rough = both
    for run in runs:
        run_notes.leave(rough, run.id, "of two\nlines")
        run_notes.leave(rough, run.id, "of two lines")
    run_notes.leave(rough, "0" * 16, "of a stranger")
    sweep.see_to([], rough, Inline())
    assert capsys.readouterr().err == ""
    with mock.patch.object(sweep, "_see_to", return_value={}):
        sweep.see_to(runs, rough, Inline())
    assert capsys.readouterr().err == f"note: of two lines ({len(runs)} runs)\n"


def test_the_time_before_the_kill_counts(both):
    runs, _, rough = both
    before = checkpoints.read(rough, runs[0].id, lambda _: _needs(rough, runs[0].id)).state.seconds
    kit.trained(runs, rough, 2)
    assert rough.read(runs[0].id)["provenance"]["training_seconds"] > before > 0


def _needs(store, run):
    header = safetensors.numpy.load(_body(checkpoints.place(store, run)))
    kinds = {"float32": "F32", "float64": "F64", "int64": "I64"}
    return {name: Need(dtype=kinds[str(value.dtype)], shape=value.shape) for name, value in header.items()}


def test_where_one_run_fails_the_others_go_on_from_where_they_were(both):
    """The group stops at its fault, then each run alone; the one at fault fails again and keeps its checkpoint."""
    runs, calm, rough = both
    genuine, bad = group_runner.train, runs[1].experiment.seed

    def failing(group, listen, lessons, keeper, *others):
        def heard(update, values):
            if update >= 7 and bad in group.seeds:
                raise RuntimeError("a fault")

        return genuine(group, heard, lessons, keeper, *others)

    with mock.patch.object(group_runner, "train", failing):
        group_runner.run_safely(runs, rough, lambda *_: None, checkpoint_every=2)
    assert [rough.failures.reason(run.id) for run in runs] == [None, "RuntimeError: a fault", None]
    assert resumed(rough, [runs[0], runs[2]]) == [[6, 8], [6, 8]]
    assert all(kit.left(calm, run.id) == kit.left(rough, run.id) for run in (runs[0], runs[2]))
    assert update_of(rough, runs[1].id) == 8
    assert [update_of(rough, run.id) for run in (runs[0], runs[2])] == [0, 0]


def test_no_checkpoint_is_written_after_the_last_update_or_where_none_is_asked_for(tmp_path):
    runs = of("").runs()[:1]
    for every, expected in ((0, []), (3, [3, 6]), (kit.UPDATES, []), (kit.UPDATES - 1, [kit.UPDATES - 1])):
        store = Store(tmp_path / str(every))
        store.open()
        with mock.patch.object(checkpoints, "write") as write:
            group_runner.run_group(runs, store, lambda *_: None, checkpoint_every=every)
        assert [call.args[1].update for call in write.call_args_list] == expected


def test_a_disk_that_refuses_is_a_store_error_and_the_earlier_checkpoint_stays(both):
    runs, _, rough = both
    before = checkpoints.place(rough, runs[0].id).read_bytes()
    refused = OSError(errno.ENOSPC, "No space left on device")
    with (
        mock.patch.object(checkpoints, "write_atomic", side_effect=refused),
        pytest.raises(StoreError, match=r"^[^\n]*No space left[^\n]*$"),
    ):
        kit.trained(runs, rough, 2)
    assert checkpoints.place(rough, runs[0].id).read_bytes() == before


def test_checkpoints_of_finished_runs_are_cleared_away(both):
    runs, _, rough = both
    with mock.patch.object(checkpoints, "remove"):
        kit.trained(runs[:1], rough, 0)
    assert checkpoints.clear(rough) == 1
    assert [checkpoints.place(rough, run.id).exists() for run in runs] == [False, True, True]


def test_too_many_tensors_for_a_header_are_a_store_error(tmp_path):
    many = {f"{number:020d}": np.zeros((1, 1), "<f4") for number in range(20_000)}
    with pytest.raises(StoreError, match="header"):
        checkpoints.write(Store(tmp_path), Checkpoint(run="0" * 16, update=1, state=SOUND, tensors=many))


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir])
def test_what_is_no_file_is_no_checkpoint_and_is_not_waited_for(make, tmp_path):
    store = Store(tmp_path)
    path = checkpoints.place(store, "0" * 16)
    path.parent.mkdir()
    make(path)
    with pytest.raises(CorruptRecord):
        checkpoints.read(store, "0" * 16, lambda update: {})
    assert checkpoints.set_aside(store, "0" * 16).exists()
    assert checkpoints.read(store, "0" * 16, lambda update: {}) is None
