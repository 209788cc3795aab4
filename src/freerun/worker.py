"""What does a worker process do? It takes groups from its standard input, one line of JSON each, and answers in lines of JSON.

Started by `freerun.workers` as ``python -m freerun.worker``. When its input closes, because the parent has gone, it stops at
once; records that were written are whole, the rest is done by the next sweep.
"""

from __future__ import annotations

import json
import os
import queue
import signal
import sys
import threading
from pathlib import Path
from typing import Any

from freerun import catalog
from freerun.canonical import from_canonical
from freerun.errors import FreerunError, StoreError
from freerun.grouping import Planned
from freerun.store import Store


def main() -> None:
    """Serve until the input closes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    channel = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # whatever a library prints must not be taken for an answer

    def tell(event: str, **values: Any) -> None:
        channel.write(json.dumps({"event": event, **values}) + "\n")
        channel.flush()

    orders: queue.Queue[dict[str, Any]] = queue.Queue()
    threading.Thread(target=_listen, args=(orders,), daemon=True).start()
    from freerun.runner import prepare

    prepare()
    tell("ready")
    while True:
        _serve(orders.get(), tell)


def _listen(orders: queue.Queue[dict[str, Any]]) -> None:
    for line in sys.stdin:
        orders.put(json.loads(line))
    os._exit(0)


def _serve(order: dict[str, Any], tell: Any) -> None:
    from freerun.runner import run_safely

    try:
        for path in order["plugins"]:
            catalog.load_plugin(path)
        runs = [Planned(id=run["id"], tree=run["tree"], experiment=from_canonical(run["tree"])) for run in order["runs"]]
        failed = run_safely(runs, Store(Path(order["store"])), lambda event, values: tell(event, **values))
    except StoreError as fault:
        tell("unusable", reason=str(fault))
    except FreerunError as fault:
        tell("done", failed={run["id"]: str(fault) for run in order["runs"]})
    else:
        tell("done", failed=failed)


if __name__ == "__main__":
    main()
