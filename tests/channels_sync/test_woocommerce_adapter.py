import base64
import json
from datetime import UTC, datetime, timedelta

import pytest

from channels_sync.adapters import woocommerce
from channels_sync.adapters.base import Connection, PushRequest, StockPush, Tracking, TrackingResult, Window
from channels_sync.errors import PushRefused, TrackingRefused
from ordercenter.common.platform_errors import AuthorizationExpired, ChannelRefused, ChannelUnavailable
from ordercenter.common.signing_shops import hmac_sha256_base64, woo_oauth1_signature
from tests.channels_sync.shop_documents import woo_order, woo_refund
from tests.local_http import Reply, serving

NOON = datetime(2026, 11, 11, 4, 0, tzinfo=UTC)
WINDOW = Window(NOON - timedelta(hours=2), NOON)
BASE = "/wp-json/wc/v3"


def reply(document, status=200, **headers):
    lines = "".join(f"\r\n{name.replace('_', '-')}: {value}" for name, value in headers.items())
    return Reply(json.dumps(document).encode(), status=status, content_type=f"application/json{lines}")


def adapter_at(server):
    return woocommerce.WooCommerceAdapter(
        base_url=server.url,
        consumer_key="ck_1",
        consumer_secret="cs_1",
        clock=lambda: NOON,
        pause=lambda seconds: None,
    )


