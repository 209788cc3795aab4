"""Tests of composition: every wrong word is refused in one line that says what is right."""

from __future__ import annotations

import dataclasses

import pytest

from freerun.config.experiment import PARTS, Experiment
from freerun.config.hydra.compose import experiments
from freerun.config.presets import presets
from freerun.config.run_identity import canonical, from_canonical, identity
from freerun.errors import ConfigError
from freerun.laws.toolkit import series_file, teacher_file
from freerun.parts import registry

#: What a user may write, a piece of the key or value that the answer must name, and the nearest right choice (or the rule).
BAD = [
    ("task=lorenz_63", "task=lorenz_63", "lorenz63"),
    ("model=gro", "model=gro", "gru"),
    ("regime=teacher_forcin", "regime=teacher_forcin", "teacher_forcing"),
    ("feedback=samples", "feedback=samples", "sample"),
    ("objective=crossentropy", "objective=crossentropy", "cross_entropy"),
    ("trainin.lr=0.1", "trainin.lr", "training.lr"),
    ("sed=1", "sed", "seed"),
    ("training.learning_rate=0.1", "training.learning_rate", "choose one of"),
    ("training.updatez=5", "training.updatez", "updates"),
    ("evaluation.horizn=5", "evaluation.horizn", "horizon"),
    ("model.hiden=5", "model.hiden", "hidden"),
    ("task.staets=5", "task.staets", "states"),
    ("regime=scheduled_sampling regime.schedule=linaer", "schedule", "linear"),
    ("regime.schedule=linear", "regime.schedule", "teacher_forcing"),
    ("training.decay=cosin", "decay", "cosine"),
    ("training.optimizer=adamm", "optimizer", "adam"),
    ("gradient=every_0", "gradient", "stop"),
    ("gradient=often", "gradient", "every_N"),
    ("dtype=float16", "dtype=float16", "float"),
    ("device=gpu", "device=gpu", "cpu"),
    ("training.lr=fast", "training.lr", "fast"),
    ("training.updates=1.5", "training.updates", "1.5"),
    ("training.updates=-1", "training.updates", "not be negative"),
    ("training.batch=0", "training.batch", "at least 1"),
    ("training.lr=0", "training.lr", "positive"),
    ("training.lr=nan", "training.lr", "nan"),
    ("training.lr=inf", "training.lr", "inf"),
    ("training.clip=-1", "training.clip", "positive"),
    ("training.clip=nan", "training.clip", "nan"),
    ("training.truncate=0", "training.truncate", "at least 1"),
    ("training.log_every=0", "training.log_every", "at least 1"),
    ("training.momentum=0.9", "training.momentum=0.9", "choose training.optimizer=sgd"),
    ("training.optimizer=sgd training.momentum=1", "training.momentum", "lie in [0, 1)"),
    ("training.weight_decay=-0.1", "training.weight_decay", "not be negative"),
    ("evaluation.warmup=-1", "evaluation.warmup", "not be negative"),
    ("evaluation.horizon=0", "evaluation.horizon", "at least 1"),
    ("evaluation.sequences=0", "evaluation.sequences", "at least 1"),
    ("evaluation.warmup=50 task.length=50", "evaluation.warmup", "smaller than task.length"),
    ("task.length=0", "task.length", "at least 1"),
    ("model.hidden=0", "model.hidden", "at least 1"),
    ("model.hidden=-3", "model.hidden", "at least 1"),
    ("model.hidden=many", "model.hidden", "many"),
    ("task.stay=1.0", "task.stay", "[0, 1)"),
    ("task.concentration=inf", "task.concentration", "inf"),
    ("task=lorenz63 task.dt=0", "task.dt", "(0, 0.2]"),
    ("task=lorenz63 task.substeps=0", "task.substeps", "at least 1"),
    ("task=lorenz63 task.predict=velocity", "predict", "increment"),
    ("task=lorenz63 task.transient=inf", "task.transient", "inf"),
    ("task=text task.path=/no/such/file", "task.path", "No such file"),
    ("task=text task.train=1.5", "task.train", "(0, 1)"),
    ("task=adding model=sequence_to_one task.length=1", "task.length", "at least 2"),
    ("regime=scheduled_sampling regime.start=2", "regime.start", "[0, 1]"),
    ("regime=scheduled_sampling regime.k=inf", "regime.k", "inf"),
    ("regime=scheduled_sampling regime.schedule=exponential regime.k=1.5", "regime.k", "(0, 1)"),
    ("task=lorenz63 feedback=argmax", "feedback=argmax", "mean"),
    ("feedback=mean", "feedback=mean", "sample"),
    ("objective=squared_error", "objective=squared_error", "cross_entropy"),
    ("task=adding", "model=gru", "sequence_to_one"),
    ("model=sequence_to_one", "model=sequence_to_one", "gru"),
    ("task=adding model=sequence_to_one feedback=mean", "feedback=mean", "feedback=none"),
    ("task=adding model=sequence_to_one evaluation.horizon=3", "evaluation.warmup and horizon", "leave them out"),
    ("model=output_recurrent feedback=none", "feedback=none", "sample"),
    ("model=direct feedback=none", "feedback=none", "sample"),
    ("model=direct evaluation.warmup=0", "model=direct", "evaluation.warmup=1 or more"),
    ("model=encoder_decoder task=markov", "model=encoder_decoder", "evaluation.warmup=1 or more"),
    ("task=lorenz63 task.predict=increment model=direct", "model=direct", "task.predict=value"),
    ("task=lorenz63 model=direct evaluation.orbit=100", "evaluation.orbit=100", "leave it out"),
    *(
        (f"task={task} model={model} objective=gaussian_likelihood", f"(model={model.split()[0]}", "choose another model")
        for task, model in (
            ("lorenz63", "direct"),
            ("lorenz63", "output_recurrent model.order=2"),
            ("lorenz63", "shallow_plrnn"),
            ("burgers", "stencil"),
            ("burgers", "convolution"),
        )
    ),
    ("task=lorenz63 task.predict=increment feedback=none", "feedback=none", "feedback=mean"),
    ("objective=policy_gradient regime=generalized_forcing", "objective=policy_gradient", "mask is 0 or 1"),
    ("objective=pushforward regime=generalized_forcing gradient=stop", "objective=pushforward", "mask is 0 or 1"),
    ("model=hidden_recurrent objective=pushforward gradient=stop feedback=none", "pushforward", "choose cross_entropy"),
    ("model=hidden_recurrent feedback=none evaluation.distances=true", "evaluation.distances=true", "leave it out"),
    ("task=adding model=sequence_to_one evaluation.distances=true", "evaluation.distances=true", "leave it out"),
    ("seed=1.5", "seed", "1.5"),
    ("seed=first", "seed", "first"),
    ("+new=1", "+new=1", "key=value"),
    ("~task", "~task", "key=value"),
    ("training=fast", "training", "training.updates"),
    ("seed", "seed", "key=value"),
    ("model.hidden=${seed}", "model.hidden", "interpolation"),
    ("plugins=[/no/such/part.py]", "/no/such/part.py", "no such Python file"),
]


