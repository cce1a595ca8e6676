"""Step calls must account for every subject; registration must not clash; parameters are typed."""

from __future__ import annotations

from datetime import timedelta

import pytest

from ordercenter.common.errors import OrderCenterError
from ordercenter.workflow.components import Registry, StepCall
from ordercenter.workflow.durations import parse_duration
from ordercenter.workflow.errors import ComponentClash, StepIncomplete, UnknownComponent, flow_code
from ordercenter.workflow.fields import Catalogue, Field, FieldType
from ordercenter.workflow.params import ParamSpec, ParamType, holds_secret, read_params
from tests.ordercenter.workflow.building import NOON, components, go_on, load_nothing


class OutOfStock(OrderCenterError):
    code = "inventory.out_of_stock"


def call(subjects: list[int]) -> StepCall:
    return StepCall(spec=components().get_action("order.check", 1), subjects=subjects, at=NOON)


def test_an_action_sends_each_subject_one_way():
    step, error = call([1, 2, 3, 4]), OutOfStock()

    step.go([1])
    step.go(iter([2]), "held")
    step.refuse(3, error)
    step.park([4], "command-7")

    outcome = step.outcome()
    assert outcome.go == {"out": [1], "held": [2]}
    assert outcome.refused == {3: error}
    assert outcome.parked == [("command-7", [4])]
    assert outcome.values is None


def test_an_action_that_forgets_doubles_or_invents_a_subject_is_a_defect():
    forgotten, doubled, invented, refused = call([1, 2]), call([1, 2]), call([1]), call([1])
    forgotten.go([1])
    doubled.go([1, 2])
    doubled.park([2], "k")
    invented.go([1, 9])
    refused.go([1])
    refused.refuse(1, OutOfStock())

    for step, odd in ((forgotten, [2]), (doubled, [2]), (invented, [9]), (refused, [1])):
        with pytest.raises(StepIncomplete) as defect:
            step.outcome()
        assert defect.value.subject_ids == odd


def test_a_port_that_the_spec_does_not_declare_and_a_second_refusal_are_defects():
    step = call([1])
    step.refuse(1, OutOfStock())

    with pytest.raises(StepIncomplete, match="port nowhere"):
        step.go([1], "nowhere")
    with pytest.raises(StepIncomplete, match="refused twice"):
        step.refuse(1, OutOfStock())


def test_flows_name_a_refusal_by_the_last_part_of_its_code():
    assert flow_code(OutOfStock()) == "OUT_OF_STOCK"


def test_a_name_is_registered_once_and_versions_live_side_by_side():
    made = components()
    made.action(use="order.check", v=2, subject="order", label="Check")(go_on)

    assert made.get_action("order.check", 2).ports == ()
    assert made.get_action("order.check", 1).all_ports == ("out", "held")
    with pytest.raises(ComponentClash):
        made.action(use="order.check", v=2, subject="order", label="Check")(go_on)
    with pytest.raises(ComponentClash):
        made.register_subject("order", Catalogue([]), load_nothing)
    with pytest.raises(ComponentClash):
        made.register_trigger("orders.order.paid", subject="order", label="again")


def test_what_is_not_registered_is_named():
    with pytest.raises(UnknownComponent) as refusal:
        Registry().get_action("order.check", 3)

    assert refusal.value.name == "order.check v3"


def test_components_that_do_not_fit_each_other_are_found():
    made = components()
    made.action(use="bad.field", subject="order", label="x", writes=["order.nope"], ports=["out"])(go_on)
    made.action(use="bad.subject", subject="parcel", label="x")(go_on)
    made.register_trigger("bad.event", subject="order", label="x", lacks=["order.nope"])

    assert components().problems() == []
    assert made.problems() == [
        "action bad.field v1: unknown field order.nope",
        "action bad.field v1: port out is there without being declared",
        "action bad.subject v1: unknown subject parcel",
        "event bad.event: unknown field order.nope",
    ]


def test_fields_that_make_no_sense_are_refused_at_start_up():
    for wrong in (
        lambda: Field("a", FieldType.LIST, "a"),
        lambda: Field("a", FieldType.TEXT, "a", fields=(Field("b", FieldType.TEXT, "b"),)),
        lambda: Catalogue([Field("a", FieldType.TEXT, "a"), Field("a", FieldType.TEXT, "a")]),
    ):
        with pytest.raises(ValueError, match="field a"):
            wrong()


SPECS = {
    "mode": ParamSpec(ParamType.CHOICE, "mode", values=[("all", "All"), ("part", "Part")], default="all"),
    "limit": ParamSpec(ParamType.MONEY, "limit"),
    "pause": ParamSpec(ParamType.DURATION, "pause", required=False),
    "key": ParamSpec(ParamType.SECRET, "key", required=False),
    "tags": ParamSpec(ParamType.CHOICES, "tags", required=False),
    "deep": ParamSpec(ParamType.BOOL, "deep", required=False, default=False),
}


def test_parameters_are_typed_and_completed():
    given = {"limit": 5000, "pause": "PT90S", "key": {"secret": "wms-key"}, "tags": ["a"]}

    assert read_params(SPECS, given) == {
        "mode": "all",
        "limit": 5000,
        "pause": timedelta(seconds=90),
        "key": "wms-key",
        "tags": ("a",),
        "deep": False,
    }


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"limit": "5000"},
        {"limit": True},
        {"limit": 50.0},
        {"limit": 1, "mode": "half"},
        {"limit": 1, "pause": "soon"},
        {"limit": 1, "key": "hunter2"},
        {"limit": 1, "tags": "a"},
        {"limit": 1, "deep": 1},
        {"limit": 1, "extra": 1},
    ],
)
def test_wrong_parameters_are_refused(given):
    with pytest.raises(ValueError, match=r"\w"):
        read_params(SPECS, given)


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("api_key", "abc", True),
        ("note", "-----BEGIN RSA PRIVATE KEY-----", True),
        ("url", "https://user:pass@host/x", True),
        ("headers", {"Authorization": "Bearer abcdefghijklmnop1234"}, True),
        ("list", ["token=abcdef123"], True),
        ("api_key", {"secret": "name"}, False),
        ("note", "call the customer about the sofa", False),
        ("url", "https://host/x", False),
    ],
)
def test_secrets_in_plain_text_are_seen(name, value, expected):
    assert holds_secret(name, value) is expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("PT30M", timedelta(minutes=30)),
        ("P1DT2H3M4S", timedelta(days=1, hours=2, minutes=3, seconds=4)),
        ("P2W", timedelta(weeks=2)),
    ],
)
def test_durations_are_read(text, expected):
    assert parse_duration(text) == expected


@pytest.mark.parametrize(
    "text", ["", "P", "PT", "P1DT", "P1M", "P1Y", "PT0S", "-PT1S", "PT1.5S", "30M", "PT1S ", "PT１S"]
)
def test_durations_without_a_fixed_positive_length_are_refused(text):
    with pytest.raises(ValueError, match="duration"):
        parse_duration(text)
