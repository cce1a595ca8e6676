"""A room and its anchor come from a platform's order to our line as they are sold there; none where there was none."""

from __future__ import annotations

from typing import Any

import pytest

from channels_sync.adapters import douyin_mapping, wechat_shop_mapping
from channels_sync.sandbox.platforms import douyin_documents, wechat_documents
from channels_sync.sandbox.rooms import DEMO_ROOMS
from channels_sync.sandbox.scenario import Script, Spec
from channels_sync.sandbox.trades import Trade


def _douyin(trade: Trade) -> Any:
    return {"data": {"shop_order_detail": douyin_documents.order_document(trade, {}, shop_id=7, is_clear=True)}}


def _wechat(trade: Trade) -> Any:
    return {"order": wechat_documents.order_document(trade)}


@pytest.mark.parametrize(
    ("platform", "document", "read"),
    [
        ("douyin", _douyin, douyin_mapping.read_order),
        ("wechat_shop", _wechat, wechat_shop_mapping.read_order),
    ],
)
def test_the_room_of_a_line_is_the_one_it_was_sold_in(platform: str, document: Any, read: Any) -> None:
    spec = Spec(seed=3, orders=40, platforms={platform: 1.0}, rooms=DEMO_ROOMS, live_share=0.5, problem_shares={})
    script = Script(spec, first_tid=4_100_000_000_000_000_000)
    trades = [script.order(index).trade for index in range(40)]
    for trade in trades:
        trade.created_ms = trade.modified_ms = 1_764_547_200_000

    told = [{(line.live_room_id, line.live_author_id) for line in read(document(trade)).lines} for trade in trades]

    room = DEMO_ROOMS[platform][0]
    assert told == [{(room.room_id, room.author_id)} if trade.room_id else {("", "")} for trade in trades]
    assert 10 < sum(1 for trade in trades if trade.room_id) < 30
