"""The pure core of planning: what goes into which parcel, and what of an amount falls on it. Plain data, no tables."""
