"""The real server: over sockets, with its threads, killed and back again."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest

from channels_sync.adapters.base import Tracking, Window
from channels_sync.adapters.tmall import TmallAdapter
from channels_sync.errors import TrackingRefused
from channels_sync.sandbox.control import SandboxControl
from channels_sync.sandbox.credentials import Credentials, load_or_create
from fulfillment.wms.documents import DeliveryConfirm
from fulfillment.wms.qimen import QimenClient, QimenCredentials
from fulfillment.wms.qimen_xml import answer_xml, read_delivery_confirm
from ordercenter.common.gmt8 import parse_gmt8
from ordercenter.common.platform_errors import ChannelUnavailable
from ordercenter.common.top_client import TopClient, TopCredentials
from tests.channels_sync.sandbox.stage import delivery_xml

pytestmark = pytest.mark.processes

ROOT = Path(__file__).parents[3]
LAUNCH = (
    "import sys; from pathlib import Path; from channels_sync.sandbox.server import exec_server;"
    "exec_server(port=int(sys.argv[1]), data_dir=Path(sys.argv[2]), rate_per_min='0', callback_url=sys.argv[3])"
)


class Receiver(BaseHTTPRequestHandler):
    """Our end of the warehouse link."""

    protocol_version = "HTTP/1.1"
    confirms: list[DeliveryConfirm] = []

    def do_POST(self) -> None:
        self.confirms.append(read_delivery_confirm(self.rfile.read(int(self.headers["Content-Length"]))))
        answer = answer_xml(success=True)
        self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(answer), answer))

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""


class Server:
    """A running sandbox of its own."""

    def __init__(self, data_dir: Path, callback_url: str):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.data_dir, self.callback_url = data_dir, callback_url
        self.start()

    def start(self) -> None:
        arguments = [sys.executable, "-c", LAUNCH, str(self.port), str(self.data_dir), self.callback_url]
        environ = {**os.environ, "PYTHONPATH": str(ROOT)}
        self.process = subprocess.Popen(arguments, env=environ, start_new_session=True, stderr=subprocess.DEVNULL)
        with SandboxControl(self.url) as control:
            assert control.wait_ready(timeout_s=30)

    def kill(self) -> None:
        """End the whole group at once, without a farewell."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(timeout=10)

    def stop(self) -> int:
        self.process.terminate()
        return self.process.wait(timeout=20)


@pytest.fixture(scope="module")
def receiver() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/qimen/{{customerId}}/"
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, receiver: str) -> Iterator[Server]:
    server = Server(tmp_path_factory.mktemp("sandbox"), receiver)
    yield server
    assert server.stop() == 0


@pytest.fixture(scope="module")
def keys(server: Server) -> Credentials:
    return load_or_create(server.data_dir)


@pytest.fixture
def control(server: Server) -> Iterator[SandboxControl]:
    with SandboxControl(server.url) as control:
        control.reset()
        yield control


@pytest.fixture
def shop(server: Server, keys: Credentials) -> TmallAdapter:
    link = TopCredentials(keys.top_app_key, keys.top_secret, keys.top_session, f"{server.url}/router/rest")
    return TmallAdapter(TopClient(link, timeout_s=5))


@pytest.fixture
def warehouse(server: Server, keys: Credentials) -> QimenClient:
    address = f"{server.url}/router/qimen/service"
    return QimenClient(QimenCredentials(keys.qimen_app_key, keys.qimen_secret, keys.qimen_customer_id, address))


def wait_for(condition: Callable[[], object], timeout_s: float = 15) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_an_order_goes_all_the_way_over_real_sockets_through_our_own_clients(control, shop, warehouse):
    control.switches(ship_after_s=0.1, receive_after_s=0.1)
    tid = control.create_trade()
    Receiver.confirms.clear()

    notices = shop.consume_messages()
    shop.confirm_messages([notice.message_id for notice in notices.notices])
    (order,) = shop.read_orders([tid]).done
    accepted = warehouse.create_delivery_order(delivery_xml("DO-1", tid=tid))
    repeated = warehouse.create_delivery_order(delivery_xml("DO-1", tid=tid))
    wait_for(lambda: Receiver.confirms)
    (confirm,) = Receiver.confirms
    sent = shop.send_tracking(Tracking(tid, confirm.packages[0].carrier_code, confirm.packages[0].tracking_no))
    again = shop.send_tracking(Tracking(tid, confirm.packages[0].carrier_code, confirm.packages[0].tracking_no))
    wait_for(lambda: control.receipts()[tid]["finished_at"])

    assert [notice.channel_order_no for notice in notices.notices] == [tid, tid]
    assert order.payload["status"] == "WAIT_SELLER_SEND_GOODS"
    assert accepted.warehouse_ref == repeated.warehouse_ref == confirm.warehouse_ref
    assert (sent.outcome, again.outcome) == ("sent", "already_shipped")
    way = control.receipts()[tid]
    assert way["deliveries"] == {"DO-1": 2}
    assert way["paid_at"] <= way["warehouse_at"] <= way["shipped_at"] <= way["tracking_at"] <= way["finished_at"]


