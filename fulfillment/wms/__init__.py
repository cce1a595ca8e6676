"""How we talk to warehouses: the Qimen standard (奇门)."""
