"""Parent process, seen from its child: gives orders on standard input, hears answers on standard output, in lines of JSON.

The other end of the two pipes is `freerun.io.child_process`. When the input closes, because the parent has gone, the child ends
at once, and with it whatever it has forked.
"""

from __future__ import annotations

import json
import os
import queue
import signal
import sys
import threading
from typing import Any, NoReturn


class ParentProcess:
    """The process that has started this one. From now on standard output carries only answers; prints go to standard error.

    Ctrl-C, which a terminal sends to all processes, is left to the parent.
    """

    def __init__(self) -> None:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        self._channel = os.fdopen(os.dup(1), "w", encoding="utf-8")
        os.dup2(2, 1)  # whatever a library or a part prints must not be taken for an answer
        self._orders: queue.Queue[dict[str, Any]] = queue.Queue()
        threading.Thread(target=self._listen, daemon=True).start()

    def order(self) -> dict[str, Any]:
        """Wait for the next order and return it."""
        return self._orders.get()

    def tell(self, event: str, **values: Any) -> None:
        """Send an answer."""
        self._channel.write(json.dumps({"event": event, **values}) + "\n")
        self._channel.flush()

    def leave(self) -> NoReturn:
        """End this process with code 0, whatever threads it still has."""
        self._channel.close()
        os._exit(0)

    def _listen(self) -> None:
        for line in sys.stdin:
            self._orders.put(json.loads(line))
        if os.getpgrp() == os.getpid():
            os.killpg(0, signal.SIGKILL)
        os._exit(0)
