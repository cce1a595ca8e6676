import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime, timedelta

import pytest

from channels_sync.adapters import http
from channels_sync.adapters.base import PushRequest, StockPush, Tracking, TrackingResult, Window
from channels_sync.errors import PushRefused, TrackingRefused
from ordercenter.common.errors import Misconfigured
from ordercenter.common.platform_errors import (
    AuthorizationExpired,
    ChannelAnswerUnreadable,
    ChannelRefused,
    ChannelThrottled,
    ChannelUnavailable,
)
from ordercenter.common.safe_address import AddressRefused
from tests.channels_sync.connector.shop import Shop, connection, document, order, refund
from tests.local_http import Reply, serving

NOON = datetime(2026, 11, 11, 4, 0, tzinfo=UTC)
DAY = Window(NOON - timedelta(days=1), NOON)


@pytest.fixture(autouse=True)
def loopback_may_be_called(settings):
    settings.CONNECTOR_INTERNAL_HOSTS = ["127.0.0.1"]


def adapter_at(server, made=None, **secrets):
    it = connection(server.url, made, **secrets)
    return http.HttpAdapter(it, http.connector_of(it), clock=lambda: NOON, pause=lambda seconds: None)


def pull_all(adapter):
    seen, cursor = [], None
    while True:
        page = adapter.pull_changed_orders(DAY, cursor)
        seen += [row.channel_order_no for row in page.orders]
        if page.next_cursor is None:
            return seen
        cursor = page.next_cursor


def many(count):
    return [order(f"A-{at}", changed=f"2026-11-11 00:{at:02}:00") for at in range(count)]


def test_pages_with_a_total_are_read_from_the_last_one_back():
    with serving(Shop(*many(5))) as server:
        seen = pull_all(adapter_at(server))

    assert [request.query["page"] for request in server.received] == ["1", "3", "2", "1"]
    assert sorted(seen) == [f"A-{at}" for at in range(5)]
    assert server.received[0].query == {
        "from": "2026-11-10 11:58:00",
        "to": "2026-11-11 12:00:00",
        "page": "1",
        "size": "2",
    }
    assert server.received[0].headers["x-api-key"] == "k-1"


def test_a_row_that_changes_during_the_pull_hides_no_other():
    shop = Shop(*many(9))
    changed = iter(range(9))

    def change_one():
        shop.orders[f"A-{next(changed)}"]["changed"] = "2026-11-11 13:00:00"

    with serving(shop) as server:
        shop.meanwhile = change_one
        seen = pull_all(adapter_at(server))

    stayed = {number for number, row in shop.orders.items() if row["changed"] < "2026-11-11 12:00:00"}
    assert stayed <= set(seen)
    assert len(stayed) > 2


@pytest.mark.parametrize(
    ("paging", "query", "asked"),
    [
        ({"kind": "page", "first": 0, "size": 2}, {"p": "{page}"}, [{"p": "0"}, {"p": "1"}, {"p": "2"}]),
        ({"kind": "offset", "size": 2}, {"skip": "{offset}"}, [{"skip": "0"}, {"skip": "2"}, {"skip": "4"}]),
        ({"kind": "cursor", "next": "$.next"}, {"c": "{cursor}"}, [{}, {"c": "2"}, {"c": "4"}]),
        ({"kind": "link"}, {}, [{}, {"k": "2"}, {"k": "4"}]),
        ({"kind": "none"}, {}, [{}]),
    ],
)
def test_every_style_of_paging_comes_to_its_end(paging, query, asked):
    rows = many(5)

    def answer(request):
        at = int(request.query.get("skip") or request.query.get("c") or request.query.get("k") or 0)
        at = int(request.query["p"]) * 2 if "p" in request.query else at
        size = 5 if paging["kind"] == "none" else 2
        following = at + size if at + size < 5 else None
        content = {"code": 0, "data": {"items": rows[at : at + size]}, "next": following}
        link = f'\r\nLink: <{server.url}/v1/orders?k={following}>; rel="next"' if following else ""
        return Reply(json.dumps(content).encode(), content_type=f"application/json{link}")

    made = document(orders__paging=paging, orders__request__query={"from": "{start}", **query})
    with serving(answer) as server:
        seen = pull_all(adapter_at(server, made))

    assert seen == [f"A-{at}" for at in range(5)]
    assert [{k: v for k, v in request.query.items() if k != "from"} for request in server.received] == asked


