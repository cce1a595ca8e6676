"""What platforms allow is whole, and what merge, split and report obey is taken from the same place."""

from __future__ import annotations

from dataclasses import fields

import pytest

from channels_sync.platforms import PLATFORMS
from ordercenter.catalog.capabilities import Capability, usual_capability
from ordercenter.catalog.platform_facts import ASPECTS, FACTS, GROUPS, OWN, facts_of


@pytest.mark.parametrize("code", [*FACTS, "counter"])
def test_every_platform_answers_every_question_with_a_reason(code):
    facts = facts_of(code)

    assert list(facts) == [aspect.key for aspect in ASPECTS]
    assert all(str(fact.why) for fact in facts.values())


def test_every_question_stands_under_one_of_the_subjects():
    assert list(dict.fromkeys(aspect.group for aspect in ASPECTS)) == list(GROUPS)


def test_every_platform_we_speak_with_is_known_but_the_one_made_by_configuration():
    assert set(PLATFORMS) - set(FACTS) == {"http"}
    assert facts_of("http") is OWN


def test_what_is_obeyed_is_what_is_shown():
    for code in [*FACTS, "counter"]:
        usual, facts = usual_capability(code), facts_of(code)
        for field in fields(Capability):
            assert getattr(usual, field.name) is facts[field.name].value, (code, field.name)


def test_jd_is_told_of_whole_orders_and_its_numbers_stay():
    assert usual_capability("jd") == Capability(
        splits_by_line=False,
        splits_by_quantity=False,
        many_numbers_per_line=False,
        changes_number=False,
        merges_by_opaque_id=True,
    )


def test_tmall_is_told_of_lines_and_not_of_pieces():
    assert usual_capability("tmall") == Capability(
        splits_by_quantity=False, many_numbers_per_line=False, merges_by_opaque_id=True
    )


def test_buyer_data_of_platforms_that_mask_it_does_not_leave_in_files():
    forbidding = {code for code in FACTS if facts_of(code)["exports_buyers"].value is False}

    assert forbidding == {"tmall", "taobao", "jd", "pdd", "douyin", "wechat_shop"}
