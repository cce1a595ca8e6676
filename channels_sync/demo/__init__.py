"""The demo company: `company` is what it needs to work, `seed_life` some days of work, `stream` its live streams."""

from channels_sync.demo.company import seed_company
from channels_sync.demo.life import seed_life
from channels_sync.demo.streams import stream

__all__ = ["seed_company", "seed_life", "stream"]