def test_a_shop_that_names_the_same_cursor_for_ever_is_left():
    content = {"code": 0, "data": {"items": many(1)}, "next": "x"}
    made = document(
        orders__paging={"kind": "cursor", "next": "$.next"}, orders__request__query={"a": "{start}", "c": "{cursor}"}
    )
    with serving(lambda request: Shop.reply(content)) as server:
        assert len(pull_all(adapter_at(server, made))) == 2


def test_a_next_page_at_another_address_is_not_followed():
    def answer(request):
        link = '\r\nLink: <http://127.0.0.1:1/steal>; rel="next"'
        return Reply(json.dumps({"code": 0, "data": {"items": many(1)}}).encode(), content_type=f"x{link}")

    made = document(orders__paging={"kind": "link"}, orders__request__query={"a": "{start}"})
    with serving(answer) as server, pytest.raises(ChannelAnswerUnreadable):
        pull_all(adapter_at(server, made))

    assert len(server.received) == 1


def test_broken_rows_are_named_by_their_place_and_the_rest_comes():
    with serving(Shop(order("A-1"), order("B 2"), order("C-3"))) as server:
        made = document(orders__paging={"kind": "page", "size": 50})
        page = adapter_at(server, made).pull_changed_orders(DAY)

    assert [row.channel_order_no for row in page.orders] == ["A-1", "C-3"]
    assert [error.path for error in page.unreadable] == ["$.data.items[1].no"]


def test_orders_are_read_by_number_or_out_of_the_page_that_was_pulled():
    with serving(Shop(order("A-1"), order("A/2"))) as server:
        by_call = adapter_at(server).read_orders(["A-1", "X"])
        pulled = adapter_at(server, document(orders__detail=None, orders__paging={"kind": "page", "size": 50}))
        pulled.pull_changed_orders(DAY)
        out_of_page = pulled.read_orders(["A/2", "X"])

    assert ([raw.channel_order_no for raw in by_call.done], by_call.done[0].buyer_id) == (["A-1"], "b-1")
    assert json.loads(by_call.done[0].body) == order("A-1")
    assert [(refusal.key, refusal.error.sub_code, refusal.error.message) for refusal in by_call.refused] == [
        ("X", "44", "no such order")
    ]
    assert [raw.channel_order_no for raw in out_of_page.done] == ["A/2"]
    assert [refusal.error.sub_code for refusal in out_of_page.refused] == ["not_configured"]


def test_a_number_cannot_lead_to_another_path():
    with serving(Shop()) as server:
        adapter_at(server).read_orders(["../admin?x=1#y"])

    assert server.received[0].path == "/v1/orders/..%2Fadmin%3Fx%3D1%23y"


def test_refunds_are_pulled():
    with serving(Shop(refunds=(refund("R-1"), refund("R-2", order=None)))) as server:
        page = adapter_at(server).pull_refunds(DAY)
        none = adapter_at(server, document(refunds=None)).pull_refunds(DAY)

    assert [(row.channel_refund_no, row.channel_order_no) for row in page.refunds] == [("R-1", "A-1")]
    assert [error.path for error in page.unreadable] == ["$.data[1].order"]
    assert none.refunds == ()


