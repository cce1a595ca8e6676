"""A client for the sandbox's remote control, for play_day, bench and tests."""

from __future__ import annotations

import time
from typing import Any

import httpx

from ordercenter.common.errors import OrderCenterError


class SandboxRefused(OrderCenterError):
    """The sandbox did not do what its remote control asked for. problem: its own words."""

    code = "channels.sandbox_refused"
    status = 502

    def __init__(self, *, path: str, status_code: int, problem: str):
        super().__init__(f"{path}: {status_code} {problem}")
        self.path, self.status_code, self.problem = path, status_code, problem


class SandboxControl:
    """One sandbox, by its address such as http://127.0.0.1:8900. Use as a context manager or call close()."""

    def __init__(self, base_url: str, *, timeout_s: float = 60, transport: httpx.BaseTransport | None = None):
        """transport: how to reach it otherwise than over HTTP, e.g. httpx.WSGITransport in tests."""
        self._client = httpx.Client(base_url=base_url, timeout=timeout_s, trust_env=False, transport=transport)

    def __enter__(self) -> SandboxControl:
        return self

    def __exit__(self, *_args: object) -> None:
        self.close()

    def close(self) -> None:
        self._client.close()

    def is_ready(self) -> bool:
        """Whether it answers."""
        try:
            return self._client.get("/healthz").status_code == 200
        except httpx.TransportError:
            return False

    def wait_ready(self, *, timeout_s: float = 30) -> bool:
        """Wait until it answers; False when it does not in time."""
        deadline = time.monotonic() + timeout_s
        while not self.is_ready():
            if time.monotonic() > deadline:
                return False
            time.sleep(0.05)
        return True

    def start_scenario(self, *, seed: int, orders: int, **spec: Any) -> str:
        """Play a day; further names are those of scenario.Spec (bill as an object). Returns the scenario's id."""
        return str(self._post("scenario", {"seed": seed, "orders": orders, **spec})["id"])

    def progress(self, scenario_id: str) -> dict[str, Any]:
        """orders, created, paid, done."""
        return self._get(f"progress/{scenario_id}")

    def scenario(self, scenario_id: str) -> dict[str, Any]:
        """How far it is, and what is planted: planted {order no: {"code", ...}}, bill [{"kind", "order_no", ...}]."""
        return self._get(f"scenario/{scenario_id}")

    def wait_played(self, scenario_id: str, *, timeout_s: float = 600, all_paid: bool = True) -> dict[str, Any]:
        """Wait until all orders of a scenario appeared (and are paid); returns the scenario as it is then."""
        deadline = time.monotonic() + timeout_s
        while True:
            now = self.progress(scenario_id)
            if now["done"] and (not all_paid or now["paid"] >= now["orders"]):
                return self.scenario(scenario_id)
            if time.monotonic() > deadline:
                raise TimeoutError(f"scenario {scenario_id}: {now['paid']} of {now['orders']} paid")
            time.sleep(0.1)

    def switches(self, **wanted: Any) -> dict[str, Any]:
        """Set these switches (see switches.Switches) and return all; without any, just read them."""
        return self._post("switches", wanted) if wanted else self._get("switches")

    def rest_switches(self, **wanted: Any) -> dict[str, Any]:
        """All switches back to how the sandbox was started, then these."""
        return self._post("switches", {"reset": True, **wanted})

    def state(self) -> dict[str, Any]:
        """Counts: trades, messages_waiting, refunds, deliveries, tracking, payments, scenarios."""
        return self._get("state")

    def receipts(self, scenario_id: str = "") -> dict[str, dict[str, Any]]:
        """Per order number the instants of its way: paid_at, message_at, read_at, warehouse_at, shipped_at, ..."""
        return self._get("receipts", {"scenario": scenario_id} if scenario_id else None)

    def reset(self) -> None:
        """Forget everything that was played; switches rest."""
        self._post("reset", {})

    def create_trades(self, **wanted: Any) -> list[str]:
        """Make trades, paid unless paid=False; see control_trades.TradeControl.make. Returns their numbers."""
        return list(self._post("trade", wanted)["tids"])

    def create_trade(self, **wanted: Any) -> str:
        """Make one trade; returns its number."""
        return self.create_trades(**wanted)[0]

    def trade(self, tid: str) -> dict[str, Any]:
        """One trade in the clear, with its way."""
        return self._get(f"trade/{tid}")

    def pay(self, tid: str) -> dict[str, Any]:
        return self._post(f"pay/{tid}", {})

    def close_trade(self, tid: str) -> dict[str, Any]:
        return self._post(f"close/{tid}", {})

    def receive(self, tid: str) -> dict[str, Any]:
        return self._post(f"receive/{tid}", {})

    def change_memo(self, tid: str, memo: str, *, flag: int = 0) -> dict[str, Any]:
        return self._post(f"memo/{tid}", {"memo": memo, "flag": flag})

    def repeat_message(self, tid: str, *, fact: str = "paid", times: int = 1) -> None:
        """Let the platform tell this about the trade again (fact: platforms.Fact)."""
        self._post(f"message/{tid}", {"fact": fact, "times": times})

    def pushes(self) -> dict[str, Any]:
        """waiting: what platforms still bring to our door; given_up: how many they no longer bring."""
        return self._get("pushes")

    def change_number(self, tid: str, *, old: str, waybill: str, carrier: str) -> dict[str, Any]:
        return self._post(f"number/{tid}", {"old": old, "waybill": waybill, "carrier": carrier})

    def split(self, tid: str) -> list[str]:
        """The platform splits a paid order; returns the numbers of the parts, one for each line."""
        return list(self._post(f"split/{tid}", {})["tids"])

    def ask_refund(self, tid: str, **wanted: Any) -> str:
        """The buyer wants money back for a line (oid, the first unless said); returns the refund's number.

        wanted: oid, reason, kind, num, fee (see trades.Refund).
        """
        return str(self._post(f"refund/{tid}", wanted)["refund_id"])

    def decide_refund(self, refund_id: str, decision: str) -> dict[str, Any]:
        """decision: agree, refuse or close."""
        return self._post(f"refund/{refund_id}/{decision}", {})

    def send_back(self, refund_id: str, *, waybill: str, carrier: str) -> dict[str, Any]:
        """The buyer sends the goods of an agreed return."""
        return self._post(f"refund/{refund_id}/back", {"waybill": waybill, "carrier": carrier})

    def move_parcel(self, number: str, *, steps: int = 1, refuse: bool = False, again: bool = False) -> dict[str, Any]:
        """Let a followed parcel go on; refuse: the receiver will not take it; again: the last push comes once more."""
        return self._post(f"parcel/{number}", {"steps": steps, "refuse": refuse, "again": again})

    def listed(self, sku: str) -> dict[str, dict[str, Any]]:
        """What each platform shows as left of these goods: quantity, and the instant at which it was set last."""
        return self._get(f"listed/{sku}")

    def shipped(self) -> dict[str, dict[str, int]]:
        """Pieces that have left the warehouses, by warehouse and item code."""
        return self._get("shipped")

    def bill(self, day: str = "") -> dict[str, Any]:
        """What the bill of a day (yyyy-mm-dd, today unless said) holds, with its planted differences."""
        return self._get("bill", {"day": day} if day else None)

    def plant_bill(self, **wanted: Any) -> list[dict[str, Any]]:
        """Plant differences among the payments of a day: missing, extra, amount_off, fee_off, day, seed."""
        return list(self._post("bill", wanted)["differences"])

    def _get(self, path: str, params: dict[str, str] | None = None) -> dict[str, Any]:
        return self._read(path, self._client.get(f"/control/{path}", params=params))

    def _post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        return self._read(path, self._client.post(f"/control/{path}", json=body))

    @staticmethod
    def _read(path: str, response: httpx.Response) -> dict[str, Any]:
        if response.status_code != 200:
            raise SandboxRefused(path=path, status_code=response.status_code, problem=response.text[:500])
        content: dict[str, Any] = response.json()
        return content