@pytest.mark.parametrize(("words", "names", "teaches"), BAD, ids=[words for words, *_ in BAD])
def test_a_wrong_word_is_refused_in_one_line(words, names, teaches):
    with pytest.raises(ConfigError) as caught:
        experiments(words.split(), sweep=False)
    text = str(caught.value)
    assert "\n" not in text
    assert names in text
    assert teaches in text
    assert len(text) < 340


def test_several_values_need_a_sweep():
    with pytest.raises(ConfigError, match="-m"):
        experiments(["seed=0,1"], sweep=False)
    assert [e.seed for e in experiments(["seed=0,1"], sweep=True)] == [0, 1]
    assert len(experiments(["seed=range(0,3)", "model=gru,hidden_recurrent", "training.lr=1e-3,3e-3"], sweep=True)) == 12


@pytest.mark.parametrize("key", PARTS)
def test_every_part_and_preset_can_be_named(key):
    names = [*registry.parts(key), *presets(key)]
    assert len(set(names)) == len(names) > 0
    fitting = {
        "sequence_to_one": ["task=adding"], "adding": ["model=sequence_to_one"], "mean": ["task=lorenz63"],
        "squared_error": ["task=lorenz63"], "stencil": ["task=advection"], "pushforward": ["gradient=stop"],
        "generalized_forcing_adaptive": ["task=lorenz63"], "noisy_free_running": ["task=lorenz63"],
        "error_forcing": ["task=lorenz63", "model=gru"],
        "series": [f"task.path={series_file()}"],
        "distillation": [f"objective.teacher={teacher_file()}"], "absolute_error": ["task=lorenz63"],
        "huber": ["task=lorenz63"], "diverted_chain": ["task=lorenz63"], "residual": ["task=lorenz63"],
        "mixed_residual": ["task=lorenz63"],
        "convolution": ["task=advection"], "echo_state": ["task=lorenz63"], "gaussian_likelihood": ["task=lorenz63"],
    }  # fmt: skip
    for name in names:
        extra = fitting.get(name, [])
        (found,) = experiments([*extra, f"{key}={name}"], sweep=False)
        if name in registry.parts(key):
            assert registry.name_of(getattr(found, key)) == name


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ("gradient=through,stop,every_2", "feedback=sample carries no gradient"),
        ("gradient=through,every_2 feedback=argmax", "feedback=argmax carries no gradient"),
        ("gradient=through,stop feedback=none model=hidden_recurrent", "feedback=none carries no gradient"),
        ("gradient=through,stop task=lorenz63 training.truncate=1", "training.truncate=1 cuts it at every step"),
        ("gradient=through,every_50 task=lorenz63", "a sequence has only 50 steps"),
        (
            "gradient=through,stop task=lorenz63 regime=teacher_forcing",
            "regime=teacher_forcing feeds the truth alone",
        ),
        ("gradient=through,every_2 task=lorenz63 regime=noisy_forcing", "regime=noisy_forcing feeds the truth alone"),
    ],
)
def test_a_cut_that_cuts_nothing_is_one_run_and_is_told(words, reason):
    plain, *others = experiments(words.split(), sweep=True)
    assert plain.notes == ()
    for other in others:
        assert identity(canonical(other)) == identity(canonical(plain)), "two spellings of one run are two"
        (note,) = other.notes
        assert reason in note
        assert "\n" not in note
    assert from_canonical(canonical(others[0])).notes == (), "a run that is read back has nothing to tell"


