"""A played day: the sandbox plays seeded orders with planted problems, the running system works, and we compare."""
