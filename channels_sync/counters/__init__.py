"""Counters of stores: documents that come in batches over bad lines, booked in the order in which they happened."""