@pytest.mark.parametrize(
    "words",
    [
        "gradient=through,stop,every_2 feedback=straight_through regime=free_running",
        "gradient=through,stop,every_2 feedback=gumbel regime=free_running",
        "gradient=through,stop,every_2 feedback=expected regime=free_running",
        "gradient=through,stop,every_39 task=lorenz63 regime=free_running",
        "gradient=through,stop task=lorenz63 training.truncate=2 regime=free_running",
    ],
)  # fmt: skip
def test_a_cut_that_cuts_something_is_a_run_of_its_own(words):
    found = experiments(words.split(), sweep=True)
    assert len({identity(canonical(each)) for each in found}) == len(found) > 1
    assert not any(each.notes for each in found)


@pytest.mark.parametrize("task", ["hidden_markov", "markov", "transduction task.form=transducer model=encoder_decoder"])
def test_a_world_of_every_seed_is_asked_for_as_people_write_it(task):
    """`world=seed` is `world_by_seed=true`: one run, whoever asks in which words; where a task has no such world, a number."""
    short, long, plain = ([*f"task={task}".split(), *words] for words in (["task.world=seed"], ["task.world_by_seed=true"], []))
    found = [identity(canonical(experiments(words, sweep=False)[0])) for words in (short, long, plain)]
    assert found[0] == found[1] != found[2]
    assert registry.get("task", "markov")(world="seed").world_by_seed
    with pytest.raises(ConfigError, match="must be a number"):
        experiments(["task=lorenz63", "task.rho=seed"], sweep=False)


def test_words_and_python_make_the_same_experiment():
    from freerun.config.evaluation_settings import Evaluation
    from freerun.config.training_settings import Training
    from freerun.parts.models.gru import GRU
    from freerun.parts.regimes.scheduled_sampling import Schedule, ScheduledSampling
    from freerun.parts.tasks.lorenz63 import Lorenz63, Predict

    words = "task=lorenz63 task.predict=increment task.length=30 model=gru model.hidden=7 regime=scheduled_sampling"
    more = "regime.schedule=exponential regime.k=0.99 training.lr=0.01 training.clip=null"
    rest = "evaluation.horizon=9 gradient=every_2 seed=4"
    (composed,) = experiments(f"{words} {more} {rest}".split(), sweep=False)
    built = Experiment(
        task=Lorenz63(predict=Predict.increment, length=30), model=GRU(hidden=7), gradient="every 2", seed=4,
        regime=ScheduledSampling(schedule=Schedule.exponential, k=0.99), training=Training(lr=0.01, clip=None),
        evaluation=Evaluation(horizon=9),
    )  # fmt: skip
    assert canonical(composed) == canonical(built)
    assert identity(canonical(composed)) == identity(canonical(built))