@pytest.mark.parametrize(
    ("answer", "error", "calls"),
    [
        (Shop.reply({"code": 9, "msg": "no"}), ChannelRefused, 1),
        (Shop.reply({"data": {}}), ChannelRefused, 1),
        (Shop.reply({"msg": "key?"}, 401), AuthorizationExpired, 1),
        (Shop.reply({}, 404), ChannelRefused, 1),
        (Reply(b"", 500), ChannelUnavailable, 4),
        (Reply(b"", 429), ChannelThrottled, 1),
        (Reply(b"<html>", 200), ChannelAnswerUnreadable, 1),
        (Reply(b"[" * 30_000), ChannelAnswerUnreadable, 1),
        (Reply(b'{"code": 0, "code": 0}'), ChannelAnswerUnreadable, 1),
        (Reply(b"", 302, "x\r\nLocation: http://127.0.0.1:1/"), ChannelAnswerUnreadable, 1),
        (Reply(b" " * (http.MAX_ANSWER_BYTES + 1)), ChannelAnswerUnreadable, 1),
    ],
)
def test_what_is_no_answer_has_its_class(answer, error, calls):
    with serving(lambda request: answer) as server, pytest.raises(error) as raised:
        adapter_at(server).pull_changed_orders(DAY)

    assert type(raised.value) is error
    assert len(server.received) == calls


def test_an_internal_address_is_not_called_unless_a_setting_says_so(settings):
    settings.CONNECTOR_INTERNAL_HOSTS = []
    with serving(Shop()) as server, pytest.raises(AddressRefused):
        adapter_at(server).pull_changed_orders(DAY)

    assert server.received == []


# --- outgoing ---------------------------------------------------------------------------------------------------------


def test_a_parcel_is_reported_by_the_template():
    shop = Shop()
    with serving(shop) as server:
        result = adapter_at(server).send_tracking(
            Tracking("A-1", "SF", "SF100", ("1", "2"), (("1", 3), ("2", 1)), "key-9")
        )

    assert result == TrackingResult("sent")
    assert shop.written == [
        (
            "POST",
            "/v1/orders/A-1/parcels",
            {
                "courier": "shunfeng",
                "number": "SF100",
                "goods": [{"line_no": "1", "quantity": 3}, {"line_no": "2", "quantity": 1}],
                "key": "key-9",
            },
        )
    ]


def test_a_report_without_a_key_is_not_repeated_blindly():
    made = document(tracking__request__body={"number": "{tracking_no}"})
    with serving(lambda request: Reply(cut=True)) as server:
        with pytest.raises(ChannelUnavailable):
            adapter_at(server, made).send_tracking(Tracking("A-1", "SF", "SF100"))
        once = len(server.received)
        with pytest.raises(ChannelUnavailable):
            adapter_at(server).send_tracking(Tracking("A-1", "SF", "SF100", key="k"))

    assert (once, len(server.received)) == (1, 5)


def test_a_refused_parcel_and_a_shop_without_the_call_are_told_apart():
    with serving(lambda request: Shop.reply({"code": 7, "msg": "closed"})) as server:
        with pytest.raises(TrackingRefused) as refused:
            adapter_at(server).send_tracking(Tracking("A-1", "SF", "SF100"))
        with pytest.raises(ChannelRefused) as missing:
            adapter_at(server, document(tracking=None)).send_tracking(Tracking("A-1", "SF", "SF100"))

    assert (refused.value.sub_code, refused.value.message) == ("7", "closed")
    assert missing.value.sub_code == "not_configured"


def test_stock_and_remark_go_out_by_their_templates():
    shop = Shop()
    good, below = StockPush("i/1", "s1", 4), StockPush("i1", "", -1)
    with serving(shop) as server:
        adapter = adapter_at(server)
        full = adapter.push_stock([good, below])
        delta = adapter.push_stock([good], mode="delta")
        adapter.send_remark("A-1", "易碎 {flag}", 3)

    assert (full.done, len(full.refused), delta.done) == ([good], 1, [])
    assert shop.written == [
        ("PUT", "/v1/stock/i%2F1", {"spec": "s1", "left": 4}),
        ("POST", "/v1/orders/A-1/memo", {"text": "易碎 {flag}", "flag": 3}),
    ]


