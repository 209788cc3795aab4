"""What do people call it? Words for the names in the tables, and which way a metric points."""

from __future__ import annotations

import math
from collections.abc import Collection

WORDS = {
    "adding": "Adding problem",
    "advection": "Advection",
    "automaton": "Finite automaton",
    "delayed_recall": "Delayed recall",
    "digits": "Digits",
    "embedded_reber": "Embedded Reber",
    "errors_in_variables": "Errors in variables",
    "hidden_markov": "Hidden Markov",
    "hyper_roessler": "Hyperchaotic R\N{LATIN SMALL LETTER O WITH DIAERESIS}ssler",
    "lorenz63": "Lorenz-63",
    "lorenz96": "Lorenz-96",
    "mackey_glass": "Mackey-Glass",
    "markov": "Markov source",
    "path_star": "Path-star",
    "reber": "Reber",
    "roessler": "R\N{LATIN SMALL LETTER O WITH DIAERESIS}ssler",
    "series": "Series",
    "sunspots": "Sunspots",
    "text": "Text",
    "thomas": "Thomas",
    "two_step": "Two symbols",
    "gru": "GRU",
    "lstm": "LSTM",
    "hidden_recurrent": "Hidden-recurrent",
    "output_recurrent": "Output-recurrent",
    "linear": "Linear",
    "sequence_to_one": "Sequence-to-one",
    "shallow_plrnn": "Shallow PLRNN",
    "stencil": "Stencil",
    "transformer": "Transformer",
    "accuracy": "Accuracy",
    "kl": "KL to the truth",
    "loss": "Loss",
    "off_support": "Off-support share",
    "exact_match": "Whole answers right",
    "rmse": "RMSE",
    "valid_time": "Valid prediction time",
    "validity": "Share of valid strings",
    "nrmse": "NRMSE over a Lyapunov time",
    "valid_time_censored": "Forecasts that outlast the horizon",
    "chaos_floor": "Chaos floor",
    "d_stsp": "State-space divergence",
    "d_stsp_floor": "State-space divergence, floor",
    "d_h": "Power-spectrum distance",
    "d_h_floor": "Power-spectrum distance, floor",
    "d_flow": "Displacement distance",
    "d_flow_floor": "Displacement distance, floor",
    "lyapunov": "Largest Lyapunov exponent",
    "lyapunov_true": "Largest Lyapunov exponent, truth",
    "share_left": "Orbits that run away",
    "share_resting": "Orbits that come to rest",
    "share_cycling": "Orbits that end in a cycle",
    "unigrams": "Symbol frequencies",
    "unigrams_floor": "Symbol frequencies, floor",
    "bigrams": "Pairs of symbols",
    "bigrams_floor": "Pairs of symbols, floor",
    "trigrams": "Triples of symbols",
    "trigrams_floor": "Triples of symbols, floor",
    "lengths": "Lengths",
    "lengths_floor": "Lengths, floor",
    "fed_energy": "Energy distance, feed",
    "fed_mmd": "MMD\N{SUPERSCRIPT TWO}, feed",
    "fed_mmd_p": "MMD p-value, feed",
    "fed_sliced": "Sliced Wasserstein, feed",
    "fed_classifier": "Classifier accuracy, feed",
    "hidden_energy": "Energy distance, hidden states",
    "hidden_mmd": "MMD\N{SUPERSCRIPT TWO}, hidden states",
    "hidden_mmd_p": "MMD p-value, hidden states",
    "hidden_sliced": "Sliced Wasserstein, hidden states",
    "hidden_classifier": "Classifier accuracy, hidden states",
    "output_energy": "Energy distance, outputs",
    "output_mmd": "MMD\N{SUPERSCRIPT TWO}, outputs",
    "output_mmd_p": "MMD p-value, outputs",
    "output_sliced": "Sliced Wasserstein, outputs",
    "output_classifier": "Classifier accuracy, outputs",
    "acc_err": "Accumulated error (AccErr)",
    "ex_acc_err": "Excess accumulated error (%ExAccErr)",
    "eb_c_tv": "EB-C (TV)",
    "eb_c_js": "EB-C (JS)",
    "sequence_kl": "KL(P||Q) of sequences",
    "sequence_kl_reverse": "KL(Q||P) of sequences",
    "left_support": "Probability of having left the support",
    "tv": "TV to the truth",
    "js": "JS to the truth",
    "recovery": "Excess KL after a spoiled prefix",
    "recovery_change": "Change of the excess KL",
}
#: Between which two values a metric can lie.
Range = tuple[float, float]
EVERYWHERE: Range = (-math.inf, math.inf)
_FROM_0: Range = (0.0, math.inf)
#: Those of metrics whose unit does not say it: errors, times and divergences are never below 0.
_RANGES: dict[str, Range] = {
    **dict.fromkeys(("kl", "loss", "rmse", "nrmse", "chaos_floor", "valid_time", "d_stsp", "d_stsp_floor"), _FROM_0),
    **dict.fromkeys(("sequence_kl", "sequence_kl_reverse", "acc_err", "eb_c_tv", "eb_c_js"), _FROM_0),
    "js": (0.0, math.log(2)), "ex_acc_err": (-100.0, math.inf),
}  # fmt: skip
#: How the units of shares and probabilities begin.
_SHARES = ("share", "probability", "total variation", "p, ")
#: Metrics that say how far a task's model is off, the most telling first.
PRIMARY = ("kl", "rmse", "loss")


def label(name: str) -> str:
    """The name for people; of a part that nobody has heard of, its name with spaces."""
    return WORDS.get(name, name.replace("_", " "))


def quantity(metric: str, unit: str) -> str:
    """A metric with its unit, for an axis or a heading."""
    return f"{label(metric)} ({shown(unit)})" if unit and unit != "share" else label(metric)


def shown(unit: str) -> str:
    """A unit for people: powers as superscripts."""
    return unit.replace("^2", "\N{SUPERSCRIPT TWO}").replace("^3", "\N{SUPERSCRIPT THREE}")


def bounds(metric: str, unit: str) -> Range:
    """Between which values a metric can lie: shares between 0 and 1, errors above 0; unbounded where nothing is known of it."""
    if unit.startswith(_SHARES):
        return 0.0, 1.0
    return _RANGES.get(metric, _FROM_0 if unit.endswith("^2") else EVERYWHERE)


def bounds_of_change(metric: str, unit: str) -> Range:
    """Between which values the difference of two levels of a metric can lie."""
    low, high = bounds(metric, unit)
    return low - high, high - low


def primary(metrics: Collection[str]) -> str:
    """The error by which a task is judged: KL where there is an oracle, else RMSE for values, else the loss.

    Raises:
        ValueError: if there is no metric at all.
    """
    for name in (*PRIMARY, *metrics):
        if name in metrics:
            return name
    raise ValueError("metrics must not be empty")


def positive(metric: str, unit: str) -> bool:
    """Whether a metric is an error on a ratio scale, so that its statistics are those of its logarithm.

    A cross-entropy is a logarithm already.
    """
    return metric in ("kl", "rmse") or unit.endswith("^2")
