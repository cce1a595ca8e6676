import json
from datetime import UTC, datetime, timedelta

import pytest

from channels_sync.adapters import shopify
from channels_sync.adapters.base import Connection, PushRequest, StockPush, Tracking, TrackingResult, Window
from channels_sync.errors import PushRefused, TrackingRefused
from ordercenter.common.errors import Misconfigured
from ordercenter.common.platform_errors import (
    AuthorizationExpired,
    ChannelAnswerUnreadable,
    ChannelRefused,
    ChannelThrottled,
    ChannelUnavailable,
)
from ordercenter.common.signing_shops import hmac_sha256_base64
from tests.channels_sync.shop_documents import shopify_order, shopify_refund
from tests.local_http import Reply, serving

NUMBER = "820982911946154508"
NOON = datetime(2026, 11, 11, 4, 0, tzinfo=UTC)
WINDOW = Window(NOON - timedelta(hours=1), NOON)
BASE = "/admin/api/2026-01"


def reply(document, status=200, **headers):
    lines = "".join(f"\r\n{name.replace('_', '-')}: {value}" for name, value in headers.items())
    return Reply(json.dumps(document).encode(), status=status, content_type=f"application/json{lines}")


class Shop:
    """Answers by method and path; what is not planned is an error of the test."""

    def __init__(self, *answers):
        self.answers = {(verb, f"{BASE}{path}"): answer for verb, path, answer in answers}

    def __call__(self, request):
        answer = self.answers[request.method, request.path]
        return answer(request) if callable(answer) else answer


def adapter_at(server, **options):
    pauses = options.pop("pauses", [])
    return shopify.ShopifyAdapter(
        base_url=server.url, access_token="shpat_1", location_id="77", pause=pauses.append, **options
    )


def test_changes_are_paged_by_the_cursor_of_the_link_header():
    def orders(request):
        if "page_info" in request.query:
            return reply({"orders": [shopify_order(id=2)]})
        link = f'<{server.url}{BASE}/orders.json?limit=100&page_info=abc%3D>; rel="next"'
        return reply({"orders": [shopify_order(id=1), {"id": 9}]}, Link=link)

    with serving(Shop(("GET", "/orders.json", orders))) as server:
        adapter = adapter_at(server)
        first = adapter.pull_changed_orders(WINDOW)
        second = adapter.pull_changed_orders(WINDOW, first.next_cursor)

    asked, then = server.received
    assert [order.channel_order_no for order in first.orders] == ["1"]
    assert [error.path for error in first.unreadable] == ["order.updated_at"]
    assert (first.next_cursor, second.next_cursor) == ("abc=", None)
    assert asked.query == {
        "limit": "100",
        "status": "any",
        "order": "updated_at asc",
        "updated_at_min": "2026-11-11T02:58:00Z",
        "updated_at_max": "2026-11-11T04:00:00Z",
    }
    assert asked.headers["x-shopify-access-token"] == "shpat_1"
    assert then.query == {"limit": "100", "page_info": "abc="}


def test_orders_are_read_whole_and_missing_ones_are_named():
    with serving(Shop(("GET", "/orders.json", reply({"orders": [shopify_order()]})))) as server:
        result = adapter_at(server).read_orders([NUMBER, "5"])

    (raw,) = result.done
    assert (raw.channel_order_no, raw.buyer_id) == (NUMBER, "115310627314723954")
    assert json.loads(raw.body)["total_price"] == "201.99"
    assert [(refusal.key, refusal.error.error_code) for refusal in result.refused] == [("5", 404)]
    assert server.received[0].query["ids"] == f"{NUMBER},5"


def test_a_ban_stops_reading_and_says_how_long():
    with serving(lambda request: reply({}, 429, Retry_After="2.0")) as server:
        result = adapter_at(server).read_orders([str(n) for n in range(120)])

    assert (len(result.done), len(result.refused), len(server.received)) == (0, 120, 1)
    assert isinstance(result.refused[0].error, ChannelThrottled)
    assert result.refused[0].error.wait_s == 3


def test_a_bucket_that_is_nearly_full_is_left_to_run_out():
    pauses = []
    answer = reply({"orders": []}, X_Shopify_Shop_Api_Call_Limit="38/40")
    with serving(lambda request: answer) as server:
        adapter = adapter_at(server, pauses=pauses)
        adapter.pull_changed_orders(WINDOW)
        adapter.pull_changed_orders(WINDOW)

    assert pauses == [3.0]


