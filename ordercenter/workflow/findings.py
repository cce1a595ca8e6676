"""One thing the validator has to say about a flow document."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Finding:
    """code: stable, e.g. PORT_UNWIRED. node: the node's id, "" for the whole document. text: what is wrong.

    hint: what to do about it. An error keeps the flow from being published, a warning does not.
    Texts are in the language that was active when the validator ran.
    """

    code: str
    node: str
    text: str
    hint: str
    severity: Literal["error", "warning"] = "error"
