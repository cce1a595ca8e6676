"""Fixtures that several modules of flows share."""

from tests.flows.played_shops import played

__all__ = ["played"]
