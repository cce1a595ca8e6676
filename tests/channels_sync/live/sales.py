"""Sales of a session, as intake would have kept them."""

from __future__ import annotations

from decimal import Decimal

from channels_sync.live_models import LiveSale, LiveSession


def sold_in(session: LiveSession, *order_ids: int) -> None:
    """These orders have a line that was bought in the session."""
    LiveSale.objects.bulk_create(
        LiveSale(
            order_id=pk,
            channel_line_no="1",
            shop_id=session.shop_id,
            session=session,
            room_id=session.room_id,
            pieces=1,
            amount=Decimal(49),
        )
        for pk in order_ids
    )
