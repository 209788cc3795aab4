"""Tests of shared composition: the jobs of a sweep are the same as each composed as a whole."""

from __future__ import annotations

import shutil
from dataclasses import dataclass

import numpy as np
import pytest
from omegaconf import OmegaConf

from freerun.config import presets
from freerun.config.experiment import PARTS, Experiment
from freerun.config.hydra import compose, composed_tree
from freerun.config.run_identity import RESERVED, canonical
from freerun.errors import ConfigError
from freerun.parts import registry
from freerun.parts.models.gru import GRU
from freerun.parts.regimes.teacher_forcing import TeacherForcing
from freerun.parts.tasks.markov import Markov
from tiers import tiered

SETTINGS = (
    "seed=3", "seed=4", "training.lr=0.01", "training.clip=null", "training.decay=constant", "training.updates=-1",
    "evaluation.sequences=7", "evaluation.sequences=0", "gradient=stop", "gradient=every_2", "task.length=60", "model.hidden=5",
    "regime.schedule=linear", "regime.start=2", "dtype=float64", "training.lr=3e-3", "feedback.samples=2", "training=fast",
)  # fmt: skip


def outcome(make, job):
    """The canonical experiment of a job, or what is wrong with it."""
    try:
        return canonical(make(job))
    except ConfigError as fault:
        return str(fault)


def law_sharing_changes_nothing(seed, count=40):
    """Jobs of random parts, presets and settings, right and wrong ones, each key in a random place and some of them twice."""
    compose.experiments([], sweep=False)
    chance, shared, found = np.random.default_rng(seed), compose._Shared(), []
    choices = {key: sorted({*registry.parts(key), *presets.presets(key)} - {"series"}) for key in PARTS}
    for key in ("model", "regime", "task"):  # few of each, so that jobs have them in common
        choices[key] = [str(name) for name in chance.choice(choices[key], 3, replace=False)]
    for _ in range(count):
        kinds = chance.permutation(PARTS)[: chance.integers(1, 4)]
        words = [f"{kind}={chance.choice([*choices[kind], *(['null'] if kind in PARTS[3:] else [])])}" for kind in kinds]
        words += [str(word) for word in chance.choice(SETTINGS, chance.integers(0, 4))]
        job = tuple(str(word) for word in chance.permutation(words))
        found.append(outcome(shared.experiment, job))
        assert found[-1] == outcome(compose._Shared()._whole, job), f"{' '.join(job)}: shared, it is another experiment"
    assert {str, dict} == {*map(type, found)}, "the jobs are all right or all wrong"


@pytest.mark.parametrize("seed", tiered(range(2), quick=lambda seed: seed == 0))
def test_sharing_changes_nothing(seed):
    law_sharing_changes_nothing(seed)


def test_the_law_sees_a_setting_that_stays(monkeypatch):
    class Stays(compose._Shared):
        def _node(self, key, choices, settings):
            return super()._node(key, choices, () if (key, choices, ()) in self._nodes else settings)

    monkeypatch.setattr(compose, "_Shared", Stays)
    with pytest.raises(AssertionError, match="another experiment"):
        law_sharing_changes_nothing(0)


@pytest.fixture
def entangled(tmp_path, monkeypatch):
    """The learning rates of a sweep over regimes, one of them a preset that sets it too."""
    folder = tmp_path / "conf"
    shutil.copytree(presets.config_folder(), folder)
    (folder / "fast.yaml").write_text("training:\n  lr: 0.5\n")
    lines = ["defaults:", "  - free_running", "  - /fast@_global_", "  - _self_"]
    (folder / "regime" / "free_fast.yaml").write_text("\n".join(lines))

    caches = composed_tree.composed, composed_tree.alone

    def clear():
        for cached in caches:
            cached.cache_clear()

    clear()
    monkeypatch.setattr(presets, "config_folder", lambda: folder)
    words = ["regime=free_fast,teacher_forcing", "seed=range(2)"]
    yield lambda: [each.training.lr for each in compose.experiments(words, sweep=True)]
    clear()


def test_a_preset_that_sets_more_than_its_part_is_composed_as_a_whole(entangled, monkeypatch):
    assert entangled() == [0.5, 0.5, 0.003, 0.003]
    monkeypatch.setattr(composed_tree, "alone", lambda key, choices: composed_tree.composed(choices))
    assert entangled() == [0.003] * 4, "the law cannot fail"


@pytest.mark.parametrize("taken", sorted(RESERVED))
def test_a_setting_that_an_identity_keeps_for_itself_is_refused_by_name(monkeypatch, taken):
    """It would take the place of the part's name, or be taken for the digest of a file that has changed."""
    part = dataclass(kw_only=True)(type("Named", (GRU,), {"__annotations__": {taken: str}, taken: "x"}))
    monkeypatch.setitem(registry.plugin_parts["model"], "named", part)
    with pytest.raises(ConfigError, match=f"model=named: a setting called '{taken}' is kept"):
        canonical(Experiment(task=Markov(), model=part(), regime=TeacherForcing()))


def test_runs_share_no_node():
    first, second = compose.experiments(["seed=0,1"], sweep=True)
    for key in (*PARTS, "training", "evaluation"):
        assert getattr(first, key) is not getattr(second, key)
        assert getattr(first, key) == getattr(second, key)


PLAIN = [(kind, name) for kind in PARTS for name in registry.parts(kind)]
TYPICAL = [
    ("task", "lorenz63"), ("model", "lstm"), ("regime", "scheduled_sampling"), ("feedback", "gumbel"), ("objective", "huber"),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "name"), tiered(PLAIN, quick=TYPICAL.__contains__))
def test_a_part_by_its_plain_name_is_what_hydra_composes(kind, name):
    composed_tree.register()
    made, whole = composed_tree.alone(kind, (f"{kind}={name}",)), composed_tree.composed((f"{kind}={name}",))
    assert made == whole
    assert OmegaConf.get_type(made, kind) is OmegaConf.get_type(whole, kind) is registry.parts(kind)[name]
    assert OmegaConf.is_struct(made[kind]) == OmegaConf.is_struct(whole[kind])
    assert OmegaConf.to_yaml(made) == OmegaConf.to_yaml(whole)
