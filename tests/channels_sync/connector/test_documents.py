import pytest

from channels_sync.connector.documents import ConnectorInvalid, read_document
from tests.channels_sync.connector.shop import document


def mistakes(raw):
    with pytest.raises(ConnectorInvalid) as invalid:
        read_document(raw)
    return [mistake.where for mistake in invalid.value.mistakes]


def test_a_right_document_is_compiled():
    connector = read_document(document())

    assert connector.orders.paging.kind == "page"
    assert connector.order_fields["address"].place == "$.to.street + ' ' + $.to.house"
    assert connector.tracking.placeholders == {"order_no", "carrier", "tracking_no", "lines", "key"}
    assert connector.carriers == {"SF": "shunfeng"}


def test_what_a_shop_cannot_do_may_be_left_out():
    connector = read_document(
        document(
            refunds=None, tracking=None, stock=None, remark=None, webhook=None, accepted=None, auth=None, time=None
        )
    )

    assert (connector.refunds, connector.tracking, connector.webhook) == (None, None, None)
    assert connector.authentication.kind == "none"


@pytest.mark.parametrize(
    ("changes", "where"),
    [
        ({"format": "other/1"}, "format"),
        ({"orders": None}, "orders"),
        ({"colour": "red"}, "colour"),
        ({"orders__rows": "$.data.items"}, "orders.rows"),
        ({"orders__rows": "data"}, "orders.rows"),
        ({"orders__lines": None}, "orders.lines"),
        ({"orders__paging": {"kind": "pages"}}, "orders.paging.kind"),
        ({"orders__paging": {"kind": "page", "size": 0}}, "orders.paging.size"),
        ({"orders__paging": {"kind": "cursor", "next": "$.n"}}, "orders.request"),
        ({"orders__paging": {"kind": "cursor"}}, "orders.paging.next"),
        ({"orders__request__query": {"page": "{page}"}}, "orders.request"),
        ({"orders__request__query": {"from": "{start}", "page": "{page}", "x": "{secret}"}}, "orders.request"),
        ({"orders__request__method": "FETCH"}, "orders.request.method"),
        ({"orders__request__path": "v1/orders"}, "orders.request.path"),
        ({"orders__request__path": "//evil.test/orders"}, "orders.request.path"),
        ({"orders__request__path": "/v1/../admin"}, "orders.request.path"),
        ({"orders__request__path": "/v1?x=1"}, "orders.request.path"),
        ({"orders__fields__order_no": None}, "orders.fields.order_no"),
        ({"orders__fields__total": {"path": "$.cents", "unit": "pound"}}, "orders.fields.total.unit"),
        ({"orders__fields__total": {"unit": "fen"}}, "orders.fields.total"),
        ({"orders__fields__total": {"path": "$.a", "value": "1"}}, "orders.fields.total"),
        ({"orders__fields__total": 5}, "orders.fields.total"),
        ({"orders__fields__colour": "$.a"}, "orders.fields.colour"),
        ({"orders__fields__status": "$.state"}, "orders.fields.status.words"),
        ({"orders__fields__status": {"path": "$.s", "words": {"1": "done"}}}, "orders.fields.status.words"),
        ({"orders__fields__status": {"path": "$.s", "words": {}, "otherwise": "x"}}, "orders.fields.status.words"),
        ({"orders__fields__status": {"value": "bought"}}, "orders.fields.status.words"),
        (
            {"orders__fields__created_at": {"path": "$.a", "time": {"format": "today"}}},
            "orders.fields.created_at.time.format",
        ),
        ({"orders__fields__address": {"concat": ["$.a"]}}, "orders.fields.address.concat"),
        ({"orders__fields__address": {"concat": ["$.a", "$b"]}}, "orders.fields.address.concat[1]"),
        ({"orders__fields__memo": "$.a[*]", "orders__fields__buyer_nick": "$.a[*]"}, "orders.fields.buyer_nick.path"),
        ({"orders__line_fields__quantity": None}, "orders.line_fields.quantity"),
        ({"time__zone": "Mars/Phobos"}, "time.zone"),
        ({"time": {"format": "unix", "zone": "../../etc/passwd"}}, "time.zone"),
        ({"auth": {"kind": "magic"}}, "auth.kind"),
        ({"auth": {"kind": "header", "name": "X Key", "value": "{secret.api_key}"}}, "auth.name"),
        ({"auth": {"kind": "header", "name": "X", "value": "{secret.other}"}}, "auth.value"),
        ({"auth": {"kind": "hmac", "template": "{body}{colour}", "header": "X"}}, "auth.template"),
        ({"auth": {"kind": "hmac", "template": "{body}", "header": "X", "digest": "crc"}}, "auth.digest"),
        ({"auth": {"kind": "oauth2", "token_path": "http://evil.test/"}}, "auth.token_path"),
        ({"tracking__request__body": {"a": "{colour}"}}, "tracking.request"),
        ({"tracking__carriers": []}, "tracking.carriers"),
        ({"stock": {"request": "x"}}, "stock.request"),
        ({"webhook__header": "X:Sign"}, "webhook.header"),
        ({"accepted__path": "code"}, "accepted.path"),
    ],
)
def test_a_wrong_field_is_named_by_its_place(changes, where):
    assert where in mistakes(document(**changes))


@pytest.mark.parametrize("raw", [None, [], "x", 5, {}])
def test_no_document_is_no_crash(raw):
    assert {"format", "orders"} & set(mistakes(raw)) or mistakes(raw)[0] == "$"


def test_all_mistakes_are_told_at_once():
    raw = document(format="x", orders__rows="y", time__zone="z")

    assert {"format", "orders.rows", "time.zone"} <= set(mistakes(raw))


def test_every_part_replaced_by_something_odd_is_a_mistake_or_works_and_never_a_crash():
    def parts(value, place=()):
        yield place
        for key in value if isinstance(value, dict) else ():
            yield from parts(value[key], (*place, key))

    tried = 0
    for place in list(parts(document()))[1:]:
        for odd in ({}, [], "☃", 5, True, None, {"x": {"y": []}}, ["$.a", 5]):
            raw = document()
            target = raw
            for key in place[:-1]:
                target = target[key]
            target[place[-1]] = odd
            try:
                read_document(raw)
            except ConnectorInvalid as invalid:
                tried += bool(invalid.mistakes)
    assert tried > 300
