"""Quick tier of plugins with helpers: some of them, and a digest of the plugin's file alone is caught."""

from __future__ import annotations

from unittest import mock

import pytest

from freerun.parts import plugin_sources
from reliability import plugins


def test_what_plugins_import_is_in_their_digest(tmp_path):
    for case in plugins.cases(11, 15):
        plugins.check(case, tmp_path / str(case))


def test_a_digest_of_the_file_alone_is_caught(tmp_path):
    def every() -> None:
        for case in plugins.cases(11, 15):
            plugins.check(case, tmp_path / str(case))

    with mock.patch.object(plugin_sources, "_collect", lambda source, modules: None), pytest.raises(AssertionError):
        every()
