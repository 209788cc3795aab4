"""What a metric of a user's own measures is looked at before it is written: the run fails once, with the reason."""

from __future__ import annotations

import pytest

from freerun.cli.main import dispatch
from freerun.parts import plugins, registry
from freerun.store.records import Store

METRIC = """
from dataclasses import dataclass
import torch
from freerun.measurement.metrics import Metric
from freerun.store.quantity import Quantity
@dataclass(kw_only=True)
class Own(Metric):
    "Odd."
    per = "rollout"
    quantity = Quantity(label="Own", unit="share", better="higher")
    def applies(self, observed): return True
    def measure(self, observed): return {value}
"""
TINY = [
    "task.sequences=16", "task.length=6", "evaluation.warmup=1", "model.hidden=2", "training.updates=2", "training.batch=2",
    "launcher=inline",
]  # fmt: skip


@pytest.mark.parametrize("task", ["markov", "adding model=sequence_to_one feedback=none evaluation.warmup=0"])
@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (
            "torch.tensor([True])",
            r"metric own must measure a tensor of floating-point numbers with one axis, not torch.bool [1]",
        ),
        ("torch.tensor([3])", r"not torch.int64 [1]"),
        ("torch.zeros(2, 3)", r"not torch.float32 [2, 3]"),
        ("torch.tensor(1.0)", r"not torch.float32 []"),
        ("[1.0]", "not list"),
        ("None", "not NoneType"),
        ("torch.zeros(2)", "has one value for a rollout (per), and measured 2"),
    ],
)
def test_what_no_record_may_hold_fails_the_run_once(value, reason, task, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(registry, "plugin_parts", {kind: {} for kind in registry.KINDS})
    monkeypatch.setattr(plugins, "_plugin_files", {})
    monkeypatch.chdir(tmp_path)
    (tmp_path / "own.py").write_text(METRIC.format(value=value))
    words = [
        "run",
        f"task={task.split()[0]}",
        "model=gru",
        *TINY,
        *task.split()[1:],
        "plugins=[own.py]",
        "evaluation.metrics=[own]",
    ]
    words = [word for word in words if not ("adding" in task and word in ("model=gru", "evaluation.warmup=1"))]
    assert dispatch(words) == 1
    said = capsys.readouterr().err
    assert said.count("failed: ") == 1
    assert reason in said
    store = Store(tmp_path / "results" / ".store")
    assert [run for run in store.runs() if "-" in run] == []
    assert list((store.root / "aside").glob("*")) == []
