"""Several platforms in one world: each sees its own orders, pushes in its own way, and misbehaves alone."""

from __future__ import annotations

import json
import threading
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from channels_sync.sandbox import hostile
from channels_sync.sandbox.control import SandboxRefused
from channels_sync.sandbox.control_trades import TradeControl
from channels_sync.sandbox.doors import DOORS
from channels_sync.sandbox.platforms import TRAITS
from channels_sync.sandbox.scenario import PROBLEMS, Script, Spec
from channels_sync.sandbox.switches import Switches
from channels_sync.sandbox.wsgi import SandboxApp
from tests.channels_sync.sandbox.stage import Stage
from tests.channels_sync.sandbox.toy_platform import CODE, ToyDoor


@pytest.fixture
def stage(credentials, clock, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(DOORS, CODE, ToyDoor)
    stage = Stage(credentials, clock)
    stage.push_reply = (200, b"ok")
    yield stage
    stage.close()


def ask(stage: Stage, path: str, *, token: str = "first", **query: str):
    return stage.http.get(f"/toy{path}", params=query, headers={"X-Token": token}).json()


def sold_there(stage: Stage, count: int = 1) -> list[str]:
    return stage.control.create_trades(count=count, platform=CODE)


def topics(stage: Stage) -> list[str]:
    return [sealed.headers["X-Topic"] for _url, sealed in stage.pushed]


def test_each_platform_sees_its_own_orders_only(stage):
    theirs, ours = sold_there(stage)[0], stage.control.create_trade()

    assert ask(stage, f"/order/{theirs}")["status"] == "WAIT_SELLER_SEND_GOODS"
    assert ask(stage, f"/order/{ours}") == {"error": "trade_unknown"}
    assert ask(stage, "/orders") == {"numbers": [theirs]}
    assert stage.problem("trade.fullinfo.get", tid=theirs, fields="tid")["sub_code"] == "isv.trade-not-exist"
    assert [row["tid_str"] for row in changed_at_tmall(stage)] == [ours]


def changed_at_tmall(stage: Stage):
    window = {"start_modified": stage.clock.text(-60), "end_modified": stage.clock.text(1)}
    answer = stage.ask("trades.sold.increment.get", fields="tid_str", **window)
    return answer.get("trades", {}).get("trade", [])


def test_numbers_of_platforms_never_meet(stage):
    first = {code: 4_100_000_000_000_000_000 - traits.number_shift for code, traits in TRAITS.items()}
    after_ten_years = {code: number + 10_000_000_000 for code, number in first.items()}

    spans = sorted((first[code], after_ten_years[code]) for code in first)

    assert all(end < start for (_start, end), (start, _end) in zip(spans, spans[1:], strict=False))
    assert len(str(first[CODE])) == 12


def test_what_happens_is_pushed_to_the_address_of_the_account(stage, credentials):
    number = sold_there(stage)[0]

    stage.pass_time()

    ((url, sealed),) = stage.pushed
    assert url == (f"http://127.0.0.1:8000/channels/jd/{credentials.push_token(CODE)}/?at={stage.clock.now_ms}")
    assert json.loads(sealed.body) == {"no": number}
    assert topics(stage) == ["paid"]
    assert stage.control.pushes() == {"waiting": [], "given_up": 0}
    assert stage.control.receipts()[number]["message_at"] == "2026-11-11T04:00:00.000Z"


def test_tmall_is_asked_and_pushes_nothing(stage):
    stage.control.create_trade()

    stage.pass_time(1)

    assert stage.pushed == []
    assert len(stage.consume()) == 2


def test_a_push_that_is_not_heard_comes_again_signed_anew_until_the_platform_gives_up(stage):
    stage.push_reply = (200, b"busy")
    sold_there(stage)

    stage.pass_time(0.9)
    assert stage.control.pushes()["waiting"] == [
        {"id": 1, "platform": CODE, "topic": "paid", "tries": 1, "error": "HTTP 200 busy"}
    ]
    stage.pass_time(0.2)
    stage.push_reply = None
    stage.pass_time(20)

    assert len(stage.pushed) == 3
    assert len({sealed.headers["X-Sign"] for _url, sealed in stage.pushed}) == 3
    assert stage.control.pushes() == {"waiting": [], "given_up": 1}


def test_pushes_are_lost_late_twice_or_in_disorder_as_switched(stage):
    stage.control.switches(platforms={CODE: {"lost_messages": 1}})
    sold_there(stage)
    stage.control.switches(platforms={CODE: {"lost_messages": 0, "duplicates": 1, "delay_s": 60}})
    sold_there(stage)

    stage.pass_time(59)
    assert stage.pushed == []
    stage.pass_time(3)
    assert topics(stage) == ["paid", "paid"]

    stage.pushed.clear()
    stage.control.switches(platforms={CODE: {"duplicates": 0, "delay_s": 0, "disorder": 1}})
    numbers = sold_there(stage, count=20)
    stage.pass_time(3)
    told = [json.loads(sealed.body)["no"] for _url, sealed in stage.pushed]
    assert sorted(told) == sorted(numbers)
    assert told != numbers


def test_one_platform_misbehaves_alone(stage):
    stage.control.switches(platforms={CODE: {"http_500": 1}})
    tid = stage.control.create_trade()

    assert stage.http.get("/toy/orders").status_code == 500
    assert stage.trade(tid)["tid_str"] == tid

    stage.control.switches(http_500=1, platforms={CODE: {"http_500": 0}})
    assert stage.http.get("/toy/orders").status_code == 200
    assert stage.http.post("/router/rest", data={}).status_code == 500
    assert stage.control.switches(platforms={CODE: None})["platforms"] == {}


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        ({"platforms": {"ebay": {"slow_ms": 1}}}, "no platform ebay"),
        ({"platforms": {CODE: {"ship_after_s": 1}}}, "no switch 'ship_after_s'"),
        ({"platforms": {CODE: {"http_500": 2}}}, "share 0..1"),
        ({"platforms": 3}, "platforms: an object"),
    ],
)
def test_a_switch_of_a_platform_that_does_not_fit_changes_nothing(stage, wanted, words):
    before = stage.control.switches()

    with pytest.raises(SandboxRefused, match=words):
        stage.control.switches(**wanted)

    assert stage.control.switches() == before


