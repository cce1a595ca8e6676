import pytest

from channels_sync.connector.paths import MISSING, PathInvalid, all_of, one, parse_path

DOCUMENT = {"data": {"items": [{"no": 1, "odd.name": "x"}, {"no": 2}, {"no": None}]}, "空": ["a"]}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("$", [("$", DOCUMENT)]),
        ("$.data.items[1].no", [("$.data.items[1].no", 2)]),
        ("$.data.items[*].no", [(f"$.data.items[{at}].no", at + 1 if at < 2 else None) for at in range(3)]),
        ("$.data.items[0]['odd.name']", [("$.data.items[0].odd.name", "x")]),
        ("$.空[0]", [("$.空[0]", "a")]),
        ("$.data.items[9].no", []),
        ("$.data.no[0]", []),
        ("$.data[0]", []),
        ("$.data.items.no", []),
        ("$.nothing[*].no", []),
    ],
)
def test_a_path_finds_values_with_their_places(text, found):
    assert list(all_of(DOCUMENT, parse_path(text))) == found


def test_one_value_is_the_first_that_is_not_null():
    assert one(DOCUMENT, parse_path("$.data.items[*].no")) == 1
    assert one(DOCUMENT, parse_path("$.data.items[2].no")) is MISSING
    assert one([], parse_path("$.a")) is MISSING


@pytest.mark.parametrize(
    "text",
    ["", "data", "$data", "$.", "$..a", "$[", "$[-1]", "$[1:2]", "$[?(@.a)]", "$.a b", "$.a['b", "$" + ".a" * 17],
)
def test_other_forms_are_refused(text):
    with pytest.raises(PathInvalid):
        parse_path(text)
