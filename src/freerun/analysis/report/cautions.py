"""Cautions to the reader: runs that are left out of every mean, and errors that do not all come from the model."""

from __future__ import annotations

import pandas as pd

from freerun.analysis.figures import Material
from freerun.analysis.inference.confidence_intervals import FEWEST
from freerun.analysis.report.number_text import listed
from freerun.analysis.report.warmup_caution import too_short
from freerun.config.watched_curve import USUAL
from freerun.store.quantity import INSIDE_SUPPORT, OTHER_CONTINUATIONS, WORLDS_GROWTH, Quantity


def lost(rows: pd.DataFrame) -> str:
    """Return the sentence on the conditions that lost runs, so that a mean over the others is read as one; "" if none did."""
    rows = rows.drop_duplicates(["model_label", "method"])
    parts = [
        f"{row['diverged'] + row['failed']} of {row['runs']} for {row['model_label']}, {row['method']}"
        for row in rows.to_dict("records")
        if row["diverged"] + row["failed"]
    ]
    return f"Runs that diverged or failed, left out of every mean: {listed(parts)}." if parts else ""


def cautions(material: Material, task: str, metric: str) -> list[str]:
    """Return what a reader must know about the errors of a task, where it applies: sentences."""
    rows = material.whole[material.whole["task_label"] == task]
    steps = material.steps[material.steps["task_label"] == task]
    quantities = _meanings(material, rows, metric)
    blind = {phenomenon for quantity in quantities for phenomenon in quantity.blind}
    beside = set(material.compared.loc[material.compared["task_label"] == task, "metric"].astype(str))
    warnings = []
    if WORLDS_GROWTH in blind and not any(quantity.floor_name in beside for quantity in quantities):
        warnings.append(
            "In a chaotic system every error grows by itself: part of the free error comes from the system, not from the model."
        )
    if OTHER_CONTINUATIONS in blind and steps["step"].nunique() > 1:
        warnings.append(
            "The loss compares with the one continuation that is in the data. Running free, even a perfect model would write "
            "another one, so part of this gap comes from the source, not from the model."
        )
    if inside_alone(material, task, metric):
        label = listed([quantity.label for quantity in quantities])
        warnings.append(
            f"{label} is averaged only over prefixes inside the support, at steps where forced and free both have some; "
            "sequences that have left it are counted by the off-support share and the share of valid strings. Read them "
            "together."
        )
    if validation := on_validation(material, task):
        warnings.append(validation)
    if chosen := by_free_loss(material, task):
        warnings.append(chosen)
    if short := too_short(material, task):
        warnings.append(short)
    if shared := one_set_of_data(material, task):
        warnings.append(shared)
    if drawn := drawn_worlds(material, task):
        warnings.append(drawn)
    return warnings


def on_validation(material: Material, task: str) -> str:
    """Return that runs of a task are measured on the validation split; "" where none is."""
    runs = material.runs[material.runs["task_label"] == task]
    if "evaluation.split" not in runs or not runs["evaluation.split"].eq("validation").any():
        return ""
    every = runs["evaluation.split"].eq("validation").all()
    return (
        f"{'This task is' if every else 'Some of its conditions are'} measured on the validation split "
        "(evaluation.split=validation), by which settings may have been chosen."
    )


def by_free_loss(material: Material, task: str) -> str:
    """Return that weights were chosen by a free loss that compares with one continuation of many; "" where none were."""
    runs = material.runs[material.runs["task_label"] == task]
    nothing = pd.Series(index=runs.index, dtype=object)
    watch = runs.get("training.watch", nothing).fillna(USUAL)
    ended = runs.get("training.patience", nothing).notna() & watch.eq(USUAL)
    measured = material.whole.loc[material.whole["task_label"] == task, ["metric", "unit"]].drop_duplicates()
    meanings = [material.quantities.of(*key) for key in measured.itertuples(index=False, name=None)]
    chosen = ended | runs.get("training.keep", nothing).eq("best")
    if not chosen.any() or not any(OTHER_CONTINUATIONS in meant.blind for meant in meanings):
        return ""
    return (
        f"The free loss on validation chose the weights of {int(chosen.sum())} of {len(runs)} runs, or ended them. It compares "
        "with the one continuation that was written, and is the less the less a model has learned to say: "
        "training.watch=validation_forced_loss, or a measure, does not reward that."
    )


def one_set_of_data(material: Material, task: str) -> str:
    """Return that seeds of a task have the same data, as those of one text or recording have; "" where each has its own."""
    runs = material.runs[(material.runs["task_label"] == task) & (material.runs["status"] == "done")]
    seeds, data = runs["seed"].nunique(), runs["data"] if "data" in runs else pd.Series(dtype="str")
    if seeds < FEWEST or data.isna().any() or data.nunique() >= seeds:
        return ""
    if data.nunique() > 1:
        return (
            f"{seeds} seeds share {data.nunique()} sets of data: intervals over seeds count what is found on one of them again "
            "as if it were found on other data."
        )
    return (
        f"All {seeds} seeds have the same data: intervals over seeds hold the chance of training and of what is drawn, not "
        "that of the data, so that other data of the same kind may say otherwise."
    )


def drawn_worlds(material: Material, task: str) -> str:
    """Return whether seeds share the one source that was drawn or have each their own; "" for a task that draws none."""
    runs = material.runs[(material.runs["task_label"] == task) & (material.runs["status"] == "done")]
    world = runs["task.world"].dropna() if "task.world" in runs else runs["seed"][:0]
    if runs["seed"].nunique() < FEWEST or world.empty:
        return ""
    if "task.world_by_seed" in runs and runs["task.world_by_seed"].eq(True).all():
        return "Every seed has a source of its own (task.world_by_seed=true): intervals over seeds are over sources too."
    numbers = listed([f"{number:g}" for number in sorted(world.unique())])
    return (
        f"All seeds have the same source (task.world={numbers}), so that another source may say otherwise; "
        "task.world_by_seed=true draws one for every seed."
    )


def inside_alone(material: Material, task: str, metric: str) -> bool:
    """Whether an error of a task is averaged over prefixes inside the support alone, while models make others too."""
    rows = material.whole[material.whole["task_label"] == task]
    meant = _meanings(material, rows, metric)
    left_out = [quantity.left_out for quantity in meant if quantity.conditioned == INSIDE_SUPPORT]
    return bool((rows.loc[rows["metric"].isin(left_out), "free"] > 0).any())


def _meanings(material: Material, rows: pd.DataFrame, metric: str) -> list[Quantity]:
    return [material.quantities.of(metric, unit) for unit in rows.loc[rows["metric"] == metric, "unit"].unique()]
