"""A trained model had back: what it says, its states, and how it goes on when it is fed its own output."""

from freerun import Experiment, HiddenMarkov, Study, Training

tiny = {"task": HiddenMarkov(sequences=32, length=12), "model": "gru", "training": Training(updates=10, batch=4)}
first = Study([Experiment(**tiny, regime="teacher_forcing", seed=seed) for seed in range(3)], name="first").train()
model = first.run(seed=0).model()
rollouts = model.generate(4, 10, temperature=0.5, feedback="argmax")
states = model.states(rollouts)
model.export_step("step.pt2")
second = Study([run.continue_(updates=10, regime="free_running") for run in first], name="second").train()
print(second.run(seed=0).model().generate(4, 10))
print(second.budgets[["updates", "start_updates"]])
