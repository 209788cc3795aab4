"""Shares of a test part: dealt out by seed, so that seeds are judged on windows of their own."""

from __future__ import annotations

import hashlib

from freerun.errors import ConfigError

#: So many windows side by side has every share at least.
FEWEST = 10


def share(part: tuple[int, int], shares: int, seed: int) -> tuple[int, int]:
    """Return where the share of a seed begins and ends: of `shares` equal stretches of a part the one numbered seed mod shares.

    Args:
        part: where the part begins and ends.
        shares: how many.
        seed: of the run.
    """
    begin, end = part
    size, number = (end - begin) // shares, seed % shares
    return begin + number * size, begin + (number + 1) * size


def demand_room(size: int, smallest: int, shares: int, length: int, origin: str) -> None:
    """Refuse a part that is too short to be dealt out.

    Args:
        size: steps of the test part.
        smallest: steps of its smallest share.
        shares: how many there are.
        length: of the windows.
        origin: key and value of the data, for messages.

    Raises:
        ConfigError: if a share has no room for `FEWEST` windows side by side.
    """
    least = FEWEST * (length + 1)
    if shares == 1 or smallest >= least:
        return
    cure = f"task.test_shares={size // least} at most" if shares > size // least > 1 else "give fewer, or leave it out"
    raise ConfigError(
        f"{origin}: task.test_shares={shares}: a share of the test part has {smallest} of its {size} steps, {FEWEST} windows "
        f"of {length} steps need {least}; {cure}"
    )


def name(content: str, shares: int, seed: int) -> str:
    """Return the digest that names data of which a seed has a share of the test part; that of the whole for one share."""
    return content if shares == 1 else hashlib.sha256(f"{content} {seed % shares} of {shares}".encode()).hexdigest()
