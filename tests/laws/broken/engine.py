"""Files of parts with one fault each, that shows only when they run."""

from __future__ import annotations

#: A model whose replicas share a bias: alone its runs are other runs.
SHARES_A_BIAS = '''
from freerun.parts.models.hidden_recurrent import HiddenRecurrent


class SharesABias(HiddenRecurrent):
    """The bias of the output is the mean over the group."""

    def _shared(self, weights):
        bias = weights["output.bias"]
        return {**weights, "output.bias": bias.mean(0, keepdim=True).expand_as(bias)}

    def step(self, weights, u, state):
        return super().step(self._shared(weights), u, state)

    def unroll(self, weights, u, state):
        return super().unroll(self._shared(weights), u, state)
'''

#: A metric that is never measured.
APPLIES_TO_NOTHING = """
from freerun.measurement.metrics.accuracy import Accuracy


class AppliesToNothing(Accuracy):
    def applies(self, observed):
        return False
"""

#: An objective that refuses whatever it is offered.
FITS_NOTHING = """
from freerun.parts.objectives.cross_entropy import CrossEntropy


class FitsNothing(CrossEntropy):
    def misfit(self, experiment):
        return "it fits nothing; choose another"
"""

#: A model that breaks down at once.
BLOWS_UP = """
from freerun.parts.models.hidden_recurrent import HiddenRecurrent


class BlowsUp(HiddenRecurrent):
    def step(self, weights, u, state):
        out, state = super().step(weights, u, state)
        return out / 0, state

    def unroll(self, weights, u, state):
        out, state = super().unroll(weights, u, state)
        return out / 0, state
"""

#: A task that shows what no file can hold.
SHOWS_TOO_MUCH = """
from freerun.parts.tasks.hidden_markov import HiddenMarkov


class ShowsTooMuch(HiddenMarkov):
    def show(self, observed):
        return {"kind": "text", "lines": [observed.outputs]}
"""
