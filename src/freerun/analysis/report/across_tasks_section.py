"""Section on results across tasks: mean ranks with their critical difference, effects on an average task."""

from __future__ import annotations

import math
from collections.abc import Iterator

from freerun.analysis.figures import Material
from freerun.analysis.inference.confidence_intervals import FEWEST
from freerun.analysis.inference.mean_ranks import METHODS, TASKS, Ranking, ranking, votes
from freerun.analysis.inference.paired_differences import paired
from freerun.analysis.inference.power import LEVEL
from freerun.analysis.inference.random_effects import effects, over_tasks
from freerun.analysis.inference.replicates import LABELS
from freerun.analysis.report.number_text import change, listed, number
from freerun.analysis.report.section import Grid, Section

_NOTE = (
    "Ranks: 1 is the smallest free error of a task, by medians over seeds among which a run that diverged or failed is worse "
    "than any other; a task has one vote, the mean of its ranks over what else was run on it. "
    "p: Friedman's test (Iman & Davenport 1980); mean ranks further apart than the critical difference differ (Nemenyi; Demsar "
    "2006). Changes: a random-effects summary of the log ratios of the tasks' own free errors (of perplexities, for a "
    "cross-entropy), tasks being a sample of tasks, with Hartung-Knapp-Sidik-Jonkman intervals; I\N{SUPERSCRIPT TWO}: how much "
    "of the variance of the effects lies between tasks. Effects are over the pairs of runs that have a result."
)
_RANKS = ("What", "Mean rank, best first", "Not shown to differ", "p", "Critical difference", "Tasks")
_EFFECTS = ("Method", "Against", "On an average task", "On a new task", "I\N{SUPERSCRIPT TWO}", "Tasks")


def section(material: Material) -> Section | None:
    """Rankings and summaries of what was run on three tasks at least; None where there is neither."""
    ranks = [(of, found) for of in ("method", "model_label") if (found := _ranking(material, of))]
    changed = list(_changes(material))
    if not ranks and not changed:
        return None
    said = [_ranked(of, found) for of, found in ranks]
    grids = []
    if ranks:
        grids.append(Grid(title="Mean ranks over tasks", head=_RANKS, rows=[_row(of, found) for of, found in ranks]))
    if changed:
        said += [sentence for sentence, _ in changed]
        grids.append(Grid(title="Effects over tasks", head=_EFFECTS, rows=[row for _, row in changed]))
    return Section(title="What holds over tasks?", sentences=said, note=_NOTE, tables=grids, figure="ranking" if ranks else "")


def _ranking(material: Material, of: str) -> Ranking | None:
    table = votes(material.levels()[1], material.headlines, material.runs, of, quantities=material.quantities)
    return ranking(table) if len(table) >= TASKS and table.shape[1] >= METHODS else None


def _words(of: str) -> str:
    return "methods" if of == "method" else "models"


def _ranked(of: str, found: Ranking) -> str:
    best = f"{found.ranks.index[0]} has the best mean rank of {len(found.ranks)} {_words(of)}, {number(found.ranks.iloc[0])}"
    p = f"Friedman's p = {number(found.p)}"
    if found.p > LEVEL:
        return f"Over {found.tasks} tasks {best}, but no difference between them is shown ({p})."
    alike = [listed(clique) for clique in found.cliques]
    rest = f"; not shown to differ: {'; '.join(alike)}" if alike else ""
    return f"Over {found.tasks} tasks {best} ({p}){rest}."


def _row(of: str, found: Ranking) -> list[str]:
    ranks = ", ".join(f"{name} {number(value)}" for name, value in found.ranks.items())
    alike = "; ".join(listed(clique) for clique in found.cliques)
    return [_words(of).capitalize(), ranks, alike, number(found.p), number(found.critical_difference), str(found.tasks)]


def _changes(material: Material) -> Iterator[tuple[str, list[str]]]:
    """For each regime a sentence and the numbers of its effect over tasks."""
    steps, judged = material.levels()[0], {task: names[0] for task, names in material.headlines.items()}
    own = steps[steps["metric"].astype(object) == steps["task_label"].astype(object).map(judged)]
    labels = material.runs.set_index("run")[LABELS]
    pairs = paired(own.drop(columns=LABELS), labels, quantities=material.quantities)
    if pairs.empty:
        return
    table = effects(pairs, material.quantities)
    for (first, regime, setting), each in table[table["error"] > 0].groupby(
        ["baseline", "regime_label", "setting"], observed=True, sort=False
    ):
        if len(each) < FEWEST:
            continue
        found = over_tasks(each["effect"].to_numpy(), each["error"].to_numpy())
        method = f"{regime} ({setting})" if setting else str(regime)
        average, new = _times(found.mean, found.low, found.high), _ends(found.new_low, found.new_high)
        said = f"On an average task {method} changes the first headline by {average} against {first}, on a new one by {new}"
        open_ = found.low <= 0 <= found.high
        yield (
            f"{said}: {'no effect that holds over tasks is shown' if open_ else 'an effect that holds over tasks'}.",
            [method, str(first), average, new, f"{100 * found.share:.0f} %", str(found.tasks)],
        )


def _times(mean: float, low: float, high: float) -> str:
    """A log ratio as a change."""
    return change(math.exp(mean), math.exp(low), math.exp(high), True, "")


def _ends(low: float, high: float) -> str:
    return f"\N{MULTIPLICATION SIGN}{number(math.exp(low))} to \N{MULTIPLICATION SIGN}{number(math.exp(high))}"
