"""Writing down what a person did, where no service of an app does it itself."""

from __future__ import annotations

from typing import Any

from ordercenter.audit.models import Deed
from ordercenter.audit.work import Work


def record_deed(
    work: Work, *, action: str, subject: str, reason: str = "", details: dict[str, Any] | None = None
) -> None:
    """One deed of the work's actor, written with the rest of the work. subject: "order:12"."""
    work.add(
        [
            Deed(
                at=work.at,
                actor=str(work.actor),
                user_id=work.actor.user_id,
                action=action,
                subject=subject,
                reason=reason,
                details=details or {},
                chain_id=work.cause_of(subject).chain_id,
            )
        ]
    )
