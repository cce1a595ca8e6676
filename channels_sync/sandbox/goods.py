"""The demo company 木棉家居: catalogue, bundles, listings and warehouses, as plain data.

The sandbox sells these goods and its warehouse stocks them; the demo seed loads the same list into Order Center.
Money is integer fen, weight grams. No Django here.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

COMPANY = "木棉家居"
SHOP_NAME = "木棉家居旗舰店"
OWNER_CODE = "MUMIAN"


@dataclass(frozen=True)
class Sku:
    """One sellable piece. num_iid and sku_id: its listing in the shop. stock: pieces in each warehouse at the start."""

    code: str
    title: str
    spu: str
    properties: str
    price_fen: int
    floor_fen: int
    weight_g: int
    cid: int
    num_iid: int
    sku_id: int
    stock: int = 50_000


@dataclass(frozen=True)
class Bundle:
    """Several pieces sold as one listing. parts: (SKU code, pieces)."""

    code: str
    title: str
    parts: tuple[tuple[str, int], ...]
    price_fen: int
    cid: int
    num_iid: int
    sku_id: int

    @cached_property
    def floor_fen(self) -> int:
        """The least price at which a bundle may go: the sum of its parts' floors."""
        return sum(SKU_BY_CODE[code].floor_fen * pieces for code, pieces in self.parts)

    @property
    def spu(self) -> str:
        return self.code

    @property
    def properties(self) -> str:
        return "套餐:标准套装"


@dataclass(frozen=True)
class Place:
    """A warehouse. code: as Qimen documents name it (warehouseCode)."""

    code: str
    name: str
    province: str
    city: str
    district: str
    address: str


WAREHOUSES = (
    Place("WH-HZ-01", "杭州仓", "浙江省", "杭州市", "余杭区", "仓前街道余杭塘路1号"),
    Place("WH-GZ-01", "广州仓", "广东省", "广州市", "白云区", "太和镇龙归北路2号"),
    Place("WH-TJ-01", "天津仓", "天津市", "天津市", "武清区", "京滨工业园京滨大道3号"),
)

# spu, title, category, weight_g, variants: (properties, price in yuan)
_RANGE: tuple[tuple[str, str, int, int, tuple[tuple[str, int], ...]], ...] = (
    ("SPU-01", "亚麻靠垫", 50008779, 450, (("燕麦色;45cm", 98), ("雾蓝;45cm", 98), ("墨绿;50cm", 108))),
    ("SPU-02", "棉麻桌布", 50008779, 620, (("米白;140cm", 59), ("格纹;140cm", 69), ("格纹;180cm", 89))),
    ("SPU-03", "水洗棉四件套", 50001871, 2600, (("浅灰;1.5m床", 329), ("浅灰;1.8m床", 359), ("藕粉;1.8m床", 359))),
    ("SPU-04", "长绒棉毛巾", 50010815, 120, (("白色;单条", 26), ("灰蓝;单条", 26), ("三色;3条装", 72))),
    ("SPU-05", "加厚浴巾", 50010815, 480, (("白色;70×140", 79), ("驼色;70×140", 79), ("墨绿;80×160", 99))),
    ("SPU-06", "遮光窗帘", 50001865, 2200, (("灰色;宽2m", 188), ("米色;宽2m", 188), ("藏青;宽3m", 268))),
    ("SPU-07", "短绒地毯", 50001858, 3800, (("米色;120×160", 239), ("灰色;160×230", 399), ("驼色;200×290", 599))),
    ("SPU-08", "乳胶枕", 50001875, 1300, (("低枕;单只", 169), ("高枕;单只", 179), ("儿童;单只", 139))),
    ("SPU-09", "羽丝绒被", 50001868, 2900, (("春秋;150×200", 259), ("冬被;200×230", 399), ("冬被;220×240", 439))),
    ("SPU-10", "全棉床笠", 50001871, 950, (("白色;1.5m床", 119), ("浅灰;1.8m床", 129), ("藕粉;1.8m床", 129))),
    ("SPU-11", "香薰蜡烛", 50012097, 380, (("白茶;180g", 68), ("木质;180g", 68), ("橙花;180g", 72))),
    ("SPU-12", "藤编收纳筐", 50012099, 700, (("小号;原色", 39), ("中号;原色", 55), ("大号;原色", 79))),
    ("SPU-13", "硅藻泥地垫", 50012100, 1500, (("浅灰;40×60", 45), ("米色;40×60", 45), ("浅灰;50×80", 65))),
    ("SPU-14", "陶瓷马克杯", 50012112, 420, (("哑白;350ml", 35), ("雾蓝;350ml", 35), ("焦糖;400ml", 39))),
    ("SPU-15", "樱桃木砧板", 50012113, 1600, (("小号;30cm", 99), ("中号;36cm", 139), ("大号;42cm", 179))),
    ("SPU-16", "防烫隔热垫", 50012114, 150, (("原色;2片装", 19), ("墨绿;2片装", 19), ("原色;4片装", 35))),
    ("SPU-17", "法兰绒毛毯", 50001868, 1100, (("奶咖;100×150", 69), ("雾蓝;150×200", 109), ("奶咖;180×200", 139))),
    ("SPU-18", "棉麻拖鞋", 50012027, 260, (("女款;37-38", 29), ("女款;39-40", 29), ("男款;42-43", 32))),
    ("SPU-19", "玻璃花瓶", 50012098, 900, (("透明;20cm", 49), ("烟灰;25cm", 65), ("琥珀;30cm", 85))),
    ("SPU-20", "棉线挂毯", 50012098, 500, (("月相;50×70", 88), ("山水;70×90", 118), ("抽象;70×100", 128))),
)


