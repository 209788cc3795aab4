"""Two regimes, each with its own learning rate: tuned on other seeds by the same number of trials, then set in one table."""

from freerun import Study

study = Study(
    "exact_expert",
    {"model.hidden": 4, "training.updates": 20, "task.sequences": 32, "evaluation.sequences": 16},
    regime=["teacher_forcing", "free_running"],
    objective="cross_entropy",
    seed=range(3),
    tune={"axes": {"training.lr": [0.003, 0.03]}, "seeds": "100,101"},
    name="fair",
)
print(study.plan())
study.train()
study.table("fair.tex")
