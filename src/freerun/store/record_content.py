"""Content of records: what two records of one run have to hold alike, wherever and whenever the run was done."""

from __future__ import annotations

from typing import Any

#: Of the provenance, what is told of the place and the cost of a run, and what can change a number. What is neither, as in a
#: record of another version, counts as the latter.
PLACE_AND_COST = (
    "commit", "machine", "processor", "finished", "group_size", "training_seconds", "evaluation_seconds", "updates_per_second",
    "update_seconds", "logging_seconds", "resumed_from", "steps", "products", "start",
)  # fmt: skip
COMPUTED_BY = ("versions", "arithmetic", "engine", "device", "data", "notes", "threads", "updates")


def difference(one: dict[str, Any], other: dict[str, Any]) -> str | None:
    """Return in words in what two records of one run differ; None if they hold the same.

    What was computed has to be the same, and by what: versions, arithmetic, engine, device, threads and data. When, where, how
    long and beside how many others may differ.

    Args:
        one, other: records as plain data.
    """
    here, there = _content(one), _content(other)
    names = [name for name in dict.fromkeys([*here, *there]) if here.get(name) != there.get(name)]
    return ", ".join(names) if names else None


def _content(record: dict[str, Any]) -> dict[str, Any]:
    made = record.get("provenance")
    told = made if isinstance(made, dict) else {}
    beside = {name: value for name, value in told.items() if name not in PLACE_AND_COST}
    return {**{name: value for name, value in record.items() if name != "provenance"}, **beside}
