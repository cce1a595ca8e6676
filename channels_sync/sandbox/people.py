"""Buyers and their addresses: realistic, invented, and masked the way TOP masks them.

Phones carry 0000 in the middle so that they belong to nobody. A buyer's open uid and the opaque address id (oaid) are
functions of the person and the address, so that the same buyer at the same address can be recognised although every
receiver field is masked; on the real platform both differ per application, which changes nothing for a reader.
"""

from __future__ import annotations

import csv
import hashlib
import random
import re
from base64 import urlsafe_b64encode
from dataclasses import dataclass, replace
from functools import cache
from itertools import accumulate
from pathlib import Path

import ordercenter.common

_DIVISIONS = Path(ordercenter.common.__file__).parent / "data" / "cn_divisions.csv"
# Parcels to these need papers that the demo does not play.
_NOT_SHIPPED_TO = ("71", "81", "82")
# TOP names the four municipalities without 市 at province level.
_MUNICIPALITIES = {"北京市": "北京", "天津市": "天津", "上海市": "上海", "重庆市": "重庆"}

_SURNAMES = (
    "王李张刘陈杨黄赵吴周徐孙马朱胡郭何林高罗郑梁谢宋唐许韩冯邓曹彭曾肖田董潘袁蔡蒋余于杜叶程魏苏吕丁任卢"
    "姚沈钟姜崔谭陆范汪廖石金韦贾夏付方邹熊白孟秦邱侯江尹薛闫段雷龙黎史陶贺毛郝顾龚邵万覃武钱戴严莫孔向常"
    "汤"
)
_SURNAME_WEIGHTS = tuple(accumulate(1000 // (rank + 8) for rank in range(len(_SURNAMES))))
_GIVEN = (
    "伟芳娜敏静丽强磊军洋勇艳杰涛明超兰霞平刚桂英华玉梅建文婷雪琳晨宇欣怡浩然梓涵子轩雨桐思远佳"
    "宁若溪嘉怡可馨一诺俊熙安然语晴书瑶景行知夏清越云舒"
)
_ROADS = (
    "文三路 中山路 解放路 人民路 建设路 新华路 和平路 友谊路 长江路 黄河路 学院路 科技路 滨河路 迎宾大道 "
    "世纪大道 府前街 东风路 南京路 北京路 朝阳路 青年路 光明路 幸福路 团结路 振兴路 凤凰路 桃园路 湖滨路 金山路 银杏路"
).split()
_ESTATES = (
    "翠苑小区 阳光花园 锦绣家园 绿城雅居 金色港湾 东方明珠苑 江南春晓 紫荆花园 馨月湾 龙湖天街 桂花城 "
    "梧桐里 书香门第 御景园"
).split()
_TOWNS = "城关镇 文新街道 新城街道 东关街道 西湖街道 南山街道 北苑街道 中心街道 开发区街道 河西街道".split()


@dataclass(frozen=True, slots=True)
class Buyer:
    """A buyer with one address, in the clear; masks are made when a document is written."""

    open_uid: str
    name: str
    mobile: str
    state: str
    city: str
    district: str
    town: str
    address: str

    @property
    def oaid(self) -> str:
        return oaid_of(self)


def oaid_of(buyer: Buyer) -> str:
    """The opaque id of this buyer at this address: the same whenever both are the same."""
    clear = "|".join(
        (buyer.open_uid, buyer.name, buyer.mobile, buyer.state, buyer.city, buyer.district, buyer.town, buyer.address)
    )
    return "1" + urlsafe_b64encode(hashlib.blake2b(clear.encode(), digest_size=30, person=b"oaid").digest()).decode()


def invent_buyer(rng: random.Random, *, identity: str) -> Buyer:
    """A buyer with name, phone and a complete address. identity: what makes the open uid unique."""
    state, city, district = _pick_division(rng)
    road, number = rng.choice(_ROADS), rng.randrange(1, 400)
    home = f"{rng.choice(_ESTATES)}{rng.randrange(1, 31)}幢{rng.randrange(1, 5)}单元"
    home += f"{rng.randrange(1, 19)}0{rng.randrange(1, 5)}室"
    return Buyer(
        open_uid="AAH" + urlsafe_b64encode(hashlib.blake2b(identity.encode(), digest_size=18).digest()).decode(),
        name=invent_name(rng),
        mobile=f"1{rng.randrange(3, 10)}{rng.randrange(10)}0000{rng.randrange(10_000):04d}",
        state=state,
        city=city,
        district=district,
        town=rng.choice(_TOWNS) if rng.random() < 0.8 else "",
        address=f"{road}{number}号{home}",
    )


def invent_name(rng: random.Random) -> str:
    """A Chinese name of two or three characters."""
    surname = rng.choices(_SURNAMES, cum_weights=_SURNAME_WEIGHTS)[0]
    return surname + "".join(rng.choices(_GIVEN, k=1 if rng.random() < 0.2 else 2))


def masked_name(name: str) -> str:
    return name[:1] + "**" if name else ""


def masked_mobile(mobile: str) -> str:
    return "*******" + mobile[-4:] if mobile else ""


_ROAD = re.compile(r"[^0-9A-Za-z]*")


def masked_address(address: str) -> str:
    """Up to the house number, then stars. An empty address stays empty: TOP hides what there is, it invents nothing."""
    return _ROAD.match(address)[0] + "***" if address else ""  # type: ignore[index]


@cache
def _divisions() -> tuple[list[list[tuple[str, str, str]]], list[int]]:
    """Per province its (state, city, district) triples as TOP writes them; and the running sum of populations."""
    with _DIVISIONS.open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if not row["code"].startswith(_NOT_SHIPPED_TO)]
    by_code = {row["code"]: row for row in rows}
    provinces: dict[str, list[tuple[str, str, str]]] = {row["code"]: [] for row in rows if row["level"] == "1"}
    for row in rows:
        if row["level"] != "3":
            continue
        parent = by_code[row["parent"]]
        province = parent if parent["level"] == "1" else by_code[parent["parent"]]
        # A county directly under its province has no city of its own: TOP leaves receiver_city empty.
        city = "" if parent is province else parent["name"]
        state = _MUNICIPALITIES.get(province["name"], province["name"])
        provinces[province["code"]].append((state, city, row["name"]))
    weights = accumulate(int(by_code[code]["pop2020_10k"]) for code in provinces)
    return list(provinces.values()), list(weights)


def _pick_division(rng: random.Random) -> tuple[str, str, str]:
    provinces, weights = _divisions()
    return rng.choice(rng.choices(provinces, cum_weights=weights)[0])


def _blacklist() -> tuple[Buyer, ...]:
    # 13, prime to the 60 SKUs: see scenario.py, a blacklisted buyer must not look like a duplicate as well. Their
    # phones are of a range that no other buyer has: shops that know no open uid are told of them by the phone.
    return tuple(
        replace(invent_buyer(random.Random(f"blacklist/{no}"), identity=f"blacklist/{no}"), mobile=f"1200000{no:04d}")
        for no in range(13)
    )


# Buyers whom the demo company does not sell to; the demo seed puts them on Order Center's list.
BLACKLIST = _blacklist()
