"""Bad days: the whole system as processes of its own, and what is done to it."""

import pytest

# What these modules assert shall show its values like a test does.
pytest.register_assert_rewrite("tests.badday.day", "tests.badday.system")