@pytest.mark.parametrize(
    ("answer", "error", "calls"),
    [
        (reply({"errors": "[API] Invalid API key or access token"}, 401), AuthorizationExpired, 1),
        (reply({"errors": "[API] This action requires merchant approval"}, 403), ChannelRefused, 1),
        (reply({"errors": {"ids": ["is invalid"]}}, 422), ChannelRefused, 1),
        (reply({}, 503), ChannelUnavailable, 4),
        (Reply(b"<html>", 200), ChannelAnswerUnreadable, 1),
        (reply({"other": []}), ChannelAnswerUnreadable, 1),
        (Reply(b'{"orders": [', 200), ChannelAnswerUnreadable, 1),
        (Reply(b"", 302, "x\r\nLocation: http://127.0.0.1:1/"), ChannelAnswerUnreadable, 1),
    ],
)
def test_answers_that_are_no_list_have_their_class(answer, error, calls):
    with serving(lambda request: answer) as server, pytest.raises(error) as raised:
        adapter_at(server).pull_changed_orders(WINDOW)

    assert type(raised.value) is error
    assert len(server.received) == calls


def test_refunds_come_with_the_changed_orders():
    rows = [shopify_order(refunds=[shopify_refund()]), shopify_order(id=2)]
    with serving(Shop(("GET", "/orders.json", reply({"orders": rows})))) as server:
        page = adapter_at(server).pull_refunds(WINDOW)

    assert [refund.channel_refund_no for refund in page.refunds] == ["509562969-901", "509562969-902"]
    assert page.refunds[0].channel_order_no == NUMBER


# --- parcels ----------------------------------------------------------------------------------------------------------

OPEN = {
    "fulfillment_orders": [
        {"id": 1, "status": "closed", "line_items": [{"id": 100, "line_item_id": 11, "fulfillable_quantity": 1}]},
        {
            "id": 2,
            "status": "open",
            "line_items": [
                {"id": 101, "line_item_id": 11, "fulfillable_quantity": 1},
                {"id": 102, "line_item_id": 12, "fulfillable_quantity": 2},
            ],
        },
        {"id": 3, "status": "in_progress", "line_items": [{"id": 103, "line_item_id": 12, "fulfillable_quantity": 1}]},
    ]
}


def shop_with(done, opened=OPEN, created=None):
    return Shop(
        ("GET", f"/orders/{NUMBER}/fulfillments.json", reply({"fulfillments": done})),
        ("GET", f"/orders/{NUMBER}/fulfillment_orders.json", reply(opened)),
        ("POST", "/fulfillments.json", created or reply({"fulfillment": {"id": 5}}, 201)),
        ("POST", "/fulfillments/4/update_tracking.json", reply({"fulfillment": {"id": 4}})),
    )


def test_a_parcel_of_the_whole_order_takes_all_that_is_open():
    with serving(shop_with([])) as server:
        result = adapter_at(server).send_tracking(Tracking(NUMBER, "SF", "SF100"))

    assert result == TrackingResult("sent")
    assert json.loads(server.received[-1].body) == {
        "fulfillment": {
            "line_items_by_fulfillment_order": [
                {
                    "fulfillment_order_id": 2,
                    "fulfillment_order_line_items": [{"id": 101, "quantity": 1}, {"id": 102, "quantity": 2}],
                },
                {"fulfillment_order_id": 3, "fulfillment_order_line_items": [{"id": 103, "quantity": 1}]},
            ],
            "tracking_info": {"number": "SF100", "company": "SF Express"},
            "notify_customer": True,
        }
    }


@pytest.mark.parametrize(
    ("tracking", "parts"),
    [
        (Tracking(NUMBER, "X", "1", ("12",)), [(2, [(102, 2)]), (3, [(103, 1)])]),
        (Tracking(NUMBER, "X", "1", ("12",), (("12", 1),)), [(2, [(102, 1)])]),
        (
            Tracking(NUMBER, "X", "1", ("11", "12"), (("11", 1), ("12", 3))),
            [(2, [(101, 1), (102, 2)]), (3, [(103, 1)])],
        ),
    ],
)
def test_lines_and_pieces_are_taken_where_they_are_open(tracking, parts):
    with serving(shop_with([])) as server:
        adapter_at(server).send_tracking(tracking)

    sent = json.loads(server.received[-1].body)["fulfillment"]["line_items_by_fulfillment_order"]
    assert [
        (part["fulfillment_order_id"], [(row["id"], row["quantity"]) for row in part["fulfillment_order_line_items"]])
        for part in sent
    ] == parts


