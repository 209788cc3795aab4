"""Regime `forking`: free running, which forks processes that sleep, and then is killed, hangs or exits."""

from __future__ import annotations

import os
import signal
import time
from dataclasses import dataclass

import torch

from freerun.parts.regimes import Regime


@dataclass(kw_only=True)
class Forking(Regime):
    """Free running; at its second update it forks, notes the processes in a folder, and is killed, hangs or exits."""

    how: str = "well"
    children: int = 1
    apart: bool = False
    notes: str = ""

    def probability(self, update, updates):
        return 0.0

    def mask(self, coins, update, updates):
        if update == 1 and self.how != "well":
            self._fork()
            if self.how == "hang":
                time.sleep(600)
            if self.how == "exit":
                os._exit(3)
            os.kill(os.getpid(), signal.SIGKILL)
        return torch.zeros_like(coins)

    def _fork(self) -> None:
        for _ in range(self.children):
            child = os.fork()
            if not child:
                if self.apart:  # where nothing reaches it, with the pipes of the worker
                    os.setsid()
                time.sleep(600)
                os._exit(0)
            with open(self.notes, "a") as file:
                file.write(f"{os.getpid()} {child}\n")
