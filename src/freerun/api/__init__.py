"""Python interface: experiments are run, studies are loaded, trained models are had back."""

from __future__ import annotations

from freerun.api.report_page import ReportPage
from freerun.api.running import run
from freerun.api.studies import Study, load
from freerun.api.trained_model import TrainedModel
from freerun.api.trained_runs import TrainedRun

__all__ = ["ReportPage", "Study", "TrainedModel", "TrainedRun", "load", "run"]