class ChangedOrders:
    """The shop's list: oldest change first; pages by number; an order that changes again moves to the end."""

    def __init__(self, times, size=100):
        self.rows, self.size = dict(enumerate(times, 1)), size

    def __call__(self, request):
        after = datetime.fromisoformat(request.query["modified_after"] + "+00:00")
        before = datetime.fromisoformat(request.query["modified_before"] + "+00:00")
        found = sorted((at, number) for number, at in self.rows.items() if after < at < before)
        page, pages = int(request.query["page"]), -(-len(found) // self.size)
        rows = [
            woo_order(id=number, date_modified_gmt=at.strftime("%Y-%m-%dT%H:%M:%S"))
            for at, number in found[(page - 1) * self.size : page * self.size]
        ]
        return reply(rows, X_WP_Total=len(found), X_WP_TotalPages=pages)


def pull_all(adapter, meanwhile=lambda: None):
    seen, cursor = [], None
    while True:
        page = adapter.pull_changed_orders(WINDOW, cursor)
        seen += [int(order.channel_order_no) for order in page.orders]
        if page.next_cursor is None:
            return seen
        cursor = page.next_cursor
        meanwhile()


def test_all_pages_are_read_and_none_is_missed():
    times = [NOON - timedelta(seconds=3000 - at) for at in range(250)]
    with serving(ChangedOrders(times)) as server:
        seen = pull_all(adapter_at(server))

    assert sorted(set(seen)) == list(range(1, 251))
    assert len(server.received) == 3


def test_an_order_that_changes_during_the_pull_hides_no_other():
    shop = ChangedOrders([NOON - timedelta(seconds=3000 - at) for at in range(250)])

    def change_some():
        for number in (1, 2, 3):
            shop.rows[number] = NOON + timedelta(hours=1)

    with serving(shop) as server:
        seen = pull_all(adapter_at(server), change_some)

    assert set(range(4, 251)) <= set(seen)


def test_more_orders_in_one_second_than_fit_a_page_are_counted():
    with serving(ChangedOrders([NOON - timedelta(seconds=60)] * 250 + [NOON - timedelta(seconds=30)])) as server:
        seen = pull_all(adapter_at(server))

    assert sorted(set(seen)) == list(range(1, 252))
    assert len(server.received) < 8


def test_over_plain_http_each_request_is_signed_anew():
    with serving(lambda request: reply([])) as server:
        adapter = adapter_at(server)
        adapter.pull_changed_orders(WINDOW)
        adapter.pull_changed_orders(WINDOW)

    first, second = server.received
    given = dict(first.query)
    expected = woo_oauth1_signature(given, method="GET", url=f"{server.url}{BASE}/orders", consumer_secret="cs_1")
    assert given["oauth_signature"] == expected
    assert given["oauth_timestamp"] == str(int(NOON.timestamp()))
    assert given["oauth_nonce"] != second.query["oauth_nonce"]
    assert "authorization" not in first.headers
    assert (given["modified_after"], given["modified_before"], given["dates_are_gmt"]) == (
        "2026-11-11T01:57:59",
        "2026-11-11T04:00:01",
        "true",
    )


def test_over_https_key_and_secret_go_as_basic(monkeypatch):
    sent = []

    def answer(url, **options):
        sent.append((url, options))
        return woocommerce.JsonAnswer([], {}, b"[]")

    monkeypatch.setattr(woocommerce, "call_json", answer)
    adapter = woocommerce.WooCommerceAdapter(base_url="https://shop.test/", consumer_key="ck_1", consumer_secret="cs_1")
    adapter.pull_changed_orders(WINDOW)

    (url, options), *_ = sent
    assert url == "https://shop.test/wp-json/wc/v3/orders"
    assert options["headers"]["Authorization"] == "Basic " + base64.b64encode(b"ck_1:cs_1").decode()
    assert not any(name.startswith("oauth") for name in options["query"])


@pytest.mark.parametrize(
    ("answer", "error", "calls"),
    [
        (
            reply({"code": "woocommerce_rest_cannot_view", "message": "no", "data": {"status": 401}}, 401),
            AuthorizationExpired,
            1,
        ),
        (reply({"code": "woocommerce_rest_authentication_error", "message": "no"}, 403), AuthorizationExpired, 1),
        (reply({"code": "rest_forbidden", "message": "no"}, 403), ChannelRefused, 1),
        (reply({"code": "rest_invalid_param", "message": "no"}, 400), ChannelRefused, 1),
        (reply({}, 502), ChannelUnavailable, 4),
        (Reply(b"<br />\n<b>Warning</b>"), ChannelUnavailable, 1),
    ],
)
def test_errors_have_their_class(answer, error, calls):
    with serving(lambda request: answer) as server, pytest.raises(error):
        adapter_at(server).pull_changed_orders(WINDOW)

    assert len(server.received) == calls


def test_baskets_are_left_out_and_broken_rows_named():
    rows = [woo_order(status="checkout-draft"), woo_order(id=2), {"id": 3, "status": "processing"}, "x"]
    with serving(lambda request: reply(rows)) as server:
        page = adapter_at(server).pull_changed_orders(WINDOW)

    assert [order.channel_order_no for order in page.orders] == ["2"]
    assert [error.path for error in page.unreadable] == ["order.date_modified_gmt", "order"]


def test_orders_are_read_whole_and_missing_ones_are_named():
    with serving(lambda request: reply([woo_order()])) as server:
        result = adapter_at(server).read_orders(["727", "728"])

    assert [raw.channel_order_no for raw in result.done] == ["727"]
    assert json.loads(result.done[0].body)["total"] == "121.00"
    assert [refusal.key for refusal in result.refused] == ["728"]


def test_refunds_are_read_of_orders_that_have_some():
    def answer(request):
        if request.path.endswith("/refunds"):
            return reply([woo_refund()])
        return reply([woo_order(refunds=[{"id": 726, "total": "-55.00"}]), woo_order(id=2)])

    with serving(answer) as server:
        adapter = adapter_at(server)
        page = adapter.pull_refunds(WINDOW)
        one = adapter.read_refund("727-726-802")
        with pytest.raises(ChannelRefused):
            adapter.read_refund("727-726-999")

    assert [refund.channel_refund_no for refund in page.refunds] == ["727-726-801", "727-726-802"]
    assert (one.channel_order_no, one.channel_refund_no) == ("727", "727-726-802")


# --- parcels ----------------------------------------------------------------------------------------------------------


class OneOrder:
    """An order that keeps what is written to it."""

    def __init__(self, **changes):
        self.order, self.notes = woo_order(**changes), []

    def __call__(self, request):
        if request.path.endswith("/notes"):
            self.notes.append(json.loads(request.body))
            return reply({"id": 1}, 201)
        if request.method == "PUT":
            change = json.loads(request.body)
            kept = {row["key"]: row for row in [*self.order["meta_data"], *change.pop("meta_data", [])]}
            self.order |= {**change, "meta_data": list(kept.values())}
        return reply(self.order)

    @property
    def numbers(self):
        return [item["tracking_number"] for item in self.order["meta_data"][0]["value"]]


def test_a_parcel_of_the_whole_order_completes_it_and_tells_the_buyer():
    shop = OneOrder()
    with serving(shop) as server:
        result = adapter_at(server).send_tracking(Tracking("727", "SF", "SF100"))

    assert result == TrackingResult("sent")
    assert (shop.order["status"], shop.numbers) == ("completed", ["SF100"])
    assert shop.notes == [{"note": "SF SF100", "customer_note": True}]


def test_the_order_is_complete_when_the_last_piece_is_gone():
    shop = OneOrder()
    with serving(shop) as server:
        adapter = adapter_at(server)
        adapter.send_tracking(Tracking("727", "SF", "SF1", ("315",), (("315", 1),)))
        after_one = shop.order["status"]
        adapter.send_tracking(Tracking("727", "SF", "SF2", ("315",), (("315", 1),)))
        after_two = shop.order["status"]
        again = adapter.send_tracking(Tracking("727", "SF", "SF2", ("315",), (("315", 1),)))
        adapter.send_tracking(Tracking("727", "YTO", "YT3", ("316",)))

    assert (after_one, after_two, shop.order["status"]) == ("processing", "processing", "completed")
    assert again == TrackingResult("already_shipped")
    assert shop.numbers == ["SF1", "SF2", "YT3"]
    assert len(shop.notes) == 3


def test_what_an_earlier_try_left_undone_is_done():
    parcel = {"tracking_number": "SF1", "order_center_pieces": []}
    shop = OneOrder(meta_data=[{"key": "_wc_shipment_tracking_items", "value": [parcel]}])
    with serving(shop) as server:
        adapter_at(server).send_tracking(Tracking("727", "SF", "SF1"))

    assert shop.order["status"] == "completed"


def test_a_parcel_gets_another_number():
    shop = OneOrder()
    with serving(shop) as server:
        adapter = adapter_at(server)
        adapter.send_tracking(Tracking("727", "SF", "OLD"))
        adapter.change_tracking(Tracking("727", "SF", "NEW"), instead_of="OLD")

    assert (shop.numbers, shop.order["status"]) == (["NEW"], "completed")


def test_a_changed_parcel_keeps_its_place_and_its_pieces_and_a_repeat_says_nothing_twice():
    shop = OneOrder()
    with serving(shop) as server:
        adapter = adapter_at(server)
        adapter.send_tracking(Tracking("727", "SF", "SF1", ("315",), (("315", 1),)))
        adapter.send_tracking(Tracking("727", "SF", "SF2", ("315",), (("315", 1),)))
        notes = len(shop.notes)
        adapter.change_tracking(Tracking("727", "SF", "NEW"), instead_of="SF1")
        again = adapter.change_tracking(Tracking("727", "SF", "NEW"), instead_of="SF1")

    assert again == TrackingResult("already_shipped")
    assert shop.numbers == ["NEW", "SF2"]
    assert shop.order["meta_data"][0]["value"][0]["order_center_pieces"] == [["315", 1]]
    assert len(shop.notes) == notes + 1


def test_the_number_of_a_parcel_that_the_shop_does_not_know_is_not_added():
    shop = OneOrder()
    with serving(shop) as server:
        adapter = adapter_at(server)
        adapter.send_tracking(Tracking("727", "SF", "SF1", ("315",), (("315", 1),)))
        with pytest.raises(TrackingRefused) as refused:
            adapter.change_tracking(Tracking("727", "SF", "NEW"), instead_of="OTHER")

    assert refused.value.sub_code == "number_unknown"
    assert shop.numbers == ["SF1"]


def test_our_remark_goes_into_the_meta_and_a_note_for_the_shops_people():
    shop = OneOrder()
    with serving(shop) as server:
        adapter_at(server).send_remark("727", "易碎", 4)

    read = woocommerce.mapping.read_order(shop.order)
    assert (read.seller_remark, read.seller_flag, read.buyer_remark) == ("易碎", 4, "请放门口")
    assert shop.notes == [{"note": "易碎", "customer_note": False}]


def test_stock_of_products_and_variations_is_set():
    product, variation, gone = StockPush("22", "", 4), StockPush("93", "95", 0), StockPush("1", "", 1)

    def answer(request):
        missing = {"code": "woocommerce_rest_product_invalid_id", "message": "no"}
        return reply(missing, 404) if request.path.endswith("/1") else reply({"stock_quantity": 7})

    with serving(answer) as server:
        adapter = adapter_at(server)
        full = adapter.push_stock([product, variation, gone])
        adapter.push_stock([StockPush("22", "", -2)], mode="delta")

    assert (full.done, [refusal.key for refusal in full.refused]) == ([product, variation], [gone])
    assert [(r.path.removeprefix(BASE), json.loads(r.body)) for r in server.received if r.method == "PUT"] == [
        ("/products/22", {"manage_stock": True, "stock_quantity": 4}),
        ("/products/93/variations/95", {"manage_stock": True, "stock_quantity": 0}),
        ("/products/1", {"manage_stock": True, "stock_quantity": 1}),
        ("/products/22", {"manage_stock": True, "stock_quantity": 5}),
    ]


# --- webhooks ---------------------------------------------------------------------------------------------------------

SECRET = "hush-test"
CONNECTION = Connection(1, "https://shop.test", "ck_1", {"consumer_secret": "cs_1", "webhook_secret": SECRET})


def push(body, topic="order.updated", *, signature=None):
    headers = {
        "x-wc-webhook-signature": hmac_sha256_base64(body, secret=SECRET) if signature is None else signature,
        "x-wc-webhook-topic": topic,
        "x-wc-webhook-delivery-id": "d-1",
    }
    return PushRequest("POST", "/channels/woocommerce/t/", {}, headers, body, NOON)


def test_a_webhook_is_kept_byte_for_byte():
    body = json.dumps(woo_order(), indent=1).encode()

    (order,) = woocommerce.take_push(CONNECTION, push(body)).orders

    assert (order.channel_order_no, order.body, order.buyer_id) == ("727", body, "26")


def test_the_first_delivery_is_a_ping_and_nothing_else_comes_unsigned():
    ping = PushRequest("POST", "/", {}, {"x-wc-webhook-topic": "order.updated"}, b"webhook_id=17", NOON)
    pretended = PushRequest("POST", "/", {}, {"x-wc-webhook-topic": "order.updated"}, b"webhook_id=17&a=b", NOON)

    assert woocommerce.take_push(CONNECTION, ping).answer.status == 200
    with pytest.raises(PushRefused):
        woocommerce.take_push(CONNECTION, pretended)


@pytest.mark.parametrize("signature", ["", "x", "gckudVY/FgZx3h+sg2hpg0svM7bb0/LtI39fQCE4NZg="])
def test_a_wrong_signature_is_refused(signature):
    with pytest.raises(PushRefused):
        woocommerce.take_push(CONNECTION, push(b"{}", signature=signature))


def test_baskets_and_other_topics_say_nothing():
    basket = json.dumps(woo_order(status="checkout-draft")).encode()

    assert woocommerce.take_push(CONNECTION, push(basket)).orders == ()
    assert woocommerce.take_push(CONNECTION, push(b'{"id": 5}', "order.deleted")).orders == ()


@pytest.mark.parametrize("body", [b"", b"[]", b'{"id": 1}', b'{"a": 1e309}', b"{" * 30_000, b"\xff"])
def test_a_signed_body_that_cannot_be_read_is_kept_for_a_person(body):
    pushed = woocommerce.take_push(CONNECTION, push(body))

    assert (len(pushed.unreadable), pushed.orders) == (1, ())
