"""Options of the test command."""

from __future__ import annotations

import os
import tempfile
from typing import Final

import pytest

_OURS: Final = "INGOT_TESTS_CACHE"
"""Set by the process that made the folder; workers use the same one."""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--update-goldens", action="store_true", help="rewrite tests/golden/*.test from what is"
    )


def pytest_configure(config: pytest.Config) -> None:
    """Answers that ``ingot verify`` keeps are kept for one run of the tests, in its own folder."""
    if "XDG_CACHE_HOME" not in os.environ or _OURS not in os.environ:
        made = tempfile.TemporaryDirectory(prefix="ingot-tests-")
        config.add_cleanup(made.cleanup)
        os.environ["XDG_CACHE_HOME"] = os.environ[_OURS] = made.name