# --- authentication ---------------------------------------------------------------------------------------------------


def headers_of(auth, **secrets):
    with serving(lambda request: Shop.reply({"code": 0, "data": {"items": [], "total": 0}})) as server:
        adapter_at(server, document(auth=auth), **secrets).pull_changed_orders(DAY)
    return server.received[0]


def test_basic():
    request = headers_of({"kind": "basic", "user": "{app_key}", "password": "{secret.password}"}, password="p:w")

    assert request.headers["authorization"] == "Basic " + base64.b64encode(b"app-1:p:w").decode()


@pytest.mark.parametrize("encoding", ["hex", "HEX", "base64"])
def test_hmac_over_a_template(encoding):
    auth = {
        "kind": "hmac",
        "template": "{method}\\n{path}\\n{query}\\n{timestamp}\\n{body}",
        "header": "X-Sign",
        "encoding": encoding,
        "timestamp_header": "X-Time",
        "key_header": "X-App",
        "nonce_header": "X-Nonce",
    }
    request = headers_of(auth, secret="s-1")

    query = "from=2026-11-10+11%3A58%3A00&page=1&size=2&to=2026-11-11+12%3A00%3A00"
    message = f"GET\n/v1/orders\n{query}\n{int(NOON.timestamp())}\n"
    digest = hmac.digest(b"s-1", message.encode(), "sha256")
    expected = {"hex": digest.hex(), "HEX": digest.hex().upper(), "base64": base64.b64encode(digest).decode()}
    assert request.headers["x-sign"] == expected[encoding]
    assert (request.headers["x-time"], request.headers["x-app"]) == (str(int(NOON.timestamp())), "app-1")
    assert len(request.headers["x-nonce"]) == 32


def test_a_body_full_of_placeholders_is_signed_as_it_is():
    auth = {"kind": "hmac", "template": "{app_key}|{body}|{body_sha256}", "header": "X-Sign"}
    shop = {}

    def answer(request):
        shop["request"] = request
        return Shop.reply({"code": 0})

    with serving(answer) as server:
        adapter_at(server, document(auth=auth), secret="s").send_remark("A-1", "{app_key}{timestamp}", 1)

    body = shop["request"].body
    message = b"app-1|" + body + b"|" + hashlib.sha256(body).hexdigest().encode()
    assert shop["request"].headers["x-sign"] == hmac.digest(b"s", message, "sha256").hex()


class TokenShop:
    """Gives tokens that hold for ten minutes and refuses all but the newest."""

    def __init__(self):
        self.given, self.ended = 0, set()

    def __call__(self, request):
        if request.path == "/oauth/token":
            self.form = request.form
            if request.form["client_secret"] != "cs":
                return Shop.reply({"error": "invalid_client"}, 401)
            self.given += 1
            return Shop.reply({"access_token": f"t{self.given}", "expires_in": 600})
        if request.headers.get("authorization") != f"Bearer t{self.given}" or self.given in self.ended:
            return Shop.reply({}, 401)
        return Shop.reply({"code": 0, "data": {"items": [], "total": 0}})


def test_client_credentials_fetch_a_token_once_and_anew_when_it_is_refused():
    shop = TokenShop()
    made = document(auth={"kind": "oauth2", "token_path": "/oauth/token", "scope": "orders"})
    with serving(shop) as server:
        adapter = adapter_at(server, made, client_secret="cs")
        adapter.pull_changed_orders(DAY)
        adapter.pull_changed_orders(DAY)
        first = shop.given
        shop.ended.add(1)
        adapter.pull_changed_orders(DAY)

    assert (first, shop.given) == (1, 2)
    assert shop.form == {
        "grant_type": "client_credentials",
        "client_id": "app-1",
        "client_secret": "cs",
        "scope": "orders",
    }


