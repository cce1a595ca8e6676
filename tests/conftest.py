"""Fixtures of the whole test run. Its database server is started by `ordercenter.settings.test`, ends with pytest."""

from __future__ import annotations

import pytest
from django.utils import translation

from ordercenter.common.ids import forget_pools


@pytest.fixture(autouse=True)
def nothing_left_of_other_tests() -> None:
    """A process keeps the language of the last page seen and a block of unused ids; which test came before differs with
    the number of processes. Each begins in the default language, and pays for its first ids."""
    translation.deactivate()
    forget_pools()
