"""Coverage of the compiled engine: which cells and feedback rules it knows, and in words why not another."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from freerun.parts.feedback import Feedback
from freerun.parts.feedback.argmax import Argmax
from freerun.parts.feedback.expected import Expected
from freerun.parts.feedback.gumbel import Gumbel
from freerun.parts.feedback.mean import Mean
from freerun.parts.feedback.none import Nothing
from freerun.parts.feedback.sample import Sample
from freerun.parts.feedback.straight_through import Choice, StraightThrough
from freerun.parts.models import Model
from freerun.parts.models.gru import GRU
from freerun.parts.models.hidden_recurrent import HiddenRecurrent
from freerun.parts.models.linear import Linear
from freerun.parts.models.lstm import LSTM
from freerun.parts.models.output_recurrent import OutputRecurrent
from freerun.parts.models.transformer import Transformer

#: The cells and rules, as source/cells.h and source/feedback.h number them. Subclasses are not meant.
CELLS: dict[type[Model], int] = {OutputRecurrent: 0, HiddenRecurrent: 1, GRU: 2, LSTM: 3, Linear: 4, Transformer: 5}
RULES: dict[type[Feedback], int] = {Nothing: 0, Mean: 1, Sample: 2, Argmax: 3, Expected: 4, Gumbel: 5, StraightThrough: 6}

#: Why a model that predicts distributions of values is not covered.
DISTRIBUTIONS = "it predicts no distributions of values"
#: Why a run whose hidden states are corrected while it trains is not.
CORRECTIONS = "it corrects no hidden states"


def uncovered(model: Model, feedback: Feedback, dtype: str, device: str) -> str | None:
    """Return why the compiled engine cannot roll a model out, as a sentence without its end; None where it can.

    Args:
        dtype, device: by their names in an experiment.
    """
    if device != "cpu":
        return f"it runs on the processor, not on {device}"
    if dtype not in ("float32", "float64"):
        return f"it computes in float32 and float64, not in {dtype}"
    if type(model) not in CELLS:
        return f"it has no cell {type(model).__name__}"
    if model.reads > 1:
        return f"it reads what was fed back at one step, not at {model.reads}"
    if not isinstance(model, Transformer) and getattr(model, "layers", 1) > 1:
        return f"its cells have one layer, not {model.layers}"  # type: ignore[attr-defined]
    if type(feedback) not in RULES:
        return f"it has no feedback {type(feedback).__name__}"
    return None


def rule_number(feedback: Feedback) -> int:
    """Return the number of a rule; straight_through has one for each way to choose."""
    number = RULES[type(feedback)]
    return number + int(isinstance(feedback, StraightThrough) and feedback.choose is Choice.argmax)


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where a weight stands: in the matrix of the drive or of the output, from a row and a column on, or by itself.

    Attributes:
        matrix: 0 for the drive, 1 for the output, 2 for neither.
    """

    row: int = 0
    column: int = 0
    matrix: int = 0


@cache
def places(cell: type[Model], hidden: int, inputs: int) -> dict[str, Place]:
    """Return where the weights of a model stand in the two matrices of source/cells.h, by name; the others by themselves.

    Args:
        hidden: H; 0 for a model without a hidden state.
        inputs: I, the width of u_t; the row of ones follows it.
    """
    if cell is Linear:
        return {"output.weight": Place(row=0, matrix=1), "output.bias": Place(row=inputs, matrix=1)}
    output = {"output.bias": Place(row=0, matrix=1), "output.weight": Place(row=1, matrix=1)}
    if cell is Transformer:
        return {"input.weight": Place(), "input.bias": Place(row=inputs), **output}
    if cell is LSTM:
        return {"gates": Place(row=0), **output}
    if cell is GRU:
        columns = {"new": 0, "reset": hidden, "keep": 2 * hidden}
        recurrent = {f"recurrent.{gate}": Place(row=inputs + 1, column=column) for gate, column in columns.items()}
        drive = {f"input.{gate}": Place(row=0, column=column or 3 * hidden) for gate, column in columns.items()}
        return {**drive, **recurrent, "recurrent.bias": Place(row=inputs), **output}
    return {
        "input.weight": Place(row=0), "input.bias": Place(row=inputs), "recurrent.weight": Place(row=inputs + 1), **output,
    }  # fmt: skip
