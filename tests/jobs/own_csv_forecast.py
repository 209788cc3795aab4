"""A CSV of one's own, with dates and an input that is known beforehand, to a forecast of four weeks, in a file and a figure."""

from pathlib import Path

import pandas as pd

from freerun import Evaluation, Experiment, Series, Study, Training

days = pd.read_csv(Path(__file__).with_suffix(".csv"))  # day, visits, holiday
known, ahead = days[:-28], days[-28:].drop(columns="visits")
task = Series.from_frame(known, date="day", columns=["visits"], inputs=["holiday"])
fit = {"training": Training(updates=150, lr=0.01), "evaluation": Evaluation(warmup=14, horizon=28, sequences=32)}
study = Study([Experiment(task=task, model="gru", regime="teacher_forcing", **fit)], name="visits").train()
print(
    study.gaps.query("split == 'test' and metric.str.startswith('skill')")
    .groupby(["metric", "mode"], observed=True)["value"]
    .mean()
)
study.figure("forecast_gru").savefig("origins.png")
study.run(seed=0).model().forecast(pd.concat([known, ahead]), 28).to_csv("forecast.csv", index=False)
