"""Who did it: a person, the system itself, a channel, a warehouse or an integration."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from django.http import HttpRequest

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


def actor_of(request: HttpRequest) -> Actor:
    """The person who sends this request. Raises ValueError for one who has not logged in."""
    if not request.user.is_authenticated:
        raise ValueError("nobody is logged in")
    return Actor("person", request.user.get_username(), request.user.pk)
