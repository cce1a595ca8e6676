from decimal import Decimal

import pytest

from ordercenter.common.strictjson import UnreadableBody, loads_strict


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"[" * 20_000, "too_deep"),
        (b"[" * 20_000 + b"]" * 20_000, "too_deep"),
        (b'{"a":' * 65 + b"1" + b"}" * 65, "too_deep"),
        (b"[" + b'"]",' * 100 + b"[" * 64 + b"]" * 65, "too_deep"),
        (b'{"qty":1,"qty":99}', "duplicate_key"),
        (b'[{"a":{"b":1,"b":1}}]', "duplicate_key"),
        (b"[NaN]", "not_finite"),
        (b"[-Infinity]", "not_finite"),
        (b"[1e309]", "not_finite"),
        (b"[1e-999999999]", "not_finite"),
        (b"[0e999999999]", "not_finite"),
        (b"1" * 5_000, "number_too_long"),
        (b'["\\u0000"]', "nul"),
        (b'{"a\\u0000":1}', "nul"),
        (b'["a\x00"]', "not_json"),
        (b'["\\ud800"]', "surrogate"),
        (b'{"\\uDFFF":1}', "surrogate"),
        (b'["\xed\xa0\x80"]', "not_utf8"),
        (b'"\xff"', "not_utf8"),
        (b'\xef\xbb\xbf{"a":1}', "not_json"),
        (b"", "not_json"),
        (b"{} {}", "not_json"),
        (b"{'a':1}", "not_json"),
        (b"[[]" * 65, "not_json"),
    ],
)
def test_a_hostile_body_is_refused_with_its_reason(data, reason):
    with pytest.raises(UnreadableBody) as refused:
        loads_strict(data)

    assert refused.value.reason == reason
    assert refused.value.code == "common.unreadable_body"


def test_a_body_over_the_limit_is_refused_before_it_is_read():
    with pytest.raises(UnreadableBody) as refused:
        loads_strict(b" " * 11 + b"{}", max_bytes=12)

    assert refused.value.reason == "too_large"


def test_numbers_stay_exact():
    assert loads_strict(b"[4012345678901234567, 1.10, -0.0]") == [4012345678901234567, Decimal("1.10"), Decimal("0.0")]
    assert str(loads_strict(b"1.10")) == "1.10"
    assert loads_strict(b"[1.5]", floats_as=float) == [1.5]
    assert isinstance(loads_strict(b"1.5", floats_as=float), float)


def test_what_only_looks_hostile_is_read():
    assert loads_strict(b'["\\ud83d\\ude00", "\\\\u0000", "\\\\ud800"]') == ["😀", "\\u0000", "\\ud800"]
    assert loads_strict(b'["' + b"[" * 500 + b'\\"]"]') == ["[" * 500 + '"]']
    assert loads_strict(b"[" * 64 + b"]" * 64)[0][0] == loads_strict(b"[" * 62 + b"]" * 62)
    assert len(loads_strict(b"[" + b",".join([b"{}"] * 1_000) + b"]")) == 1_000


def test_the_refusal_names_the_place_but_no_content():
    with pytest.raises(UnreadableBody) as refused:
        loads_strict(b'{"name": "secret", "x": }')

    assert refused.value.detail == "Expecting value at character 24"
    assert refused.value.evidence() == {"reason": "not_json", "detail": "Expecting value at character 24"}
