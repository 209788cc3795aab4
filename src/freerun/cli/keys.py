"""Keys of the command line: what may stand before an equals sign, with the meaning that the help of a command lists."""

from __future__ import annotations

from dataclasses import fields

from freerun.config.evaluation_settings import Evaluation
from freerun.config.training_settings import Training

#: Keys that choose a launcher.
LAUNCHER_KEYS = {
    "launcher=NAME": "where groups are trained: local (the default), inline, joblib, slurm, ray",
    "launcher.KEY=VALUE": "a setting of the launcher, such as launcher.time_limit=600",
    "log=NAME": "where curves go while runs train: csv, tensorboard, mlflow, wandb, or several, log=[csv,wandb]",
    "engine=NAME": "what computes rollouts: auto (the default), reference or compiled",
}


def _settings(settings_class: type) -> str:
    return ", ".join(item.name for item in fields(settings_class) if item.name != "settings")


#: Keys that make an experiment.
EXPERIMENT_KEYS = {
    "task=NAME task.KEY=VALUE": "what is learned, and a setting of it (freerun list tasks)",
    "model=NAME model.KEY=VALUE": "the learner (freerun list models)",
    "regime=NAME regime.KEY=VALUE": "who feeds: the truth or the model (freerun list regimes)",
    "feedback=NAME": "what the model's output becomes as input; its settings alike",
    "objective=NAME": "what is minimised; its settings alike",
    "gradient=through": "how the gradient flows through what is fed back: through, stop, every_N",
    "training.KEY=VALUE": _settings(Training),
    "evaluation.KEY=VALUE": _settings(Evaluation),
    "evaluation.METRIC.KEY=VALUE": "a setting of a metric, such as evaluation.valid_time.threshold=0.3",
    "seed=N": "the seed of weights, data, order and coins",
    "device=cpu": "or cuda",
    "dtype=float32": "or float64",
    "plugins=[FILE.py]": "your own parts, by the name of their file",
}

#: Keys of a study.
STUDY_KEYS = {"quick=true": "the few runs that the study's file declares for a quick look, as NAME_quick"}

#: Keys of tuning.
TUNING_KEYS = {
    "tune.axes.KEY=VALUES": "what is tuned, as freerun search writes it (default: training.lr=0.0003,0.001,0.003,0.01)",
    "tune.KEY=VALUE": "trials, sampler (grid, random, optuna), pruner (none, halving), metric, mode, split, seeds, seed",
}

#: Keys of a measurement.
MEASURE_KEYS = {
    "metrics=[NAME,...]": "evaluation.metrics for short: what is measured (freerun list metrics), null for all",
    **{key: EXPERIMENT_KEYS[key] for key in ("evaluation.KEY=VALUE", "evaluation.METRIC.KEY=VALUE", "plugins=[FILE.py]")},
}