def test_a_number_is_changed_and_the_lines_that_left_with_it_have_the_new_one(control, shop):
    tid = control.create_trade()
    shop.send_tracking(Tracking(tid, "SF", "OLD"))

    asked = [shop.change_tracking(Tracking(tid, "YTO", "NEW"), instead_of="OLD").outcome for _ in range(2)]
    with pytest.raises(TrackingRefused, match="no parcel with that number"):
        shop.change_tracking(Tracking(tid, "YTO", "THIRD"), instead_of="OLD")

    assert asked == ["sent", "already_shipped"]
    (order,) = shop.read_orders([tid]).done
    lines = order.payload["orders"]["order"]
    assert {(line["logistics_company"], line["invoice_no"]) for line in lines} == {("YTO", "NEW")}


def test_a_call_without_an_answer_ends_in_a_cut_connection(control, shop):
    tid = control.create_trade()
    control.switches(no_answer=1)

    with pytest.raises(ChannelUnavailable):
        shop.send_tracking(Tracking(tid, "SF", "SF1"))

    control.rest_switches()
    # The deed was done all the same.
    assert control.trade(tid)["trade"]["status"] == "WAIT_BUYER_CONFIRM_GOODS"


def test_a_killed_sandbox_goes_on_where_it_was(server, control, shop, warehouse):
    scenario_id = control.start_scenario(seed=6, orders=400, rate_per_s=200, pay_after_s=0.2, balance_after_s=0.2)
    control.switches(ship_after_s=600)
    wait_for(lambda: control.scenario(scenario_id)["created"] > 100)
    taken = sorted(control.receipts(scenario_id))[:20]
    for tid in taken:
        warehouse.create_delivery_order(delivery_xml(f"DO-{tid}", tid=tid))

    server.kill()
    server.start()
    with SandboxControl(server.url) as control:
        scenario = control.wait_played(scenario_id, timeout_s=30)
        receipts = control.receipts(scenario_id)

    assert (scenario["created"], scenario["paid"]) == (400, 400)
    assert [tid for tid in taken if receipts[tid]["deliveries"] != {f"DO-{tid}": 1}] == []
    assert len(receipts) == 400


def test_many_callers_at_once_get_right_answers_quickly(server, control, shop):
    tids = control.create_trades(count=200)
    failures: list[object] = []

    def read(part: list[str]) -> None:
        result = shop.read_orders(part)
        failures.extend(result.refused)
        if [order.channel_order_no for order in result.done] != part:
            failures.append(part)

    threads = [threading.Thread(target=read, args=(tids[start::8],)) for start in range(8)]
    started = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert failures == []
    assert time.monotonic() - started < 10


def test_changes_are_pulled_through_pages_over_real_sockets(control, shop):
    tids = control.create_trades(count=120)
    newest = parse_gmt8(control.trade(tids[-1])["trade"]["modified"])
    window = Window(newest - timedelta(minutes=10), newest + timedelta(seconds=1))
    seen: set[str] = set()
    cursor = None
    while True:
        page = shop.pull_changed_orders(window, cursor)
        seen.update(order.channel_order_no for order in page.orders)
        cursor = page.next_cursor
        if cursor is None:
            break

    assert seen == set(tids)


def test_a_second_sandbox_in_the_same_folder_does_not_start(server):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]

    arguments = [sys.executable, "-c", LAUNCH, str(port), str(server.data_dir), "http://127.0.0.1:9/"]
    second = subprocess.run(
        arguments, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, timeout=60, check=False
    )

    assert second.returncode != 0
    assert "another sandbox uses" in second.stderr
    assert httpx.get(f"{server.url}/healthz").text == "ok"
