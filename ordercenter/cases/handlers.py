"""Cases for what the post office could not do."""

from __future__ import annotations

from collections.abc import Sequence

from ordercenter.audit.work import unit_of_work
from ordercenter.cases.services import CaseDraft, close_cases_of, open_cases
from ordercenter.events.registry import Recorded, on, senders
from ordercenter.events.types import CommandAnswered, CommandSentAgain, DeliveryParked, MessageParked


@on(DeliveryParked, name="cases.delivery_parked")
def open_cases_for_parked_deliveries(events: Sequence[Recorded]) -> None:
    """An event that no handler could take waits for a person."""
    with unit_of_work(because=events) as work:
        open_cases(
            drafts=[
                CaseDraft(
                    code="EVENT_PARKED",
                    subject=f"delivery:{e.delivery_id}",
                    reference=e.about,
                    evidence={"handler": e.handler, "about": e.about, "error": e.error},
                    root_cause=f"EVENT_PARKED:{e.handler}:{e.error.partition(':')[0]}"[:160],
                    root_title=f"{e.handler}: {e.error}"[:200],
                )
                for e in (r.event for r in events)
                if isinstance(e, DeliveryParked)
            ],
            work=work,
        )


@on(MessageParked, name="cases.message_parked")
def open_cases_for_parked_messages(events: Sequence[Recorded]) -> None:
    """A message of the outside that cannot be read or applied waits for a person, kept as received."""
    with unit_of_work(because=events) as work:
        open_cases(
            drafts=[
                CaseDraft(
                    code="MESSAGE_PARKED",
                    subject=f"message:{e.message_id}",
                    reference=e.source,
                    evidence={"source": e.source, "kind": e.kind, "error": e.error, "code": e.error_code, **e.details},
                    root_cause=f"MESSAGE_PARKED:{e.kind}:{e.error_code}:{e.details.get('path', '')}"[:160],
                    root_title=f"{e.kind}: {e.error}"[:200],
                )
                for e in (r.event for r in events)
                if isinstance(e, MessageParked)
            ],
            work=work,
        )


def _is_nobodys(answered: CommandAnswered) -> bool:
    """Refused or given up, and neither a flow nor the sender's own app has something to say about it."""
    sender = senders().get(answered.kind)
    has_owner = answered.flow_run_id is not None or (sender is not None and sender.handles_failure)
    return answered.outcome != "done" and not has_owner


@on(CommandAnswered, name="cases.command_failed", when=_is_nobodys)
def open_cases_for_failed_commands(events: Sequence[Recorded]) -> None:
    """A command that no flow waits for was refused or given up."""
    failed = [r.event for r in events if isinstance(r.event, CommandAnswered) and _is_nobodys(r.event)]
    with unit_of_work(because=events) as work:
        open_cases(
            drafts=[
                CaseDraft(
                    code="COMMAND_FAILED",
                    subject=f"command:{e.command_id}",
                    reference=e.about,
                    evidence={"kind": e.kind, "about": e.about, "error": e.error_code, "outcome": e.outcome},
                    root_cause=f"COMMAND_FAILED:{e.kind}:{e.error_code}"[:160],
                    root_title=f"{e.kind}: {e.error_code}",
                )
                for e in failed
            ],
            work=work,
        )


@on(CommandSentAgain, name="cases.command_sent_again")
def close_cases_of_commands_sent_again(events: Sequence[Recorded]) -> None:
    """What a person sends once more is decided; should it fail again, a new case says so."""
    with unit_of_work(because=events) as work:
        close_cases_of(
            subjects={f"command:{e.command_id}" for r in events if isinstance(e := r.event, CommandSentAgain)},
            codes=["COMMAND_FAILED"],
            resolution="sent again",
            work=work,
        )
