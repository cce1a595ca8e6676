"""Session keys of Tmall: the code of a login becomes one, and its refresh token another one."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from channels_sync.adapters.base import Connection
from channels_sync.adapters.tmall_granting import granting_address, renew, take_grant
from channels_sync.errors import GrantRefused
from ordercenter.common.platform_errors import AuthorizationExpired, ChannelAnswerUnreadable
from tests.local_http import LocalServer, Reply, serving

NOW = datetime(2026, 11, 10, 16, 5, tzinfo=UTC)
TOKENS = {"access_token": "6102new", "refresh_token": "r2", "expires_in": 7776000, "re_expires_in": "15552000"}


def connection(server: LocalServer, **secrets: str) -> Connection:
    return Connection(7, f"{server.url}/router/rest", "23777001", {"secret": "s", "refresh_token": "r1", **secrets})


def told(kind: str, result: Any) -> Reply:
    text = result if isinstance(result, str) else json.dumps(result)
    return Reply(json.dumps({f"top_auth_token_{kind}_response": {"token_result": text, "request_id": "r"}}).encode())


REFUSED = Reply(b'{"error_response":{"code":40,"msg":"Missing required arguments","sub_code":"isv.code-invalid"}}')


def test_a_code_becomes_a_session_key_with_both_its_ends() -> None:
    with serving(lambda _request: told("create", TOKENS)) as server:
        renewed = take_grant(connection(server), {"code": "c-1"}, "https://here/", clock=lambda: NOW)

    (request,) = server.received
    assert (request.form["method"], request.form["code"]) == ("taobao.top.auth.token.create", "c-1")
    assert "session" not in request.form
    assert dict(renewed.secrets) == {"secret": "s", "session": "6102new", "refresh_token": "r2"}
    assert renewed.valid_until == NOW + timedelta(days=90)
    assert renewed.renewable_until == NOW + timedelta(days=180)


def test_a_session_key_is_renewed_by_its_refresh_token() -> None:
    with serving(lambda _request: told("refresh", TOKENS)) as server:
        renewed = renew(connection(server), clock=lambda: NOW)

    assert server.received[0].form["refresh_token"] == "r1"
    assert renewed.secrets["session"] == "6102new"


def test_without_a_code_or_with_a_bad_one_there_is_no_access() -> None:
    with serving(lambda _request: REFUSED) as server:
        for query, why in (({"error": "access_denied"}, "denied"), ({"code": "old"}, "expired")):
            with pytest.raises(GrantRefused) as refused:
                take_grant(connection(server), query, "https://here/")
            assert refused.value.why == why
        for secrets in ({}, {"refresh_token": ""}):
            with pytest.raises(AuthorizationExpired):
                renew(connection(server, **secrets))


@pytest.mark.parametrize("result", ["not json", "[]", {"access_token": 7}, {"session": "x"}])
def test_an_answer_without_a_token_is_none(result: Any) -> None:
    with (
        serving(lambda _request: told("create", result)) as server,
        pytest.raises(ChannelAnswerUnreadable),
    ):
        take_grant(connection(server), {"code": "c"}, "https://here/")


def test_the_browser_goes_to_the_platforms_login_and_is_told_where_to_come_back() -> None:
    there = granting_address(Connection(7, "https://x", "23777001", {}), "st", "https://here/back")

    assert there == (
        "https://oauth.taobao.com/authorize?response_type=code&client_id=23777001"
        "&redirect_uri=https%3A%2F%2Fhere%2Fback&state=st&view=web"
    )
