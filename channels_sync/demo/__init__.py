"""The demo company: `company` is what it needs to work, `seed_life` gives it some days of work to look at."""

from channels_sync.demo.company import seed_company
from channels_sync.demo.life import seed_life

__all__ = ["seed_company", "seed_life"]
