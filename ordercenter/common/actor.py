"""Who did it: a person, the system itself, a channel, a warehouse or an integration."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

ActorKind = Literal["person", "system", "channel", "warehouse", "integration"]


@dataclass(frozen=True)
class Actor:
    """The one who acts. label is what the audit shows; user_id only for persons."""

    kind: ActorKind
    label: str
    user_id: int | None = None

    def __str__(self) -> str:
        return f"{self.kind}:{self.label}"

    @property
    def is_person(self) -> bool:
        return self.kind == "person"


SYSTEM = Actor("system", "order-center")
