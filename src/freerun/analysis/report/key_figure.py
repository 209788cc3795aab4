"""Figure that opens the report: the one that shows the answer."""

from __future__ import annotations

from collections.abc import Collection

from freerun.analysis.figures import Material
from freerun.analysis.inference.mean_ranks import TASKS
from freerun.analysis.inference.replicates import CELL

#: Of so many tasks on, the order of methods over all of them says more than a panel for each.
MANY = 5
#: From the one that says most to the one that says least.
_ORDER = ("gap_by_model", "closed_loop", "error_over_lead", "ranking")


def key_figure(material: Material, drawn: Collection[str]) -> str:
    """The name of the figure that shows the answer, of those that were drawn; "" where there is none.

    That is the order of methods, where several were run on `MANY` tasks or more and all of them on three at least; else both
    levels and the gap of every condition; else measures of the whole rollout; else errors by lead time; else whatever there is.
    """
    task, _, method = CELL
    by_task = material.runs.groupby(task, observed=True)[method].nunique()
    methods = material.runs[method].nunique()
    ranked = methods > 1 and len(by_task) >= MANY and int((by_task == methods).sum()) >= TASKS
    order = ("ranking", *_ORDER) if ranked else _ORDER
    return next(
        (name for kind in order for name in drawn if name == kind or name.startswith(f"{kind}_")), next(iter(drawn), "")
    )
