"""Fixtures of the whole test run. Its database server is started by `ordercenter.settings.test` and ends with pytest."""