def test_a_client_that_gets_no_token_is_to_be_authorised():
    made = document(auth={"kind": "oauth2", "token_path": "/oauth/token"})
    with serving(TokenShop()) as server, pytest.raises(AuthorizationExpired):
        adapter_at(server, made, client_secret="wrong").pull_changed_orders(DAY)


# --- webhooks ---------------------------------------------------------------------------------------------------------


def push(body, signature=None, **headers):
    word = hmac.digest(b"hush-test", body, "sha256").hex() if signature is None else signature
    return PushRequest("POST", "/channels/http/t/", {}, {"x-sign": f"sha256={word}", **headers}, body, NOON)


def test_a_pushed_order_is_kept_as_it_came_and_read_from_there():
    it = connection("https://shop.test")
    body = json.dumps({"event": "changed", "order": order()}, indent=2).encode()

    (raw,) = http.take_push(it, push(body)).orders

    assert (raw.channel_order_no, raw.body, raw.buyer_id) == ("A-1", body, "b-1")
    assert http.readers_of(it).read_order(json.loads(body)).total_amount == 110
    assert http.readers_of(it).read_order(order()).total_amount == 110


@pytest.mark.parametrize("signature", ["", "0" * 64, "x"])
def test_a_push_with_a_wrong_signature_is_refused(signature):
    with pytest.raises(PushRefused):
        http.take_push(connection("https://shop.test"), push(b"{}", signature))


def test_a_shop_without_webhook_or_secret_has_no_door():
    for it in (
        connection("https://shop.test", document(webhook=None)),
        connection("https://x.test", webhook_secret=""),
    ):
        with pytest.raises(PushRefused) as refused:
            http.take_push(it, push(b"{}"))
        assert refused.value.problem == "not_configured"


@pytest.mark.parametrize(
    "body", [b"", b"{", b"{}", b'{"order": []}', b'{"order": {"no": 1e400}}', b"\xff", b"[" * 9_999]
)
def test_a_signed_push_that_cannot_be_read_is_kept_for_a_person(body):
    pushed = http.take_push(connection("https://shop.test"), push(body))

    assert (len(pushed.unreadable), pushed.orders) == (1, ())


STANDARD = {"header": "webhook-signature", "order": "$"}
KEY = base64.b64encode(b"0123456789abcdef01234567").decode()


def standard_push(body, *, at=NOON, key=KEY, number="msg_1", before=""):
    stamp = str(int(at.timestamp()))
    digest = hmac.digest(base64.b64decode(key), f"{number}.{stamp}.".encode() + body, "sha256")
    signature = f"{before}v1,{base64.b64encode(digest).decode()}"
    headers = {"webhook-id": number, "webhook-timestamp": stamp, "webhook-signature": signature}
    return PushRequest("POST", "/", {}, headers, body, NOON)


def test_standard_webhooks_are_understood_also_while_the_secret_changes():
    it = connection("https://shop.test", document(webhook=STANDARD), webhook_secret=f"whsec_{KEY}")
    body = json.dumps(order()).encode()

    assert len(http.take_push(it, standard_push(body)).orders) == 1
    assert len(http.take_push(it, standard_push(body, before="v1,b2xk ")).orders) == 1


@pytest.mark.parametrize(
    "options",
    [
        {"at": NOON - timedelta(minutes=6)},
        {"at": NOON + timedelta(minutes=6)},
        {"key": base64.b64encode(b"another key of the sender").decode()},
        {"number": ""},
    ],
)
def test_old_foreign_and_nameless_webhooks_are_refused(options):
    it = connection("https://shop.test", document(webhook=STANDARD), webhook_secret=f"whsec_{KEY}")

    with pytest.raises(PushRefused):
        http.take_push(it, standard_push(json.dumps(order()).encode(), **options))


def test_an_account_without_an_active_version_says_so():
    it = connection("https://shop.test")
    bare = type(it)(it.account_id, it.base_url, it.app_key, it.secrets, {})

    with pytest.raises(Misconfigured, match="no active version"):
        http.connect(bare)
