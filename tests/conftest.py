"""Fixtures of the whole test run. Its database server is started by `ordercenter.settings.test`, ends with pytest."""

from __future__ import annotations

import pytest
from django.utils import translation


@pytest.fixture(autouse=True)
def language_of_the_house() -> None:
    """Each test begins in the default language: a page seen in English leaves English behind in its thread, and which
    test comes next differs with the number of processes."""
    translation.deactivate()