def _catalogue() -> tuple[Sku, ...]:
    skus = []
    for spu_no, (spu, title, cid, weight_g, variants) in enumerate(_RANGE, start=1):
        for variant_no, (variant, yuan) in enumerate(variants, start=1):
            colour, size = variant.split(";")
            number = (spu_no - 1) * 3 + variant_no
            price_fen = yuan * 100 + 80
            skus.append(
                Sku(
                    code=f"SKU-{1000 + number}",
                    title=f"{title} {colour} {size}",
                    spu=spu,
                    properties=f"颜色分类:{colour};尺寸:{size}",
                    price_fen=price_fen,
                    floor_fen=price_fen * 6 // 10,
                    weight_g=weight_g,
                    cid=cid,
                    num_iid=680_000_000_000 + spu_no,
                    sku_id=5_100_000_000 + number,
                )
            )
    return tuple(skus)


SKUS = _catalogue()

# The one SKU that is nearly gone: orders planted as OUT_OF_STOCK ask for more of it than all warehouses hold.
SCARCE = Sku(
    code="SKU-1099",
    title="手工蓝染茶席 绝版",
    spu="SPU-99",
    properties="颜色分类:靛蓝;尺寸:30×180",
    price_fen=26_880,
    floor_fen=16_000,
    weight_g=320,
    cid=50008779,
    num_iid=680_000_000_099,
    sku_id=5_100_000_099,
    stock=1,
)
SCARCE_ORDER_QTY = len(WAREHOUSES) + 2


def _craft(number: int, title: str, properties: str, yuan: int, weight_g: int) -> Sku:
    return Sku(
        code=f"SKU-12{number:02d}",
        title=title,
        spu="SPU-88",
        properties=properties,
        price_fen=yuan * 100,
        floor_fen=yuan * 60,
        weight_g=weight_g,
        cid=50012112,
        num_iid=680_000_000_088,
        sku_id=5_100_001_200 + number,
        stock=60,
    )


# Handmade things that only the company's own small warehouse has; the shop in the background does not sell them.
CRAFTS = (
    _craft(1, "手作陶杯 月白", "颜色分类:月白;尺寸:260ml", 88, 320),
    _craft(2, "手作陶杯 青灰", "颜色分类:青灰;尺寸:260ml", 88, 320),
    _craft(3, "手作陶盘 月白", "颜色分类:月白;尺寸:18cm", 108, 540),
    _craft(4, "竹编杯垫 四只装", "颜色分类:原色;尺寸:10cm", 36, 90),
)
OWN_WAREHOUSE = Place("WH-OWN-01", "工作室小仓", "浙江省", "杭州市", "西湖区", "转塘街道象山路8号")

SKU_BY_CODE = {sku.code: sku for sku in (*SKUS, SCARCE, *CRAFTS)}


def _bundle(number: int, title: str, cid: int, *parts: tuple[str, int]) -> Bundle:
    whole = sum(SKU_BY_CODE[code].price_fen * pieces for code, pieces in parts)
    return Bundle(
        code=f"BDL-{2000 + number}",
        title=title,
        parts=parts,
        price_fen=whole * 88 // 100,
        cid=cid,
        num_iid=681_000_000_000 + number,
        sku_id=5_200_000_000 + number,
    )


BUNDLES = (
    _bundle(1, "客厅焕新套装 靠垫2只+毛毯", 50008779, ("SKU-1001", 2), ("SKU-1050", 1)),
    _bundle(2, "浴室三件套 浴巾+毛巾2条", 50010815, ("SKU-1013", 1), ("SKU-1010", 2)),
    _bundle(3, "新居床品套装 四件套+枕头2只", 50001871, ("SKU-1008", 1), ("SKU-1022", 2)),
    _bundle(4, "餐桌套装 桌布+隔热垫+马克杯4只", 50008779, ("SKU-1005", 1), ("SKU-1048", 1), ("SKU-1040", 4)),
    _bundle(5, "收纳筐大中小三只装", 50012099, ("SKU-1034", 1), ("SKU-1035", 1), ("SKU-1036", 1)),
    _bundle(6, "睡前香薰套装 蜡烛+拖鞋", 50012097, ("SKU-1031", 1), ("SKU-1052", 1)),
)
BUNDLE_BY_CODE = {bundle.code: bundle for bundle in BUNDLES}
# What every platform's shop lists.
LISTED: tuple[Sku | Bundle, ...] = (*SKUS, SCARCE, *CRAFTS, *BUNDLES)

# Courier companies as both the shop and the warehouse name them: code -> (platform id, name, form of a waybill number).
CARRIERS: dict[str, tuple[int, str, str]] = {
    "SF": (505, "顺丰速运", "SF{:013d}"),
    "ZTO": (500, "中通快递", "7{:013d}"),
    "YTO": (101, "圆通速递", "YT{:013d}"),
    "YUNDA": (102, "韵达快递", "4{:012d}"),
    "STO": (100, "申通快递", "77{:011d}"),
    "JTSD": (200734385, "极兔速递", "JT{:013d}"),
    "EMS": (2, "EMS", "11{:011d}"),
    "POSTB": (200143, "邮政快递包裹", "99{:011d}"),
    "JD": (1608021499, "京东快递", "JD{:013d}"),
}
