"""Two studies of the same conditions, before and after a change, set beside each other."""

from freerun import Study

tiny = {"task": "hidden_markov", "task.sequences": 32, "task.length": 12, "model": "gru", "model.hidden": 4}
tiny |= {"objective": "cross_entropy", "regime": ["teacher_forcing", "free_running"], "evaluation.sequences": 16}
short = Study("exact_expert", {**tiny, "training.updates": 5}, seed=range(3), name="short").train()
long = Study("exact_expert", {**tiny, "training.updates": 20}, seed=range(3), name="long").train()
comparison = long.compare(short)
print(comparison)
long.extend(range(4)).train().report()
