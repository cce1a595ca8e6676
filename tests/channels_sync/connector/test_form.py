"""A connector's document as a form: what goes in comes out again, and what a form can get wrong is named."""

from __future__ import annotations

import json
from typing import Any

import pytest

from channels_sync.connector.documents import ConnectorInvalid, read_document
from channels_sync.connector.form import (
    below_list,
    document_of_form,
    paths_of,
    rules_of,
    source_of,
    source_text,
    values_of,
)
from channels_sync.connector.samples import SAMPLE


def inputs(document: dict[str, Any]) -> dict[str, str]:
    """What a browser sends of the form when nothing is changed."""
    given = values_of(document)
    for where, rows in rules_of(document).items():
        for row in rows:
            for part in ("source", "unit", "time_format", "time_zone", "words", "otherwise", "default"):
                given[f"{where}.{row.name}.{part}"] = getattr(row, part)
    return given


AUTHS: list[dict[str, str]] = [
    {"kind": "none"},
    {"kind": "basic", "user": "{app_key}", "password": "{secret.password}"},
    {"kind": "hmac", "template": "{method}\n{path}\n{timestamp}", "header": "X-Sign", "digest": "sha1"},
    {"kind": "oauth2", "token_path": "/token", "scope": "orders"},
]


@pytest.mark.parametrize("auth", [SAMPLE["auth"], *AUTHS], ids=lambda auth: auth["kind"])
def test_a_document_that_is_filled_in_and_sent_unchanged_is_the_same(auth: dict[str, str]) -> None:
    document = {**SAMPLE, "auth": auth}

    again, mistakes = document_of_form(inputs(document), document)

    assert mistakes == []
    assert again == document
    read_document(again)


def test_a_form_makes_a_whole_document_from_nothing() -> None:
    document, mistakes = document_of_form(inputs(SAMPLE), {})

    assert (mistakes, document) == ([], SAMPLE)


def test_what_the_form_does_not_show_stays() -> None:
    document = {**SAMPLE, "made_by": "someone"}

    assert document_of_form(inputs(SAMPLE), document)[0]["made_by"] == "someone"


def test_parts_that_are_left_empty_go_away() -> None:
    given = inputs(SAMPLE) | {
        "refunds.request.path": "",
        "tracking.request.path": " ",
        "stock.request.path": "",
        "webhook.header": "",
        "accepted.path": "",
        "orders.detail.request.path": "",
        "orders.paging.kind": "none",
        "orders.fields.freight.source": "",
    }
    document, mistakes = document_of_form(given, SAMPLE)

    assert mistakes == []
    assert document.keys() == {"format", "auth", "time", "orders"}
    assert document["orders"].keys() == {"request", "rows", "fields", "lines", "line_fields"}
    assert "freight" not in document["orders"]["fields"]
    read_document(document)


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("$.data.no", {"path": "$.data.no"}),
        ('"CNY"', {"value": "CNY"}),
        ('$.a + " " + $.b', {"concat": ["$.a", " ", "$.b"]}),
        ("$['odd + name'].x", {"path": "$['odd + name'].x"}),
        ('"say \\"hi\\" + more"', {"value": 'say "hi" + more'}),
        ("data.no", {"path": "data.no"}),
        ("$.a +", {"path": "$.a +"}),
        ("$.a $.b", {"path": "$.a $.b"}),
    ],
)
def test_where_a_value_comes_from_is_read_as_it_is_written(text: str, rule: dict[str, Any]) -> None:
    assert source_of(text) == rule
    assert source_of(source_text(rule)) == rule


def test_what_is_no_path_is_named_by_the_check_of_the_document() -> None:
    document, mistakes = document_of_form(inputs(SAMPLE) | {"orders.fields.total.source": "total"}, SAMPLE)

    assert mistakes == []
    with pytest.raises(ConnectorInvalid) as refused:
        read_document(document)
    assert [m.where for m in refused.value.mistakes] == ["orders.fields.total.path"]


def test_what_only_a_form_can_get_wrong_is_named_by_its_place() -> None:
    given = inputs(SAMPLE) | {
        "orders.fields.status.words": "paid = paid\nshipped",
        "stock.request.body": "{sku: 1}",
        "orders.request.query": "page",
    }

    places = [mistake.where for mistake in document_of_form(given, SAMPLE)[1]]

    assert places == ["orders.request.query", "stock.request.body", "orders.fields.status.words"]


def test_a_shops_word_may_hold_the_sign_between() -> None:
    given = inputs(SAMPLE) | {"orders.fields.status.words": "state=1 = paid"}

    assert document_of_form(given, SAMPLE)[0]["orders"]["fields"]["status"]["words"] == {"state=1": "paid"}


def test_the_paths_of_a_sample_are_those_that_rules_name() -> None:
    sample = json.loads('{"no": 7, "odd name": {"x": true}, "lines": [{"sku": "A", "tags": ["t"]}], "empty": []}')

    paths = paths_of(sample)

    assert paths == [
        ("$.no", "7"),
        ("$['odd name'].x", "true"),
        ("$.lines[*]", "[1]"),
        ("$.lines[0].sku", "A"),
        ("$.lines[0].tags[0]", "t"),
    ]
    assert below_list(paths, "$.lines[*]") == [("$.sku", "A"), ("$.tags[0]", "t")]
    assert paths_of("text") == [("$", "text")]
