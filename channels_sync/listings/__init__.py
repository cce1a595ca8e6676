"""Listings of channels that nobody has matched to goods of ours: what waits for them, and what they may be."""
