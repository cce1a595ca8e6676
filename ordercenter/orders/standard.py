"""The flows that a new installation starts with."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

FLOWS = Path(__file__).with_name("flows")


def standard_flows() -> list[dict[str, Any]]:
    """The documents of the standard flows, in the order of their file names."""
    return [json.loads(path.read_text(encoding="utf-8")) for path in sorted(FLOWS.glob("standard-*.json"))]
