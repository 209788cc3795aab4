"""Settings that a canonical experiment does not say, since they came after there were runs and are by default."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from enum import Enum
from typing import Any

from freerun.config.training_settings import Training
from freerun.parts import registry
from freerun.store.record_types import HELD_OUT


def left_out(tree: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings that a canonical experiment does not say since they are by default, by dotted key.

    Those of a part that is not known here, a plugin's, are not among them.
    """
    values: dict[str, Any] = {}
    for key, node in tree.items():
        if not isinstance(node, Mapping) or key not in (*registry.KINDS, "training", "evaluation"):
            continue
        if key == "evaluation":  # whose class knows metrics, which tables do without
            values |= {} if "split" in node else {"evaluation.split": HELD_OUT[0]}
            continue
        kind = Training if key == "training" else registry.parts(key).get(str(node.get("name")))
        for item in () if kind is None else fields(kind):
            if item.metadata.get("later") and item.name not in node:
                values[f"{key}.{item.name}"] = item.default.value if isinstance(item.default, Enum) else item.default
    return values
