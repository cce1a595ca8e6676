"""What couriers tell of parcels, read into scans of one form, and struck clean of names and phones."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from fulfillment.carriers.documents import Scan, TrackingNews
from fulfillment.carriers.errors import TrackingMessageUnreadable
from fulfillment.carriers.kuaidi100 import COMPANIES
from fulfillment.states import ScanKind
from ordercenter.common.gmt8 import parse_gmt8

MOST_SCANS = 200
LONGEST_TEXT = 500
LONGEST_PLACE = 64

# The provider's states; finer codes begin with them, two digits more, but for those named below.
_STATES: Mapping[str, ScanKind] = {
    "0": ScanKind.IN_TRANSIT,
    "1": ScanKind.COLLECTED,
    "2": ScanKind.PROBLEM,
    "3": ScanKind.DELIVERED,
    "4": ScanKind.RETURNED,
    "5": ScanKind.OUT_FOR_DELIVERY,
    "6": ScanKind.RETURNING,
    "7": ScanKind.FORWARDED,
    "8": ScanKind.CUSTOMS,
    "10": ScanKind.CUSTOMS,
    "11": ScanKind.CUSTOMS,
    "12": ScanKind.CUSTOMS,
    "13": ScanKind.PROBLEM,
    "14": ScanKind.REFUSED,
}
_FINER: Mapping[str, ScanKind] = {
    "101": ScanKind.ANNOUNCED,
    "102": ScanKind.ANNOUNCED,
    "103": ScanKind.COLLECTED,
    "203": ScanKind.REFUSED,
    "1001": ScanKind.IN_TRANSIT,
    "1002": ScanKind.IN_TRANSIT,
    "1003": ScanKind.IN_TRANSIT,
}
_WORDS: Mapping[str, ScanKind] = {
    "已下单": ScanKind.ANNOUNCED,
    "待揽收": ScanKind.ANNOUNCED,
    "揽收": ScanKind.COLLECTED,
    "在途": ScanKind.IN_TRANSIT,
    "干线": ScanKind.IN_TRANSIT,
    "派件": ScanKind.OUT_FOR_DELIVERY,
    "签收": ScanKind.DELIVERED,
    "疑难": ScanKind.PROBLEM,
    "退签": ScanKind.RETURNED,
    "退回": ScanKind.RETURNING,
    "拒签": ScanKind.REFUSED,
    "转投": ScanKind.FORWARDED,
    "清关": ScanKind.CUSTOMS,
}
_OPCODES: Mapping[str, ScanKind] = {
    "50": ScanKind.COLLECTED,
    "51": ScanKind.COLLECTED,
    "54": ScanKind.COLLECTED,
    "30": ScanKind.IN_TRANSIT,
    "31": ScanKind.IN_TRANSIT,
    "36": ScanKind.IN_TRANSIT,
    "44": ScanKind.OUT_FOR_DELIVERY,
    "204": ScanKind.OUT_FOR_DELIVERY,
    "80": ScanKind.DELIVERED,
    "8000": ScanKind.DELIVERED,
    "33": ScanKind.PROBLEM,
    "70": ScanKind.PROBLEM,
    "99": ScanKind.RETURNING,
    "648": ScanKind.RETURNED,
}
_CARRIERS: Mapping[str, str] = {company: code for code, company in COMPANIES.items()}

_PHONES = re.compile(
    r"(?<![0-9A-Za-z])(?:\+?86[- ]?)?(?:1[3-9][0-9][- ]?[0-9]{4}[- ]?[0-9]{4}|0[0-9]{2,3}-?[0-9]{7,8})(?![0-9])"
)
_NAMES = re.compile(
    "((?:签收人|收件人|代收人|派[件送]员|快递[员小哥]{1,2}|揽[件收]员|取件员|业务员|收派员)"
    "(?:姓名)?[是为:：【\\[（( ]+)"
    "([\u4e00-\u9fff·]{1,20})"
)


def read_push(document: Mapping[str, Any]) -> TrackingNews:
    """A push of the provider that follows parcels. Raises TrackingMessageUnreadable naming the field."""
    status, last = document.get("status"), document.get("lastResult")
    if not isinstance(status, str) or not status:
        raise TrackingMessageUnreadable(path="param.status", problem="missing")
    if not isinstance(last, dict):
        raise TrackingMessageUnreadable(path="param.lastResult", problem="missing")
    companies = [document.get("comNew"), document.get("comOld")]
    return _news(last, "param.lastResult", status=status, message=_text(document.get("message")), more=companies)


def read_query(document: Mapping[str, Any]) -> TrackingNews:
    """Its answer to a question. Raises TrackingMessageUnreadable."""
    return _news(document, "answer")


def read_sf_routes(document: Mapping[str, Any]) -> list[TrackingNews]:
    """The routes of several parcels, as SF Express tells them. Raises TrackingMessageUnreadable."""
    resps = document.get("routeResps")
    if not isinstance(resps, list):
        raise TrackingMessageUnreadable(path="routeResps", problem="missing")
    found = []
    for at, resp in enumerate(resps):
        path = f"routeResps[{at}]"
        number = resp.get("mailNo") if isinstance(resp, dict) else None
        if not isinstance(number, str) or not number:
            raise TrackingMessageUnreadable(path=f"{path}.mailNo", problem="missing")
        routes = _list(resp.get("routes"), f"{path}.routes")
        scans = [_route(route, f"{path}.routes[{no}]") for no, route in enumerate(routes)]
        found.append(TrackingNews(number[:64], ("SF",), tuple(sorted(scans, key=lambda scan: scan.at))))
    return found


def digest_of(scan: Scan) -> str:
    """What makes a scan the same one when it is told again, by whomever: its kind and its words, without blanks."""
    words = "".join(scan.text.split())
    return hashlib.sha256(f"{scan.kind}\0{words}".encode()).hexdigest()[:32]


def masked(text: str) -> str:
    """The text without names and phone numbers of receivers and couriers: the first character and last digits stay."""
    text = _PHONES.sub(lambda found: "***" + found[0][-4:], text)
    return _NAMES.sub(lambda found: f"{found[1]}{found[2][0]}**", text)


def _news(
    last: Mapping[str, Any], path: str, *, status: str = "", message: str = "", more: Sequence[Any] = ()
) -> TrackingNews:
    number = last.get("nu")
    if not isinstance(number, str) or not 0 < len(number) <= 64:
        raise TrackingMessageUnreadable(path=f"{path}.nu", problem="missing" if not number else "ill_typed")
    rows = _list(last.get("data"), f"{path}.data")
    # The state of the whole tells of the newest scan what its own code does not.
    newest = _STATES.get(str(last.get("state")), ScanKind.IN_TRANSIT)
    scans = [
        _scan(row, f"{path}.data[{at}]", newest if at == 0 else ScanKind.IN_TRANSIT) for at, row in enumerate(rows)
    ]
    carriers = dict.fromkeys(
        _CARRIERS[company] for company in (last.get("com"), *more) if isinstance(company, str) and company in _CARRIERS
    )
    return TrackingNews(number, tuple(carriers), tuple(sorted(scans, key=lambda scan: scan.at)), status, message[:200])


def _scan(row: Any, path: str, otherwise: ScanKind) -> Scan:
    if not isinstance(row, dict):
        raise TrackingMessageUnreadable(path=path, problem="ill_typed")
    code, word = _text(row.get("statusCode")), _text(row.get("status"))
    kind = _FINER.get(code) or _STATES.get(code) or (_STATES.get(code[:-2]) if len(code) > 2 else None)
    return Scan(
        at=_time(row.get("time") or row.get("ftime"), f"{path}.time"),
        kind=kind or _WORDS.get(word) or otherwise,
        text=_text(row.get("context"))[:LONGEST_TEXT],
        place=(_text(row.get("areaName")) or _text(row.get("location")))[:LONGEST_PLACE],
    )


def _route(route: Any, path: str) -> Scan:
    if not isinstance(route, dict):
        raise TrackingMessageUnreadable(path=path, problem="ill_typed")
    return Scan(
        at=_time(route.get("acceptTime"), f"{path}.acceptTime"),
        kind=_OPCODES.get(str(route.get("opCode")), ScanKind.IN_TRANSIT),
        text=_text(route.get("remark"))[:LONGEST_TEXT],
        place=_text(route.get("acceptAddress"))[:LONGEST_PLACE],
    )


def _list(value: Any, path: str) -> list[Any]:
    if value is None:
        return []
    if not isinstance(value, list) or len(value) > MOST_SCANS:
        raise TrackingMessageUnreadable(path=path, problem="ill_typed" if not isinstance(value, list) else "too_many")
    return value


def _time(value: Any, path: str) -> datetime:
    try:
        return parse_gmt8(value if isinstance(value, str) else "")
    except ValueError:
        raise TrackingMessageUnreadable(path=path, problem="ill_typed") from None


def _text(value: Any) -> str:
    return value.strip() if isinstance(value, str) else ""
