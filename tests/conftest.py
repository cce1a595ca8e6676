"""Fixtures of the whole test run. The database server is started by `ordercenter.settings.test` and ends with pytest."""