def test_tokens_end_are_renewed_and_survive_a_reset(stage):
    number = sold_there(stage)[0]
    stage.clock.now_ms += 7_200_000

    assert ask(stage, f"/order/{number}") == {"error": "token"}
    new = ask(stage, "/token", refresh="again")
    assert ask(stage, f"/order/{number}", token=new["access"])["no"] == number
    stage.control.reset()
    assert ask(stage, "/orders", token=new["access"]) == {"numbers": []}
    stage.clock.now_ms += 300_001  # the overlap of the old refresh token
    assert ask(stage, "/token", refresh="again") == {"error": "no"}


def test_an_expired_grant_is_not_renewed_and_a_short_life_is_short(stage):
    stage.control.switches(platforms={CODE: {"token_life_s": 60}})
    new = ask(stage, "/token", refresh="again")
    stage.clock.now_ms += 60_000
    assert ask(stage, "/orders", token=new["access"]) == {"error": "token"}

    stage.control.switches(platforms={CODE: {"token_expired": True}})
    assert ask(stage, "/token", refresh=new["refresh"]) == {"error": "no"}


def test_calls_beyond_the_limit_are_refused_for_that_platform_only(stage):
    stage.control.switches(platforms={CODE: {"rate_limit": 2}})

    answers = [ask(stage, "/orders") for _no in range(3)]

    assert answers == [{"numbers": []}, {"numbers": []}, {"error": "too often"}]
    assert "error_response" not in stage.top("trades.sold.get", fields="tid")


def test_a_row_slips_to_an_earlier_page_while_pages_are_walked(stage):
    numbers = sold_there(stage, count=4)
    stage.clock.now_ms += 5_000
    stage.control.switches(platforms={CODE: {"page_shifts": 1}})

    first = ask(stage, "/orders", page="1", size="2")["numbers"]
    second = ask(stage, "/orders", page="2", size="2")["numbers"]

    assert first == numbers[:2]
    assert second == [numbers[3], numbers[0]]  # numbers[2] was on neither page


def test_a_platform_whose_clock_is_wrong_dates_everything_by_it(stage):
    stage.control.switches(platforms={CODE: {"clock_skew_s": -90}})
    number = sold_there(stage)[0]

    stage.pass_time()

    assert ask(stage, f"/order/{number}")["modified"] == stage.clock.now_ms - 90_000
    assert stage.pushed[0][1].headers["X-Sign"]
    assert stage.pushed[0][0].endswith(f"?at={stage.clock.now_ms - 90_000}")
    assert stage.control.receipts()[number]["paid_at"] == "2026-11-11T04:00:00.000Z"  # ours


def test_hostile_pushes_are_signed_like_all_others(stage):
    stage.control.switches(platforms={CODE: {"hostile_pushes": 1}})
    sold_there(stage, count=30)

    stage.pass_time()

    assert {sealed.body for _url, sealed in stage.pushed} <= set(hostile.BODIES)
    assert len({sealed.body for _url, sealed in stage.pushed}) > 5


def test_answers_may_be_hostile_or_huge(stage):
    stage.control.switches(platforms={CODE: {"hostile": 1}})
    bodies = {stage.http.get("/toy/orders", headers={"Accept-Encoding": ""}).content[:100] for _no in range(40)}
    assert len(bodies) > 5

    stage.control.switches(platforms={CODE: {"hostile": 0, "huge_answer": 1}})
    with stage.http.stream("GET", "/toy/orders", headers={"X-Token": "first"}) as response:
        assert "Content-Length" not in response.headers
        read = 0
        for piece in response.iter_bytes(1 << 20):
            read += len(piece)
            if read > 4 << 20:
                break
    assert read > 4 << 20