@pytest.mark.parametrize("name", registry.parts("task"))
def test_a_canonical_tree_is_the_experiment_again(name):
    model = "sequence_to_one" if registry.get("task", name).emits == "last" else "gru"
    file = [f"task.path={series_file()}"] if name == "series" else []
    words = [f"task={name}", *file, f"model={model}", "training.lr=1", "training.decay=constant"]
    (found,) = experiments(words, sweep=False)
    again = from_canonical(canonical(found))
    assert again == found
    assert identity(canonical(again)) == identity(canonical(found))


def test_a_whole_number_and_its_float_are_one_setting():
    one, other = (identity(canonical(experiments([f"training.lr={x}"], sweep=False)[0])) for x in ("1", "1.0"))
    assert one == other


def test_an_altered_tree_is_refused():
    tree = canonical(experiments([], sweep=False)[0])
    for key, value in (("model", {"name": "grue"}), ("task", {**tree["task"], "extra": 1}), ("training", {"lr": -1.0})):
        with pytest.raises(ConfigError):
            from_canonical({**tree, key: value})


PLUGIN = '''
"""Forced at every other step."""

from dataclasses import dataclass

from freerun.deferred_imports import torch
from freerun.parts.regimes import Regime


@dataclass(kw_only=True)
class EveryOther(Regime):
    """Forced at every n-th step."""

    n: int = 2

    def probability(self, update, updates):
        return 1 / self.n

    def mask(self, coins, update, updates):
        steps = torch.arange(len(coins))[:, None] % self.n == 0
        return steps.to(coins.dtype).expand(coins.shape).clone()
'''


@pytest.fixture
def plugin(tmp_path, monkeypatch):
    monkeypatch.setattr(registry, "plugin_parts", {kind: {} for kind in registry.KINDS})
    file = tmp_path / "every_other.py"
    file.write_text(PLUGIN)
    return file


def test_a_regime_outside_the_package_is_used_by_name_and_known_by_its_code(plugin):
    words = [f"plugins=[{plugin}]", "regime=every_other", "regime.n=3"]
    (found,) = experiments(words, sweep=False)
    assert found.regime.n == 3
    tree = canonical(found)
    assert tree["regime"]["name"] == "every_other"
    assert len(tree["regime"]["source"]) == 64
    first = identity(tree)
    assert identity(canonical(experiments(words, sweep=False)[0])) == first
    plugin.write_text(PLUGIN.replace("== 0", "== 1"))
    assert identity(canonical(experiments(words, sweep=False)[0])) != first, "changed code is another run"
    with pytest.raises(ConfigError, match="changed"):
        from_canonical(tree)


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("x = 1", "defines no part"), ("raise ValueError('boom')", "boom"), ("def f(:", "SyntaxError"),
        (PLUGIN + PLUGIN.replace("EveryOther", "Two"), "one part"),
    ],
    ids=["empty", "raises", "syntax", "two"],
)  # fmt: skip
def test_a_broken_plugin_is_refused_in_one_line(plugin, code, reason):
    plugin.write_text(code)
    with pytest.raises(ConfigError, match=reason) as caught:
        experiments([f"plugins=[{plugin}]"], sweep=False)
    assert "\n" not in str(caught.value)


def test_a_part_is_a_dataclass_of_settings_whose_class_is_final():
    for kind in registry.KINDS:
        parent = registry.base(kind)
        for name, cls in registry.parts(kind).items():
            assert dataclasses.is_dataclass(cls), f"{kind} {name}"
            others = {other for other in registry.parts(kind).values() if other is not cls}
            assert issubclass(cls, parent)
            assert not others & set(cls.__mro__), f"{kind} {name} is derived from another part"
            assert registry.summary(cls).endswith("."), f"{kind} {name} has no first sentence"
            assert registry.name_of(cls) == name
