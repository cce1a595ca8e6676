"""The company that the API's tests call."""

from __future__ import annotations

import pytest

from tests.ordercenter.api.company import Caller, Company


@pytest.fixture
def company(db: None) -> Company:
    return Company()


@pytest.fixture
def caller(company: Company) -> Caller:
    """May do everything in `company.shop` and nothing elsewhere."""
    return company.caller()