def test_a_number_that_is_there_already_is_not_sent_again():
    with serving(shop_with([{"id": 4, "status": "success", "tracking_numbers": ["SF100"]}])) as server:
        result = adapter_at(server).send_tracking(Tracking(NUMBER, "SF", "SF100"))

    assert result == TrackingResult("already_shipped")
    assert [request.method for request in server.received] == ["GET"]


def test_an_order_that_somebody_else_shipped_tells_the_other_number():
    shipped = [{"id": 4, "status": "success", "tracking_number": "YT1"}, {"id": 5, "status": "cancelled"}]
    with serving(shop_with(shipped, {"fulfillment_orders": []})) as server:
        result = adapter_at(server).send_tracking(Tracking(NUMBER, "SF", "SF100"))

    assert result == TrackingResult("already_shipped", "YT1")


@pytest.mark.parametrize(
    ("opened", "created"),
    [({"fulfillment_orders": []}, None), (OPEN, reply({"errors": ["on hold"]}, 422))],
)
def test_what_the_shop_will_not_ship_is_refused(opened, created):
    with serving(shop_with([], opened, created)) as server, pytest.raises(TrackingRefused):
        adapter_at(server).send_tracking(Tracking(NUMBER, "SF", "SF100"))


def test_a_lost_answer_is_not_repeated_blindly():
    with serving(shop_with([], created=Reply(cut=True))) as server, pytest.raises(ChannelUnavailable):
        adapter_at(server).send_tracking(Tracking(NUMBER, "SF", "SF100"))

    assert [request.method for request in server.received].count("POST") == 1


def test_a_parcel_gets_another_number_once():
    done = [{"id": 4, "status": "success", "tracking_numbers": ["OLD"]}]
    with serving(shop_with(done)) as server:
        adapter = adapter_at(server, tells_buyer=False)
        result = adapter.change_tracking(Tracking(NUMBER, "YTO", "NEW"), instead_of="OLD")
        with pytest.raises(TrackingRefused):
            adapter.change_tracking(Tracking(NUMBER, "YTO", "NEW"), instead_of="GONE")

    assert result == TrackingResult("sent")
    (change,) = [json.loads(request.body) for request in server.received if request.method == "POST"]
    assert change["fulfillment"] == {
        "tracking_info": {"number": "NEW", "company": "YTO Express"},
        "notify_customer": False,
    }


def test_our_remark_and_flag_leave_what_others_wrote():
    order = {"id": int(NUMBER), "note": "周末送", "tags": "vip"}
    path = f"/orders/{NUMBER}.json"
    with serving(Shop(("GET", path, reply({"order": order})), ("PUT", path, reply({"order": order})))) as server:
        adapter_at(server).send_remark(NUMBER, "易碎", 2)

    assert json.loads(server.received[-1].body)["order"] == {
        "id": int(NUMBER),
        "note": "周末送\n--- Order Center ---\n易碎",
        "tags": "vip, order-center-flag-2",
    }


# --- stock ------------------------------------------------------------------------------------------------------------


def test_stock_is_set_at_the_location_of_the_account():
    shop = Shop(
        ("GET", "/variants/8001.json", reply({"variant": {"inventory_item_id": 9001}})),
        ("GET", "/variants/8002.json", reply({"errors": "Not Found"}, 404)),
        ("POST", "/inventory_levels/set.json", reply({"inventory_level": {}})),
        ("POST", "/inventory_levels/adjust.json", reply({"inventory_level": {}})),
    )
    good, gone, below = StockPush("7001", "8001", 4), StockPush("7002", "8002", 5), StockPush("7001", "8001", -1)
    with serving(shop) as server:
        adapter = adapter_at(server)
        full = adapter.push_stock([good, gone, below])
        delta = adapter.push_stock([below], mode="delta")

    sent = [json.loads(request.body) for request in server.received if request.method == "POST"]
    assert (full.done, [refusal.key for refusal in full.refused], delta.done) == ([good], [gone, below], [below])
    assert sent == [
        {"location_id": 77, "inventory_item_id": 9001, "available": 4},
        {"location_id": 77, "inventory_item_id": 9001, "available_adjustment": -1},
    ]


