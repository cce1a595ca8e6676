"""Fixtures of the whole test run. Its database server is started by `ordercenter.settings.test`, ends with pytest."""
