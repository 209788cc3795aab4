"""Fixtures of the cases."""

from __future__ import annotations

import pytest


@pytest.fixture
def file(tmp_path):
    """Write a file of the user's own, and return its path."""

    def write(content, name="own.csv", encoding="utf-8"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode(encoding))
        return str(path)

    return write
