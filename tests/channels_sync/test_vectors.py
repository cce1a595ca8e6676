import json
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from channels_sync.vectors import CHECKERS, check_case, check_directory

VECTORS = Path(__file__).parents[1] / "data" / "protocols" / "vectors"
FILES = [json.loads(path.read_text(encoding="utf-8")) for path in sorted(VECTORS.glob("*.json"))]
CASES = [
    pytest.param(case, file.get("keys", {}), id=f"{case['kind']}:{case['id']}")
    for file in FILES
    for case in file["cases"]
]


@pytest.mark.parametrize(("case", "keys"), CASES)
def test_a_vector_made_by_the_platforms_own_kits_comes_out_as_expected(case, keys):
    assert case["kind"] in CHECKERS
    assert check_case(case, keys) == ""


@pytest.mark.parametrize(("case", "keys"), CASES)
def test_every_vector_with_its_expectation_turned_round_fails(case, keys):
    expected = dict(case["expected"])
    if case["kind"] == "qimen-response":
        expected["success"] = not expected["success"]
    else:
        expected["valid"] = not expected.get("valid", True)

    assert check_case({**case, "expected": expected}, keys) != ""


@pytest.fixture
def folder(tmp_path):
    def write(name, document):
        (tmp_path / name).write_text(
            document if isinstance(document, str) else json.dumps(document, ensure_ascii=False), encoding="utf-8"
        )
        return tmp_path

    return write


def run(*arguments):
    out = StringIO()
    try:
        call_command("check_vectors", *arguments, stdout=out)
    except SystemExit as end:
        return out.getvalue(), end.code
    return out.getvalue(), 0


def test_the_command_counts_what_passed_by_kind():
    printed, code = run(str(VECTORS), "--json")

    report = json.loads(printed)
    assert code == 0
    assert (report["files"], report["passed"], report["failed"]) == (9, 47, 0)
    assert report["kinds"] == {
        "alipay-notify": {"passed": 2, "failed": 0},
        "alipay-rsa2-sign": {"passed": 2, "failed": 0},
        "douyin-event-sign": {"passed": 2, "failed": 0},
        "douyin-sign-v2": {"passed": 4, "failed": 0},
        "douyin-sign-v2-raw": {"passed": 1, "failed": 0},
        "douyin-spi-sign": {"passed": 1, "failed": 0},
        "hmac-sha256-base64": {"passed": 2, "failed": 0},
        "jd-sign": {"passed": 3, "failed": 0},
        "kuaidi100-print-sign": {"passed": 1, "failed": 0},
        "kuaidi100-push-sign": {"passed": 1, "failed": 0},
        "kuaidi100-query-sign": {"passed": 1, "failed": 0},
        "qimen-http-request": {"passed": 8, "failed": 0},
        "qimen-response": {"passed": 2, "failed": 0},
        "sf-msg-digest": {"passed": 2, "failed": 0},
        "shopify-query-hmac": {"passed": 1, "failed": 0},
        "top-sign": {"passed": 6, "failed": 0},
        "top-tmc-sign": {"passed": 1, "failed": 0},
        "wechat-msg-crypt": {"passed": 5, "failed": 0},
        "wechat-url-signature": {"passed": 1, "failed": 0},
        "woo-oauth1-hmac-sha256": {"passed": 1, "failed": 0},
    }


def test_a_failed_case_is_named_and_ends_the_command_with_an_error(folder):
    file = json.loads((VECTORS / "taobao_top.json").read_text(encoding="utf-8"))
    file["cases"][0]["expected"]["sign"] = "0" * 32

    printed, code = run(str(folder("top.json", file)))

    assert code == 1
    assert "FAILED top.json top-sold-increment-md5 (top-sign): sign: does not fit" in printed
    assert ["top-sign", "5", "1"] in [line.split() for line in printed.splitlines()]


def test_a_kind_we_do_not_speak_is_counted_by_name_and_is_no_failure(folder):
    cases = [{"id": "a", "kind": "carrier-pigeon", "input": {}, "expected": {}}] * 2
    document = {"format": "ordercenter-protocol-vectors/1", "cases": cases}

    report = json.loads(run(str(folder("new.json", document)), "--json")[0])

    assert (report["not_supported"], report["failed"], report["kinds"]) == ({"carrier-pigeon": 2}, 0, {})
    assert run(str(folder("new.json", document)))[1] == 0


@pytest.mark.parametrize(
    ("document", "why"),
    [
        ("{", "not_json: Expecting property name enclosed in double quotes at character 1"),
        ({"format": "other/1", "cases": []}, "not of the format ordercenter-protocol-vectors/1"),
        ({"format": "ordercenter-protocol-vectors/1"}, "no list of cases"),
        ([], "not of the format ordercenter-protocol-vectors/1"),
    ],
)
def test_a_file_that_is_no_vector_file_is_an_error(folder, document, why):
    printed, code = run(str(folder("bad.json", document)), "--json")

    assert code == 1
    assert json.loads(printed)["unreadable"] == {"bad.json": why}


def test_a_case_with_missing_parts_fails_and_the_others_go_on(folder):
    cases = [
        "x",
        {"id": "a", "kind": "top-sign", "input": {}, "expected": {}},
        {"id": "b", "kind": "top-sign", "input": {"secret": "s", "params": {}, "sign_method": "sha1"}, "expected": {}},
        {"id": "c", "kind": "qimen-response", "input": {"body": "<response/>"}, "expected": {"valid": False}},
    ]
    document = {"format": "ordercenter-protocol-vectors/1", "cases": cases}

    report = check_directory(folder("odd.json", document))

    assert [(failure.case_id, failure.problem.split(":")[0]) for failure in report.failures] == [
        ("#0", "the case is not an object"),
        ("a", "the case is not complete"),
        ("b", "UnknownSignMethod"),
    ]
    assert report.passed == {"qimen-response": 1}


def test_a_wrong_directory_is_said_in_a_sentence(tmp_path):
    with pytest.raises(CommandError, match="is not a directory"):
        call_command("check_vectors", str(tmp_path / "nowhere"))
    with pytest.raises(CommandError, match=r"no \.json file"):
        call_command("check_vectors", str(tmp_path))
