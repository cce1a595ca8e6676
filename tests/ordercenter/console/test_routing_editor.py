"""The editor of routing rules, the calendars of warehouses and the trials, as pages."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from fulfillment.models import ShadowRun, Shipment, WarehouseCalendar, WarehouseClosing
from fulfillment.services.routing_rules import install_rules, rule_set
from ordercenter.events.relay import Relay
from tests.flows.world import World
from tests.fulfillment.routing.rule_documents import document
from tests.ordercenter.console.people import client_of, person

pytestmark = pytest.mark.django_db


@pytest.fixture
def browser() -> Client:
    return client_of(person("li", superuser=True))


def texts(browser: Client, name: str, *args: object, **query: str) -> str:
    answer = browser.get(reverse(f"console:{name}", args=args), query)
    assert answer.status_code == 200
    return answer.content.decode()


def fill(browser: Client, **fields: object) -> str:
    data = {"revision": rule_set().draft_revision, "on": "1", **fields}
    return browser.post(reverse("console:routing-rule"), data, follow=True).content.decode()


def test_a_rule_is_made_with_a_form_and_reads_as_a_sentence(browser: Client) -> None:
    World()
    assert "No rule yet" in texts(browser, "routing-rules")
    assert "For which orders" in texts(browser, "routing-rule", kind="only_warehouses")

    page = fill(
        browser,
        kind="only_warehouses",
        id="near",
        warehouses=["EAST"],
        wf0="address.regions",
        wo0="has_any",
        wv0="浙江省, 3205",
    )

    assert "When Region has one of 苏州市, 浙江省: Only from 华东仓" in page
    assert rule_set().draft["rules"] == [
        {
            "id": "near",
            "kind": "only_warehouses",
            "on": True,
            "when": {"field": "address.regions", "operator": "has_any", "value": ["33", "3205"]},
            "warehouses": ["EAST"],
        }
    ]
    shown = texts(browser, "routing-rule", id="near")
    assert 'value="浙江省, 苏州市"' in shown


def test_what_cannot_be_read_is_said_and_loses_nothing(browser: Client) -> None:
    World()

    page = fill(browser, kind="add_cost", id="busy", fen="much", sign="+")
    assert "much is not an amount." in page
    page = fill(
        browser, kind="only_warehouses", id="x", warehouses=["EAST"], wf0="address.regions", wo0="has_any", wv0="鼓楼区"
    )
    assert "There is no single region called 鼓楼区" in page
    assert rule_set().draft is None


def test_rules_are_moved_switched_and_deleted_and_a_stale_page_is_told(browser: Client) -> None:
    World()
    for name in ("a", "b"):
        fill(browser, kind="max_parcels", id=name, parcels="2")

    def act(verb: str, name: str, revision: int | None = None) -> str:
        data = {"id": name, "revision": rule_set().draft_revision if revision is None else revision}
        return browser.post(reverse("console:routing-act", args=[verb]), data, follow=True).content.decode()

    act("up", "b")
    act("switch", "a")
    assert [(r["id"], r["on"]) for r in rule_set().draft["rules"]] == [("b", True), ("a", False)]
    assert "Somebody else changed the draft meanwhile." in act("delete", "a", revision=1)
    act("delete", "a")
    assert [r["id"] for r in rule_set().draft["rules"]] == ["b"]


def test_costs_are_set_in_yuan(browser: Client) -> None:
    World()
    data = {
        "revision": 0,
        "split_fen": "5.50",
        "handling_fen": "1.2",
        "max_parcels": "2",
        "closed": "hold",
        "strategy": "single",
        **{f"{what}_{grade}": "3" for what in ("late", "unfilled") for grade in ("rush", "vip", "normal")},
    }

    browser.post(reverse("console:routing-act", args=["costs"]), data)

    draft = rule_set().draft
    assert (draft["costs"]["split_fen"], draft["costs"]["late_fen"]["vip"], draft["closed"]) == (550, 300, "hold")
    assert (draft["costs"]["strategy"], draft["costs"]["use_prices"]) == ("single", False)


def test_a_regional_table_goes_out_and_in_as_csv_without_a_change(browser: Client) -> None:
    World()
    upload = "region,name,warehouses\n33,浙江省,EAST|SOUTH\n,广东省,SOUTH\n,*,EAST\n".encode("gb18030")

    def send(raw: bytes) -> str:
        data = {"id": "geo", "revision": rule_set().draft_revision, "file": SimpleUploadedFile("t.csv", raw)}
        return browser.post(reverse("console:routing-act", args=["table"]), data, follow=True).content.decode()

    send(upload)
    rows = rule_set().draft["tables"][0]["rows"]
    assert rows == [
        {"region": "33", "warehouses": ["EAST", "SOUTH"]},
        {"region": "44", "warehouses": ["SOUTH"]},
        {"region": "", "warehouses": ["EAST"]},
    ]
    out = b"".join(browser.get(reverse("console:routing-table", args=["geo"])).streaming_content)
    send(out)
    assert sorted(map(str, rule_set().draft["tables"][0]["rows"])) == sorted(map(str, rows))
    assert "row 2: there is no region 99" in send(b"region,name,warehouses\n99,,EAST\n")


def test_a_draft_is_activated_with_a_reason_after_a_look_at_who_is_affected(browser: Client) -> None:
    world = World()
    world.deliver(world.trade(("SKU-1", 1, "55.00")))
    Relay().drain()
    fill(browser, kind="only_warehouses", id="south", warehouses=["SOUTH"])

    preview = texts(browser, "routing-preview")
    assert "华南仓 by 中通快递, ¥9.50 in all" in preview
    assert "-¥3.00" in preview

    data = {"revision": rule_set().draft_revision, "reason": "autumn"}
    page = browser.post(reverse("console:routing-activate"), data, follow=True).content.decode()
    assert "Version 1 is active from the next order on." in page
    world.deliver(world.trade(("SKU-1", 1, "55.00"), buyer_open_uid="x"))
    Relay().drain()
    assert Shipment.objects.latest("pk").warehouse == world.south


def test_a_rule_set_goes_out_and_in_as_a_file(browser: Client) -> None:
    World()
    fill(browser, kind="max_parcels", id="two", parcels="2")
    out = browser.get(reverse("console:routing-document")).content

    def send(raw: bytes) -> str:
        data = {"revision": rule_set().draft_revision, "file": SimpleUploadedFile("r.json", raw)}
        return browser.post(reverse("console:routing-act", args=["document"]), data, follow=True).content.decode()

    before = rule_set().draft
    send(out)
    assert rule_set().draft == before
    assert "The file is not JSON." in send(b"{")
    assert "A JSON object belongs here." in send(b"[1]")
    assert rule_set().draft == before


def test_readers_see_the_rules_and_change_nothing() -> None:
    World()
    reader = client_of(person(role="operator"))

    assert "Activate the draft" not in texts(reader, "routing-rules")
    for name, args in (("routing-act", ["costs"]), ("routing-activate", []), ("routing-rule", [])):
        assert reader.post(reverse(f"console:{name}", args=args), {"kind": "pin"}).status_code == 403
    assert rule_set().draft is None


def test_the_calendar_of_a_warehouse_is_kept_with_small_forms(browser: Client) -> None:
    world = World()
    address = reverse("console:routing-calendar", args=[world.east.pk])
    today = timezone.localdate()

    browser.post(
        address,
        {
            "what": "calendar",
            "workday": ["1", "2"],
            "cut_off": "16:00",
            "waves": "10:00, 14:30",
            "daily_parcels": "500",
        },
    )
    row = WarehouseCalendar.objects.get()
    assert (row.workdays, str(row.cut_off), [str(w) for w in row.waves], row.daily_parcels) == (
        [1, 2],
        "16:00:00",
        ["10:00:00", "14:30:00"],
        500,
    )
    assert row.history.count() == 1

    page = browser.post(address, {"what": "calendar", "workday": ["1"], "cut_off": "late"}, follow=True)
    assert "late is not a time such as 16:00." in page.content.decode()
    assert WarehouseCalendar.objects.get().workdays == [1, 2]

    closing = {"what": "closing", "starts_on": today.isoformat(), "reopens_on": today.isoformat(), "reason": "storm"}
    page = browser.post(address, closing, follow=True)
    assert "The warehouse opens again after it shuts." in page.content.decode()
    browser.post(address, {**closing, "reopens_on": (today + timedelta(days=2)).isoformat(), "policy": "hold"})
    assert WarehouseClosing.objects.get().policy == "hold"
    assert "shut until" in texts(browser, "routing-calendars")


def test_only_the_own_warehouses_are_shown_and_changed() -> None:
    from ordercenter.inventory.models import WarehouseAccess

    world = World()
    user = person(role="warehouse")
    WarehouseAccess.objects.create(user=user, warehouse=world.east)
    reader = client_of(user)

    page = texts(reader, "routing-calendars")
    assert "华东仓" in page
    assert "华南仓" not in page
    assert reader.get(reverse("console:routing-calendar", args=[world.south.pk])).status_code == 404
    own = reverse("console:routing-calendar", args=[world.east.pk])
    assert reader.post(own, {"what": "calendar", "workday": ["1"]}).status_code == 403


def test_a_trial_is_asked_for_and_read(browser: Client) -> None:
    from fulfillment.services.shadow import run_waiting_shadows

    world = World()
    world.deliver(world.trade(("SKU-1", 1, "55.00")))
    Relay().drain()
    install_rules(document())
    fill(browser, kind="only_warehouses", id="south", warehouses=["SOUTH"])
    today = timezone.localdate().isoformat()

    browser.post(reverse("console:routing-shadows"), {"name": "south only", "first": today, "last": today})
    assert run_waiting_shadows() == 1

    run = ShadowRun.objects.get()
    page = texts(browser, "routing-shadow", run.pk)
    for expected in ("south only", "-¥3.00", "华东仓 by 中通快递, ¥6.50 in all", "华南仓 by 中通快递, ¥9.50 in all"):
        assert expected in page
    assert "south only" in texts(browser, "routing-shadows")


NESTED = {
    "combinator": "and",
    "rules": [
        {"field": "order.grade", "operator": "=", "value": "rush"},
        {
            "combinator": "or",
            "not": True,
            "rules": [
                {"field": "address.regions", "operator": "has_any", "value": ["33"]},
                {"field": "order.paid_total", "operator": ">=", "value": 20000},
                {
                    "combinator": "and",
                    "rules": [
                        {"field": "order.line_count", "operator": ">", "value": 2},
                        {"field": "order.ship_by", "operator": "is_unknown"},
                    ],
                },
            ],
        },
    ],
}


def test_groups_within_groups_are_shown_and_come_back_as_they_were(browser: Client) -> None:
    World()
    fields = {
        "wc": "and",
        "wf0": "order.grade",
        "wo0": "=",
        "wv0": "rush",
        "wg0_c": "nor",
        "wg0_f0": "address.regions",
        "wg0_o0": "has_any",
        "wg0_v0": "浙江省",
        "wg0_f1": "order.paid_total",
        "wg0_o1": ">=",
        "wg0_v1": "200.00",
        "wg0_g0_c": "and",
        "wg0_g0_f0": "order.line_count",
        "wg0_g0_o0": ">",
        "wg0_g0_v0": "2",
        "wg0_g0_f3": "order.ship_by",
        "wg0_g0_o3": "is_unknown",
        "wg1_c": "or",
        "wg1_f0": "",
    }

    fill(browser, kind="only_warehouses", id="deep", warehouses=["EAST"], **fields)

    assert rule_set().draft["rules"][0]["when"] == NESTED
    shown = texts(browser, "routing-rule", id="deep")
    for name in ("wf0", "wg0_c", "wg0_v1", "wg0_g0_f1", "wg0_g0_g0_f0", "wg1_f0"):
        assert f'name="{name}"' in shown, name
    assert '<option value="nor" selected>' in shown
    assert shown.count("<details data-condition-group open>") == 3, "two groups, and the one that new ones are made of"
    assert 'name="wkept"' not in shown


def test_a_mistake_in_an_inner_group_is_said_and_the_draft_stays(browser: Client) -> None:
    World()
    before = rule_set().draft

    page = fill(
        browser,
        kind="only_warehouses",
        id="deep",
        warehouses=["EAST"],
        wg0_c="and",
        wg0_f0="order.line_count",
        wg0_o0=">",
        wg0_v0="many",
    )

    assert "many is not a whole number." in page
    assert rule_set().draft == before


def test_what_rows_cannot_show_is_kept_as_it_is(browser: Client) -> None:
    World()
    deep: dict = {"field": "order.grade", "operator": "=", "value": "rush"}
    for _level in range(5):
        deep = {"combinator": "and", "rules": [deep, {"field": "order.grade", "operator": "=", "value": "vip"}]}
    install_rules(document({"id": "deep", "kind": "only_warehouses", "warehouses": ["EAST"], "when": deep}))

    assert 'name="wkept"' in texts(browser, "routing-rule", id="deep")
    fill(browser, kind="only_warehouses", id="deep", warehouses=["SOUTH"], wkept="1")

    (kept,) = rule_set().draft["rules"]
    assert (kept["when"], kept["warehouses"]) == (deep, ["SOUTH"])


def test_a_faulty_form_comes_back_as_it_was_filled_in(browser: Client) -> None:
    World()

    page = fill(
        browser,
        kind="add_cost",
        id="typed",
        name="手写的名字",
        sign="-",
        fen="much",
        warehouses=["SOUTH"],
        wc="or",
        wf3="order.line_count",
        wo3=">",
        wv3="2",
        wg7_c="nand",
        wg7_f4="address.regions",
        wg7_o4="has_any",
        wg7_v4="浙江省",
    )

    assert "much is not an amount." in page
    for kept in ('value="typed"', 'value="手写的名字"', 'value="much"', 'name="wv0" data-part="v" value="2"'):
        assert kept in page, kept
    assert 'name="wg0_v0" data-part="v" value="浙江省"' in page
    assert '<option value="nand" selected>' in page
    assert 'value="SOUTH" checked' in page
    assert rule_set().draft is None


def test_a_new_rule_does_not_take_the_short_name_of_another(browser: Client) -> None:
    World()
    fill(browser, kind="only_warehouses", id="east", warehouses=["EAST"])

    page = fill(browser, kind="never_warehouses", id="east", warehouses=["SOUTH"], new="1")

    assert "There is a rule with the short name east already." in page
    assert [rule["kind"] for rule in rule_set().draft["rules"]] == ["only_warehouses"]


def test_only_the_readers_language_of_a_name_changes(browser: Client) -> None:
    World()
    install_rules(
        document(
            {
                "id": "east",
                "kind": "only_warehouses",
                "warehouses": ["EAST"],
                "name": {"zh": "只用华东", "en": "Only the east"},
            }
        )
    )

    fill(browser, kind="only_warehouses", id="east", warehouses=["EAST"], name="East alone")

    assert rule_set().draft["rules"][0]["name"] == {"zh": "只用华东", "en": "East alone"}


def test_shops_are_named_in_sentences_and_go_by_code_in_the_form(browser: Client) -> None:
    world = World()

    fill(browser, kind="max_parcels", id="shop", parcels="2", wf0="order.shop", wo0="=", wv0="tm1")

    assert rule_set().draft["rules"][0]["when"]["value"] == str(world.shop.pk)
    assert "木棉家居旗舰店" in texts(browser, "routing-rules")
    assert 'data-part="v" value="tm1"' in texts(browser, "routing-rule", id="shop")


def test_the_page_says_what_the_draft_changes(browser: Client) -> None:
    World()
    install_rules(
        document(
            {"id": "one", "kind": "max_parcels", "parcels": 2},
            {"id": "two", "kind": "only_warehouses", "warehouses": ["EAST"]},
            {"id": "three", "kind": "hold_release"},
        )
    )

    fill(browser, kind="max_parcels", id="one", on="1", parcels="3")
    fill(browser, kind="never_warehouses", id="four", on="1", warehouses=["SOUTH"])
    for verb, rule_id in (("delete", "two"), ("switch", "three")):
        browser.post(
            reverse("console:routing-act", args=[verb]), {"id": rule_id, "revision": rule_set().draft_revision}
        )

    page = texts(browser, "routing-rules")
    for said in (
        'changed</span> one<br><del class="soft">',
        "new</span> four<br><ins>",
        'taken out</span> two<br><del class="soft">',
        "switched off</span> three",
    ):
        assert said in page, said


def test_regions_that_share_a_name_are_shown_so_that_the_form_can_be_saved_again(browser: Client) -> None:
    World()
    regions = ["31", "3101", "33", "110105"]
    when = {"field": "address.regions", "operator": "has_any", "value": regions}
    install_rules(document({"id": "far", "kind": "only_warehouses", "warehouses": ["EAST"], "when": when}))
    shown = texts(browser, "routing-rule", id="far")
    value = shown.split('name="wv0" data-part="v" value="')[1].split('"')[0]

    fill(
        browser, kind="only_warehouses", id="far", warehouses=["EAST"], wf0="address.regions", wo0="has_any", wv0=value
    )

    assert value.startswith("上海市, 3101, 浙江省, ")
    assert rule_set().draft["rules"][0]["when"] == when


def test_handling_of_one_warehouse_is_set_without_a_file_and_empty_means_as_everywhere(browser: Client) -> None:
    World()
    costs = {"split_fen": "5.50", "handling_fen": "1.2", "max_parcels": "2"}
    costs |= {f"{what}_{grade}": "3" for what in ("late", "unfilled") for grade in ("rush", "vip", "normal")}
    address = reverse("console:routing-act", args=["costs"])

    browser.post(address, {"revision": 0, **costs, "handling_at_EAST": "0.80", "handling_at_SOUTH": ""})

    assert rule_set().draft["costs"]["handling_by_warehouse"] == {"EAST": 80}
    page = browser.get(reverse("console:routing-rules"))
    assert page.context["costs"]["by_warehouse"] == [("EAST", "华东仓", "0.80"), ("SOUTH", "华南仓", "")]
    browser.post(address, {"revision": rule_set().draft_revision, **costs, "handling_at_EAST": ""})
    assert rule_set().draft["costs"]["handling_by_warehouse"] == {}