def test_waiting_pushes_and_tokens_survive_a_restart(credentials, clock, monkeypatch, tmp_path: Path):
    monkeypatch.setitem(DOORS, CODE, ToyDoor)
    before = Stage(credentials, clock, path=tmp_path / "state.sqlite3")
    number = sold_there(before)[0]
    before.pass_time()  # nobody there
    new = ask(before, "/token", refresh="again")
    before.app.world._store.close()  # no farewell: what is not on disk by now is lost

    after = Stage(credentials, clock, path=tmp_path / "state.sqlite3")
    after.push_reply = (200, b"ok")
    after.pass_time(2)

    assert [json.loads(sealed.body) for _url, sealed in after.pushed] == [{"no": number}]
    assert ask(after, f"/order/{number}", token=new["access"])["no"] == number
    after.close()


def test_the_mix_of_a_day_depends_on_the_seed_alone_and_leaves_the_orders_as_they_were():
    shares = dict.fromkeys(PROBLEMS, 0.02)
    mixed = Script(Spec(seed=5, orders=400, problem_shares=shares, platforms={"tmall": 3, CODE: 1}), first_tid=10**18)
    plain = Script(Spec(seed=5, orders=400, problem_shares=shares), first_tid=10**18)

    counts = Counter(mixed.platform(index) for index in range(400))
    assert 60 < counts[CODE] < 140
    assert {plain.platform(index) for index in range(400)} == {"tmall"}
    for index in range(0, 400, 7):
        ours, theirs = mixed.order(index), plain.order(index)
        assert ours.trade.platform == mixed.platform(index)
        assert (ours.trade.buyer, ours.trade.lines) == (theirs.trade.buyer, theirs.trade.lines)
        assert not (ours.presale and ours.trade.platform == CODE)
    for index, problem in mixed.problems.items():
        if problem == "DUPLICATE_SUSPECT":
            assert mixed.platform(index) == mixed.platform(mixed.twin_of(index))


def test_a_mixed_day_is_played_on_all_its_platforms(stage):
    shares = {"REFUND_BEFORE_SHIP": 0.1}
    scenario_id = stage.control.start_scenario(
        seed=5, orders=100, problem_shares=shares, platforms={"tmall": 1, CODE: 1}, bill={"missing": 2}
    )
    stage.pass_time(6)

    scenario = stage.control.scenario(scenario_id)

    sold = stage.control.state()["platforms"]
    assert (scenario["created"], scenario["paid"]) == (100, 100)
    assert min(sold.values()) > 30
    assert set(scenario["planted"]) <= set(stage.control.receipts(scenario_id))
    # Only payments of platforms whose provider is played stand on its bill.
    assert stage.control.bill()["payments"] == sold["tmall"]
    assert topics(stage).count("paid") == sold[CODE]
    refunds = sum(1 for number in scenario["planted"] if stage.control.trade(number)["platform"] == CODE)
    assert topics(stage).count("refund_opened") == refunds


@pytest.mark.parametrize(
    ("platforms", "words"),
    [
        ({"ebay": 1}, "unknown platform: ebay"),
        ({}, "at least one"),
        ({"tmall": 0}, "weight above 0"),
        ({"shopify": 1}, "not played yet: shopify"),
    ],
)
def test_a_mix_that_cannot_be_played_says_why(stage, monkeypatch, platforms, words):
    # As it is for a platform that stands in the table of traits before it has a door.
    monkeypatch.delitem(DOORS, "shopify")

    with pytest.raises(SandboxRefused, match=words):
        stage.control.start_scenario(seed=1, orders=3, platforms=platforms)


def test_the_background_shop_sells_on_every_platform_that_is_played(stage):
    stage.control.switches(background_per_min=600)

    stage.pass_time(20)

    sold = stage.control.state()["platforms"]
    assert set(sold) == set(DOORS)
    assert sold["tmall"] > 70
    assert min(sold.values()) > 5


def test_a_push_goes_over_http_byte_for_byte_and_holds_up_nobody(credentials, clock, monkeypatch):
    monkeypatch.setitem(DOORS, CODE, ToyDoor)
    app = SandboxApp(credentials, clock=clock)
    heard: list[tuple[str, dict[str, str], bytes, bool]] = []

    class OurDoor(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            is_free = app.world.lock.acquire(timeout=2)
            if is_free:
                app.world.lock.release()
            heard.append((self.path, dict(self.headers.items()), body, is_free))
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"ok")

        def log_message(self, format: str, *args: object) -> None:
            """Tests look at what was heard."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), OurDoor)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}/channels/{{platform}}/{{token}}/"
    app.world.switches = Switches(push_callback_url=url)
    (number,) = TradeControl(app.shop).make({"platform": CODE})["tids"]
    app.world.agenda.run_due()

    assert app.pusher.send_waiting() == 1
    server.shutdown()
    server.server_close()
    app.stop()

    ((path, headers, body, is_free),) = heard
    assert path == f"/channels/jd/{credentials.push_token(CODE)}/?at={clock.now_ms}"
    assert body == json.dumps({"no": number}).encode()
    assert (headers["X-Topic"], headers["Content-Type"]) == ("paid", "application/json")
    assert is_free
    assert app.world.pushes == {}
