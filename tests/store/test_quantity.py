"""Quantities: what a metric may declare, how it stands in a record, and what a record may not say."""

import json
import math

import pytest

from freerun.errors import CorruptRecord
from freerun.parts import registry
from freerun.store.quantity import Quantity, read
from synthetic import study, tree

WHOLE = Quantity(
    name="gain", label="Gain", unit="m", better="higher", range=(0.0, math.inf), scale="ratio", floor="gain_floor",
    conditioned="what came", left_out="lost", blind=("time", "size"), sees=("shape",), signs=("down", "up"), part="headline",
)  # fmt: skip
EACH = {name: part().quantity for name, part in registry.parts("metric").items()}


@pytest.mark.parametrize("quantity", [WHOLE, *EACH.values()], ids=["whole", *EACH])
def test_what_was_written_is_read(quantity):
    told = json.loads(json.dumps(quantity.written(), allow_nan=False))
    assert read(quantity.name, told) == quantity


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"label": ""}, "label must be a printable text"),
        ({"unit": " "}, "unit must be a printable text"),
        ({"unit": "a\x1b[2J"}, "unit must be a printable text"),
        ({"better": "more"}, "better must be one of lower, higher, neither"),
        ({"scale": "log"}, "scale must be one of ratio, difference, logarithm"),
        ({"part": "main"}, "part must be one of headline, companion, diagnostic"),
        ({"range": (1, 0)}, "range must be"),
        ({"range": (-1, 1), "scale": "ratio"}, "range must begin at 0 or above"),
        ({"range": (0, 1), "floor": 2.0}, "floor must lie in the range"),
    ],
)
def test_what_means_nothing_is_refused(changed, says):
    with pytest.raises(ValueError, match=says):
        Quantity(**{"label": "a", "unit": "b", "better": "lower"} | changed)


@pytest.mark.parametrize(
    "said",
    [
        [], {"rmse": "RMSE"}, {"rmse": {"label": "RMSE"}}, {"rmse": {"label": "RMSE", "unit": "u", "better": "best"}},
        {"rmse": {"label": "RMSE", "unit": "u", "better": "lower", "colour": "red"}},
        {"rmse": {"label": "RMSE", "unit": "u", "better": "lower", "range": [0, "b"]}},
        {"rmse": {"label": "\x1b[2J", "unit": "u", "better": "lower"}},
    ],
)  # fmt: skip
def test_a_record_that_says_what_no_quantity_is_is_none(tmp_path, said):
    store, (run,) = study(tmp_path, [tree()])
    store.demand_whole(run, store.body(run))
    record = store.read(run)
    store.write({**record, "quantities": said}, None)
    with pytest.raises(CorruptRecord):
        store.demand_whole(run, store.body(run))
