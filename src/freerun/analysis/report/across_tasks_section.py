"""Section on results across tasks: mean ranks with their critical difference, effects on an average task."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from freerun.analysis.figures import Material
from freerun.analysis.inference.confidence_intervals import FEWEST
from freerun.analysis.inference.mean_ranks import METHODS, TASKS, Ranking, ranking, votes
from freerun.analysis.inference.paired_differences import paired
from freerun.analysis.inference.power import LEVEL
from freerun.analysis.inference.random_effects import Summary, effects, over_tasks
from freerun.analysis.inference.replicates import LABELS
from freerun.analysis.inference.scales import unlogged
from freerun.analysis.report.headline_kinds import kinds, of_one_kind
from freerun.analysis.report.number_text import change, factor, listed, number
from freerun.analysis.report.section import Grid, Section

_NOTE = (
    "Ranks: 1 is the best of a task by its headlines, running free, by medians over seeds among which a run that diverged or "
    "failed is worse than any other. Each task counts once: it ranks by the means of the ranks over its headlines and all "
    "settings run on it. p: Friedman's test (Iman & Davenport 1980), and no smaller than so few tasks can give. Mean "
    "ranks further apart than the critical difference differ (Nemenyi; Demsar 2006). Changes: a random-effects summary of the "
    "log ratios of the first headline of each task, running free (of perplexities, for a cross-entropy; turned round where "
    "more is better, so that below 1 is better). It treats the tasks as a sample of all tasks; its 95 % "
    "Hartung-Knapp-Sidik-Jonkman intervals are each by itself. Headlines on no ratio scale are left out. "
    "Of the tasks' own: how much of the variance of the effects lies between tasks (I\N{SUPERSCRIPT TWO}). "
    "Effects are over the pairs of runs that have a result."
)
_RANKS = ("What", "Mean rank, best first", "Not shown to differ", "p", "Critical difference", "Tasks")
_EFFECTS = ("Method", "Against", "On an average task", "On a new task", "Of the tasks' own", "Tasks")


def section(material: Material) -> Section | None:
    """The section on rankings and effects over at least three tasks; None where there is neither."""
    ranks = [(of, result) for of in ("method", "model_label") if (result := _ranking(material, of))]
    changed = list(_changes(material))
    if not ranks and not changed:
        return None
    said = [_ranked(of, result) for of, result in ranks]
    grids = []
    if ranks:
        grids.append(Grid(title="Mean ranks over tasks", head=_RANKS, rows=[_row(of, result) for of, result in ranks]))
    if changed:
        said += [sentence for sentence, _ in changed]
        grids.append(Grid(title="Effects over tasks", head=_EFFECTS, rows=[row for _, row in changed]))
    single = of_one_kind(material.headlines, kinds(material)) if ranks else []
    said += [f"Ranked by one kind of headline alone: {listed(single)}."] if single else []
    return Section(title="What holds over tasks?", sentences=said, note=_NOTE, tables=grids, figure="ranking" if ranks else "")


def _ranking(material: Material, of: str) -> Ranking | None:
    table = votes(material.levels()[1], material.headlines, material.runs, of, quantities=material.quantities)
    return ranking(table) if len(table) >= TASKS and table.shape[1] >= METHODS else None


def _words(of: str) -> str:
    return "methods" if of == "method" else "models"


def _ranked(of: str, result: Ranking) -> str:
    best = f"{result.ranks.index[0]} has the best mean rank of {len(result.ranks)} {_words(of)}, {number(result.ranks.iloc[0])}"
    p = f"p = {number(result.p)}, how often chance alone would set them so far apart"
    if result.p > LEVEL:
        return f"Over {result.tasks} tasks {best}, but no difference between them is shown ({p})."
    alike = [listed(clique) for clique in result.cliques]
    remark = f"; not shown to differ: {'; '.join(alike)}" if alike else ""
    return f"Over {result.tasks} tasks {best} ({p}){remark}."


def _row(of: str, result: Ranking) -> list[str]:
    ranks = ", ".join(f"{name} {number(value)}" for name, value in result.ranks.items())
    alike = "; ".join(listed(clique) for clique in result.cliques)
    return [_words(of).capitalize(), ranks, alike, number(result.p), number(result.critical_difference), str(result.tasks)]


def _changes(material: Material) -> Iterator[tuple[str, list[str]]]:
    """For each regime a sentence and the numbers of its effect over tasks."""
    steps, judged = material.levels()[0], {task: names[0] for task, names in material.headlines.items()}
    headline_steps = steps[steps["metric"].astype(object) == steps["task_label"].astype(object).map(judged)]
    labels = material.runs.set_index("run")[LABELS]
    pairs = paired(headline_steps.drop(columns=LABELS), labels, quantities=material.quantities)
    if pairs.empty:
        return
    table = effects(pairs, material.quantities)
    for (first, regime, setting), of_regime in table[table["error"] > 0].groupby(
        ["baseline", "regime_label", "setting"], observed=True, sort=False
    ):
        if len(of_regime) < FEWEST:
            continue
        summary = over_tasks(of_regime["effect"].to_numpy(), of_regime["error"].to_numpy())
        method = f"{regime} ({setting})" if setting else str(regime)
        average, new = _times(summary.mean, summary.low, summary.high), _ends(summary.new_low, summary.new_high)
        said = (
            f"On an average task {method} changes the first headline, as an error, by {average} against {first}, on a new one "
            f"by {new}"
        )
        yield (
            f"{said}: {_shown(summary)}.",
            [method, str(first), average, new, f"{100 * summary.share:.0f} %", str(summary.tasks)],
        )


def _shown(summary: Summary) -> str:
    """What is shown of an average task, which need not hold on a new one."""
    if summary.low <= 0 <= summary.high:
        return "no effect on an average task is shown"
    return "an effect on an average task" + (
        ", which a new one need not have" if summary.new_low <= 0 <= summary.new_high else ""
    )


def _times(mean: float, low: float, high: float) -> str:
    """A log ratio as a change."""
    ratio, *ends = (float(end) for end in unlogged(np.array([mean, low, high])))
    return change(ratio, ends[0], ends[1], True, "")


def _ends(low: float, high: float) -> str:
    return " to ".join(factor(float(end)) for end in unlogged(np.array([low, high])))
