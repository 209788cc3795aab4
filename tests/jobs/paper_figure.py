"""A figure for a paper: the gap over the lead time in chosen panels, under the paper's own names, with its caption and data."""

from pathlib import Path

import freerun
from freerun import GRU, Evaluation, Experiment, FreeRunning, HiddenMarkov, OutputRecurrent, TeacherForcing, Training

tiny = {"training": Training(updates=5), "evaluation": Evaluation(sequences=16)}
experiments = [
    Experiment(task=HiddenMarkov(sequences=32, length=12), model=model, regime=regime, seed=seed, **tiny)
    for model in (GRU(hidden=4), OutputRecurrent(hidden=4)) for regime in (TeacherForcing(), FreeRunning()) for seed in range(3)
]  # fmt: skip
tables, labels = freerun.run(experiments), {"free running": "closed loop", "Hidden Markov": "HMM"}
figure = freerun.figures.gap_over_lead(tables, select={"model": "gru"}, labels=labels, width="column", style="icml")
figure.savefig("gap.pdf")
figure.data.to_csv("gap.csv", index=False)
Path("gap.txt").write_text(figure.caption)
