"""Regime that ends its process in every way there is, for the tests of failures."""

import ctypes
import os
import signal
import sys
import time
from dataclasses import dataclass
from enum import Enum

import torch

from freerun.parts.regimes import Regime


class Cause(Enum):
    """What happens in the middle of training."""

    nothing = "nothing"
    exception = "exception"
    exit = "exit"
    abort = "abort"
    kill = "kill"
    memory = "memory"
    hang = "hang"
    silence = "silence"
    segfault = "segfault"
    recursion = "recursion"
    noise = "noise"


@dataclass(kw_only=True)
class Faulty(Regime):
    """Free running until it goes wrong."""

    cause: Cause = Cause.nothing

    def probability(self, update, updates):
        return 0.0

    def mask(self, coins, update, updates):
        if update == 1:
            CAUSES[self.cause]()
        return torch.zeros_like(coins)


def _exception():
    raise RuntimeError("a fault of this part\nin two lines")


def _memory():
    import resource

    resource.setrlimit(resource.RLIMIT_AS, (2**33, 2**33))
    torch.empty(2**40)


def _recursion():
    _recursion()


def _noise():
    os.write(1, b"\xff\x00 noise without an end")
    print("noise", flush=True)


CAUSES = {
    Cause.nothing: lambda: None,
    Cause.exception: _exception,
    Cause.exit: lambda: sys.exit(0),
    Cause.abort: os.abort,
    Cause.kill: lambda: os.kill(os.getpid(), signal.SIGKILL),
    Cause.memory: _memory,
    Cause.hang: lambda: time.sleep(10_000),
    Cause.silence: lambda: os._exit(0),
    Cause.segfault: lambda: ctypes.string_at(0),
    Cause.recursion: _recursion,
    Cause.noise: _noise,
}
