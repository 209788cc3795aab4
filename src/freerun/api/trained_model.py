"""Trained model: a run's model as a module of PyTorch, without the axis of replicas."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import ArrayLike

from freerun.api import step_export
from freerun.api.data_units import DataUnits
from freerun.config import named_parts, short_form
from freerun.config.experiment import Experiment
from freerun.engine.rollout import Request, loop
from freerun.errors import ConfigError, given
from freerun.io import html
from freerun.io.text import brief
from freerun.parts.feedback import Feedback
from freerun.parts.feedback.mean import Mean
from freerun.parts.feedback.sample import Sample
from freerun.parts.layers import State
from freerun.parts.tasks import Data
from freerun.random_streams import uniforms

if TYPE_CHECKING:
    import pandas as pd


class TrainedModel(torch.nn.Module):
    """The model of a trained run; its parameters are named as in the framework, ``recurrent.weight``.

    Values go in and come out in the units of the data, symbols as whole numbers, or as text where the task has an alphabet.

    Args:
        experiment: of the run.
        data: its world.
        weights: by name, ``[in out]``.
    """

    def __init__(self, experiment: Experiment, data: Data, weights: Mapping[str, np.ndarray]) -> None:
        super().__init__()
        self.experiment, self.data = experiment, data
        #: The rule by which outputs are fed back, as it stands after training.
        self.feedback: Feedback = given(experiment.feedback).at(1.0)
        self._head = given(experiment.objective).head
        self._dtype = getattr(torch, experiment.dtype)
        self._units = DataUnits(data=data, symbols=experiment.task.symbols, dtype=self._dtype)
        self._names = list(weights)
        for name, value in weights.items():
            *path, last = name.split(".")
            home: torch.nn.Module = self
            for part in path:  # `add_module` refuses the name of a method, such as `step`
                home = given(home._modules.setdefault(part, torch.nn.Module()))
            home.register_parameter(last, torch.nn.Parameter(torch.from_numpy(value.copy()).to(self._dtype)))

    def weights(self) -> dict[str, Float[torch.Tensor, "1 I O"]]:
        """Return the parameters by name, with the axis of replicas that the framework's models expect."""
        known = dict(self.named_parameters())
        return {name: known[name][None] for name in self._names}

    def start(self, count: int) -> State:
        """Return the state before the first step of so many sequences."""
        return self.experiment.model.start(1, count, self._units.like(count))

    def _title(self) -> str:
        made, count = self.experiment, sum(weight.numel() for weight in self.parameters())
        axes = ", ".join(short_form.said(getattr(made, axis)) for axis in ("model", "task", "regime"))
        return f"TrainedModel: {axes}, seed {made.seed}; {count} weights"

    def __repr__(self) -> str:
        return "\n".join([self._title(), *(f"  {name} {shape}" for name, shape in self._shapes())])

    def _repr_html_(self) -> str:
        return html.titled(self._title(), html.table(("weight", "in, out"), self._shapes()))

    def _shapes(self) -> list[tuple[str, str]]:
        return [(name, str(list(weight.shape))) for name, weight in self.named_parameters()]

    def step(self, u: Float[torch.Tensor, "N I"], state: State) -> tuple[Float[torch.Tensor, "N O"], State]:
        """Take one step.

        Args:
            u: what is read: the exogenous input of this step, then what is fed, as the model was trained: values in standard
                deviations of the data (`Data.mean`, `Data.std`), a symbol as a unit vector.
            state: after the step before, `start`, or in front of the first step behind the warm-up `release`.
        """
        output, state = self.experiment.model.step(self.weights(), u[None], state)
        return output[0], state

    def release(self, state: State) -> State:
        """Return the state in front of the first step behind the warm-up; the same for a model that makes no difference."""
        return self.experiment.model.release(self.weights(), state)

    def forward(self, truth: ArrayLike | Sequence[str], inputs: ArrayLike | None = None) -> Float[torch.Tensor, "T N O"]:
        """Return the outputs under teacher forcing: a prediction has read all that stands before it, and nothing of its own.

        A model that makes a difference between the warm-up of its run and what follows does so here.

        Args:
            truth: symbols ``[T N]``, or N texts of one length, or values ``[T N Y]`` in the units of the data.
            inputs: the exogenous inputs of each prediction, ``[T N X]`` in the units of the data, where the task has some.

        Returns:
            The predictions of all of `truth` but the first, which is read alone; also of the first where sequences of the task
            begin with nothing. For symbols logits, for values in standard deviations of the data; of a model that predicts
            distributions their numbers (`freerun.parts.gaussians.unpacked` reads them). A gradient can be taken.

        Raises:
            ConfigError: if `truth` is not what the task has.
        """
        return loop(self._forced(truth, inputs)).outputs[:, 0]

    @torch.no_grad()
    def states(self, truth: ArrayLike | Sequence[str], inputs: ArrayLike | None = None) -> Float[torch.Tensor, "T N H"]:
        """Return the hidden states behind the predictions of `forward`, each as one vector (`Model.summary`).

        Those of a rollout of its own are these of what it has made, with the prefix before it: ``states(generate(...))``.

        Args:
            truth, inputs: as for `forward`.

        Raises:
            ConfigError: if `truth` is not what the task has, or the model has no hidden state.
        """
        request = self._forced(truth, inputs)
        rolled = loop(replace(request, states=True, mask=request.start.new_ones(request.steps, *request.start.shape[:2])))
        kept = [self.experiment.model.summary(state, rolled.outputs[0]) for state in rolled.states]
        if not kept or not kept[0].shape[-1]:
            nothing = "nothing follows what is read first" if not kept else "this model has no hidden state"
            raise ConfigError(f"states: {nothing}")
        return torch.stack(kept)[:, 0]

    def _forced(self, truth: ArrayLike | Sequence[str], inputs: ArrayLike | None) -> Request:
        """The rollout that is fed the truth alone."""
        first, rest = self._units.parted(self._units.encoded(self._units.told(truth)))
        return Request(
            self.experiment.model, self.weights(), truth=rest[:, None], start=first[None],
            feedback=self.feedback.reading(self._head), mask=None,
            inputs=self._units.inputs(inputs, *rest.shape[:2]), residual=self._units.residual(), head=self._head,
            release=self.experiment.span[0],
        )  # fmt: skip

    def export_step(self, path: str | PathLike[str], count: int = 1) -> Path:
        """Write the step as a program of its own, for sequences that are done without Freerun; returns the path.

        Its arguments are u ``[N I]`` and the parts of the state, its results the output ``[N O]`` and the parts of the next
        state, as in `step`; the parts of `start` are those before the first step.

        Args:
            path: ``.pt2`` for `torch.export` (``torch.export.load(path).module()`` is called), ``.onnx`` for ONNX.
            count: N, of how many sequences side by side.

        Raises:
            ConfigError: for another ending, a state that grows, a model that torch cannot export, or if ONNX is not installed.
        """
        return step_export.write(self.experiment.model, self.weights(), self._arguments(count), Path(path))

    def _arguments(self, count: int) -> tuple[torch.Tensor, State]:
        """An input of one step, and the state before it, for the shapes that they have."""
        if isinstance(count, bool) or not isinstance(count, (int, np.integer)) or count < 1:
            raise ConfigError(f"export_step count: must be a whole number of at least 1, got {brief(count)}")
        fed = 0 if given(self.experiment.feedback).silent else self.data.outputs
        return self._units.like(count).new_zeros(1, count, self.data.inputs + fed), self.start(count)

    @torch.no_grad()
    def generate(
        self,
        count: int,
        steps: int,
        prefix: ArrayLike | Sequence[str] | str | None = None,
        *,
        temperature: float = 1.0,
        feedback: Feedback | str | None = None,
        inputs: ArrayLike | None = None,
        seed: int = 0,
    ) -> np.ndarray | list[str]:
        """Return free rollouts: the model reads the prefix, then what it has said itself.

        Args:
            count: N, how many rollouts.
            steps: of each, behind the prefix.
            prefix: what is read first: one for all rollouts (a text, ``[T]`` symbols, ``[T Y]`` values), or one for each
                (texts of one length, ``[T N]``, ``[T N Y]``). None: nothing, where sequences of the task begin with nothing;
                else the beginnings of the first `count` test sequences, up to the end of the evaluation's warm-up.
            temperature: symbols are drawn from the distribution with its logits divided by this; of values it has to be 1.
            feedback: another rule than the run's own, or its name.
            inputs: exogenous inputs of each prediction, ``[T N X]`` in the units of the data, where the task has some: those
                within the prefix, then the rollout's.
            seed: of the draws; the same seed gives the same rollouts.

        Returns:
            Texts where the task has an alphabet, else symbols ``Int[T N]``; values ``Float[T N Y]`` in the units of the data.

        Raises:
            ConfigError: if the model says nothing that could be fed back, or something does not fit.
        """
        rule = self.feedback if feedback is None else named_parts.part("feedback", feedback).at(1.0)
        self._demand_free(rule, count, steps, temperature)
        rule = rule.reading(self._head)
        first, read = self._prefix(prefix, count)
        total = len(read) + steps
        each = self.data.outputs if self._head is None else self._head.draws(self.data.outputs)
        shape = (total, 1, count, each) if rule.random_each else (total, 1, count)
        chance = torch.from_numpy(uniforms(seed, "generate", 0, shape)).to(self._dtype) if rule.random else None
        mask = torch.zeros(total, 1, count, dtype=self._dtype)
        mask[: len(read)] = 1
        request = Request(
            self.experiment.model, self.weights(), truth=torch.cat([read, first.expand(steps, -1, -1)])[:, None],
            start=first[None], feedback=_Tempered(rule, temperature) if self.experiment.task.symbols else rule, mask=mask,
            inputs=self._units.inputs(inputs, total, count), uniform=chance, residual=self._units.residual(), head=self._head,
            release=len(read),
        )  # fmt: skip
        return self._units.shown(loop(request).fed[len(read) :, 0] if steps else first[None][:0])

    def forecast(
        self, frame: pd.DataFrame | pd.Series, horizon: int, *, samples: int | None = None, seed: int = 0
    ) -> pd.DataFrame:
        """Return the rows that follow on a frame, for a run of ``task=series``: a forecast of each series in it.

        The frame is read as the run's file was, by the same columns and rules, and its last `evaluation.warmup` + 1 rows are
        what the run reads. Where it has inputs (`task.inputs`), those of the forecast stand in the frame's own last rows, in
        which what is forecast is empty.

        Args:
            frame: of pandas, with the columns of the file; one that has an index of dates keeps it.
            horizon: how many steps, however far the run was measured.
            samples: of a run that predicts distributions, so many draws of each series, numbered in the column `sample`. None:
                the mean is predicted, and fed.
            seed: of the draws.

        Returns:
            The steps that follow: date, id and what is forecast, named, written and scaled as in the frame.

        Raises:
            ConfigError: in one line; where inputs are not known for the horizon, or rows are too few, apart otherwise or unlike
                the file's.
        """
        from freerun.api import forecasts

        if samples is not None and self._head is None:
            raise ConfigError("forecast samples: this run predicts values; one of objective=gaussian_likelihood has draws")
        rule: Feedback = Mean() if samples is None else Sample()

        def rollouts(values: np.ndarray, inputs: np.ndarray) -> np.ndarray:
            known = inputs if self.data.inputs else None
            made = self.generate(values.shape[1], horizon, values, feedback=rule, inputs=known, seed=seed)
            return np.asarray(made)

        return forecasts.forecast(self.experiment.task, frame, horizon, self.experiment.span[0], samples, rollouts)

    def _demand_free(self, rule: Feedback, count: int, steps: int, temperature: float) -> None:
        if rule.silent or self.experiment.model.emits == "last":
            raise ConfigError("generate: nothing is fed back to this model, so it has no free rollout")
        values = rule.for_values or (rule.for_distributions and self._head is not None)
        if not (rule.for_symbols if self.experiment.task.symbols else values):
            raise ConfigError(f"generate feedback={type(rule).__name__}: is not for what this task has")
        for name, number in (("count", count), ("steps", steps)):
            if isinstance(number, bool) or not isinstance(number, (int, np.integer)):
                raise ConfigError(f"generate {name}: must be a whole number, got {brief(number)}")
        rules = (("count", count, count >= 1, "at least 1"), ("steps", steps, steps >= 0, "at least 0"))
        for name, value, fits, rule_said in (*rules, ("temperature", temperature, temperature > 0, "positive")):
            if not fits:
                raise ConfigError(f"generate {name}: must be {rule_said}, got {value}")
        if temperature != 1 and not self.experiment.task.symbols:
            raise ConfigError(f"generate temperature={temperature}: is for symbols, which are drawn; this task has values")

    def _prefix(
        self, prefix: ArrayLike | Sequence[str] | str | None, count: int
    ) -> tuple[Float[torch.Tensor, "N F"], Float[torch.Tensor, "T N F"]]:
        """What is read first, as it is fed, and what is read after it."""
        if prefix is None:
            if self._units.from_nothing:
                return self._units.like(count), self._units.like(count).expand(0, -1, -1)
            tests = self.data.splits["test"]
            if count > len(tests):
                raise ConfigError(f"generate count={count}: there are {len(tests)} test sequences to begin with; give a prefix")
            told = torch.cat([tests.start[None, :count], tests.targets[: self.experiment.span[0], :count]])
            return self._units.parted(self._units.encoded(told if self.experiment.task.symbols else told.to(self._dtype)))
        told = self._units.told([prefix] if isinstance(prefix, str) else prefix)
        single = 1 if self.experiment.task.symbols else 2
        if told.dim() == single:
            told = told[:, None]
        if told.shape[1] not in (1, count):
            raise ConfigError(f"generate prefix: is of {told.shape[1]} sequences, for {count} rollouts")
        return self._units.parted(self._units.encoded(told).expand(-1, count, -1))


class _Tempered(Feedback):
    """A rule for symbols, of logits that are divided by a temperature."""

    def __init__(self, rule: Feedback, temperature: float) -> None:
        self.rule, self.temperature = rule, temperature

    def __call__(
        self, outputs: Float[torch.Tensor, "*batch K"], uniform: torch.Tensor | None
    ) -> Float[torch.Tensor, "*batch K"]:
        return self.rule(outputs / self.temperature, uniform)