def test_stock_without_a_location_is_a_setting_to_mend():
    adapter = shopify.ShopifyAdapter(base_url="http://127.0.0.1:9", access_token="x")

    with pytest.raises(Misconfigured):
        adapter.push_stock([StockPush("1", "2", 3)])


# --- webhooks ---------------------------------------------------------------------------------------------------------

SECRET = "hush-test"
CONNECTION = Connection(1, "https://mumian.myshopify.com", "mumian.myshopify.com", {"api_secret": SECRET})


def push(body, topic="orders/create", *, signature=None, shop="mumian.myshopify.com"):
    headers = {
        "x-shopify-hmac-sha256": hmac_sha256_base64(body, secret=SECRET) if signature is None else signature,
        "x-shopify-topic": topic,
        "x-shopify-shop-domain": shop,
        "x-shopify-webhook-id": "w-1",
    }
    return PushRequest("POST", "/channels/shopify/t/", {}, headers, body, NOON)


def test_a_webhook_is_kept_byte_for_byte_with_the_refunds_in_it():
    body = json.dumps(shopify_order(refunds=[shopify_refund()]), indent=3, ensure_ascii=True).encode()

    pushed = shopify.take_push(CONNECTION, push(body))

    (order,) = pushed.orders
    assert (order.channel_order_no, order.body, order.buyer_id) == (NUMBER, body, "115310627314723954")
    assert order.changed_at == datetime(2026, 11, 10, 16, 1, 43, tzinfo=UTC)
    assert [refund.channel_refund_no for refund in pushed.refunds] == ["509562969-901", "509562969-902"]
    assert (pushed.answer.status, pushed.unreadable) == (200, ())


def test_a_refund_that_comes_alone_is_the_same_refund():
    (first, _second) = shopify.take_push(
        CONNECTION, push(json.dumps(shopify_refund()).encode(), "refunds/create")
    ).refunds

    assert (first.channel_refund_no, first.channel_order_no) == ("509562969-901", NUMBER)


@pytest.mark.parametrize("signature", ["", "x", "gckudVY/FgZx3h+sg2hpg0svM7bb0/LtI39fQCE4NZg="])
def test_a_webhook_with_a_wrong_signature_is_refused(signature):
    with pytest.raises(PushRefused) as refused:
        shopify.take_push(CONNECTION, push(b"{}", signature=signature))

    assert refused.value.problem == "bad_signature"


def test_one_changed_byte_an_empty_secret_another_shop_and_a_flood_are_refused():
    body = json.dumps(shopify_order()).encode()
    good = push(body)
    changed = PushRequest(good.method, good.path, good.query, good.headers, body + b" ", good.at)
    without = Connection(1, CONNECTION.base_url, CONNECTION.app_key, {"api_secret": ""})

    for connection, request in (
        (CONNECTION, changed),
        (without, push(body, signature=hmac_sha256_base64(body, secret=""))),
        (CONNECTION, push(body, shop="other.myshopify.com")),
        (CONNECTION, push(b" " * (shopify.MAX_PUSH_BYTES + 1))),
    ):
        with pytest.raises(PushRefused):
            shopify.take_push(connection, request)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'{"id": 1}',
        b'{"id": 1, "id": 2}',
        b'{"id": 1e309}',
        b'{"id": "\\u0000"}',
        b'{"id": "\\ud800"}',
        b"[" * 20_000 + b"]" * 20_000,
        b"\xff\xfe",
        json.dumps(shopify_order())[:-40].encode(),
    ],
)
def test_a_signed_body_that_cannot_be_read_is_kept_for_a_person(body):
    pushed = shopify.take_push(CONNECTION, push(body))

    assert (len(pushed.unreadable), pushed.orders, pushed.answer.status) == (1, (), 200)
    assert pushed.unreadable[0].message_id == "w-1"


def test_other_topics_are_heard_and_say_nothing():
    pushed = shopify.take_push(CONNECTION, push(b'{"id": 1}', "products/update"))

    assert (pushed.orders, pushed.refunds, pushed.unreadable) == ((), (), ())
