"""What the sandbox remembers across a restart, and how two of them share a folder."""

from __future__ import annotations

import os
import stat
from concurrent.futures import ThreadPoolExecutor

import pytest

from channels_sync.sandbox import wsgi
from channels_sync.sandbox.credentials import Credentials, load_or_create
from channels_sync.sandbox.store import Store
from ordercenter.common.errors import Misconfigured
from tests.channels_sync.sandbox.stage import Stage


def test_everything_survives_a_restart_and_goes_on(credentials, clock, tmp_path):
    path = tmp_path / "state.sqlite3"
    before = Stage(credentials, clock, path=path)
    scenario_id = before.control.start_scenario(
        seed=4, orders=60, rate_per_s=20, problem_shares={"REFUND_BEFORE_SHIP": 0.1}, refund_after_s=1
    )
    before.pass_time(1)
    first = min(before.control.receipts(scenario_id))
    before.order_delivery("DO-1", tid=first)
    before.ask("skus.quantity.update", num_iid="680000000001", skuid_quantities="5100000001:7")
    before.control.plant_bill(missing=1)
    state, bill = before.control.state(), before.control.bill()
    before.app.world._store.close()  # no farewell: what is not on disk by now is lost

    after = Stage(credentials, clock, path=path)
    again, bill_again = after.control.state(), after.control.bill()
    after.pass_time(15)
    scenario = after.control.scenario(scenario_id)
    after_names = [query["method"] for _address, query, _body in after.heard]
    after.close()

    assert again == state
    assert bill_again == bill
    assert (scenario["created"], scenario["paid"], scenario["done"]) == (60, 60, True)
    assert sum(entry["refund_id"] != "" for entry in scenario["planted"].values()) == 6
    assert after_names == ["deliveryorder.confirm"]


def test_after_a_restart_unconfirmed_messages_come_again_and_confirmed_ones_do_not(credentials, clock, tmp_path):
    before = Stage(credentials, clock, path=tmp_path / "state.sqlite3")
    before.control.create_trade()
    created, paid = before.consume()
    before.confirm([created])
    before.app.world._store.close()

    after = Stage(credentials, clock, path=tmp_path / "state.sqlite3")
    messages = after.consume()
    after.close()

    assert messages == [paid]


def test_a_confirm_that_was_not_heard_is_sent_again_after_a_restart(credentials, clock, tmp_path):
    before = Stage(credentials, clock, path=tmp_path / "state.sqlite3")
    before.reply = None
    before.order_delivery("DO-1")
    before.pass_time(3)
    before.app.world._store.close()

    after = Stage(credentials, clock, path=tmp_path / "state.sqlite3")
    after.pass_time(0)
    heard = [body for _address, _query, body in after.heard]
    after.close()

    assert heard == [body for _address, _query, body in before.heard]


def test_a_file_of_another_layout_is_left_behind(tmp_path, monkeypatch):
    store = Store(tmp_path / "state.sqlite3")
    store.write({("trade", "1"): "[]"})
    store.close()
    monkeypatch.setattr("channels_sync.sandbox.store.layout", lambda: "Trade(tid)")

    newer = Store(tmp_path / "state.sqlite3")
    found = list(newer.read("trade"))
    newer.close()

    assert found == []


def test_trades_that_ended_days_ago_are_forgotten(stage):
    ended = stage.control.create_trade()
    stage.order_delivery("DO-1", tid=ended)
    stage.pass_time(3)
    stage.top("logistics.offline.send", tid=ended, out_sid="SF1", company_code="SF")
    stage.pass_time(5)
    stage.control.ask_refund(ended)
    waiting = stage.control.create_trade()
    stage.clock.now_ms += 4 * 24 * 3600 * 1000

    assert stage.app.world.forget_old() == 1

    assert list(stage.control.receipts()) == [waiting]
    assert stage.control.state()["deliveries"]["received"] == 0
    assert stage.control.state()["refunds"] == {}
    since = stage.clock.text(-5 * 24 * 3600)
    assert "refunds" not in stage.ask("refunds.receive.get", fields="refund_id", start_modified=since)


def test_credentials_are_made_once_and_are_for_their_owner_only(tmp_path):
    with ThreadPoolExecutor(4) as pool:
        found: list[Credentials] = list(pool.map(lambda _no: load_or_create(tmp_path), range(4)))

    path = tmp_path / "sandbox" / "credentials.json"
    assert found[0] == found[1] == found[2] == found[3] == load_or_create(tmp_path)
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
    assert [entry.name for entry in path.parent.iterdir()] == ["credentials.json"]
    assert found[0].top_secret not in repr(found[0])


def test_a_second_sandbox_in_a_folder_says_so(tmp_path, monkeypatch):
    monkeypatch.setattr(wsgi.time, "sleep", lambda _seconds: None)
    wsgi._own(tmp_path)
    try:
        with pytest.raises(Misconfigured, match="another sandbox uses"):
            wsgi._own(tmp_path)
    finally:
        os.close(wsgi._OWNED.pop())


def test_a_rate_that_is_no_number_is_named(tmp_path, monkeypatch):
    monkeypatch.setenv("OC_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("OC_SANDBOX_RATE", "fast")
    try:
        with pytest.raises(Misconfigured, match="OC_SANDBOX_RATE"):
            wsgi.create_app()
    finally:
        os.close(wsgi._OWNED.pop())
