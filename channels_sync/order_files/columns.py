"""Which heading of a file is which of our columns. Pure: texts in, names out."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from ordercenter.common.sheets import plain_heading

# Our column -> headings that shops, other systems and platforms' exports give it. Of two that a file has, the one
# named first counts.
HEADINGS: Mapping[str, Sequence[str]] = {
    "order_no": (
        "订单号",
        "订单编号",
        "主订单编号",
        "平台单号",
        "原始单号",
        "交易编号",
        "网店单号",
        "单号",
        "order no",
        "order number",
        "order_no",
        "order id",
    ),
    "line_no": ("子订单编号", "子订单号", "商品行号", "行号", "line no", "line_no", "line"),
    "placed_at": (
        "下单时间",
        "订单创建时间",
        "创建时间",
        "拍下时间",
        "下单日期",
        "placed at",
        "order date",
        "created at",
    ),
    "paid_at": ("付款时间", "支付时间", "订单付款时间", "付款日期", "paid at", "payment date"),
    "status": ("订单状态", "付款状态", "状态", "status"),
    "sku": (
        "商家编码",
        "SKU编码",
        "SKU代码",
        "商品编码",
        "规格编码",
        "货号",
        "外部编码",
        "sku",
        "sku code",
        "sku_code",
    ),
    "title": ("商品名称", "商品标题", "宝贝标题", "品名", "标题", "title", "product"),
    "quantity": ("数量", "购买数量", "商品数量", "宝贝数量", "件数", "quantity", "qty"),
    "unit_price": ("单价", "商品单价", "销售单价", "价格", "商品价格", "unit price", "price"),
    "line_amount": ("小计", "行金额", "商品金额", "商品实付", "line amount", "amount"),
    "discount": ("优惠金额", "优惠", "折扣金额", "订单优惠", "discount"),
    "freight": ("运费", "邮费", "应收邮费", "快递费", "freight", "shipping"),
    "total": ("订单金额", "实付金额", "买家实付", "买家实际支付金额", "应付金额", "总金额", "合计", "total"),
    "name": ("收货人", "收件人", "收货人姓名", "收件人姓名", "姓名", "receiver", "name"),
    "phone": (
        "手机",
        "手机号",
        "收货人手机",
        "收件人手机",
        "联系手机",
        "电话",
        "联系电话",
        "收件人电话",
        "phone",
        "mobile",
    ),
    "province": ("省", "省份", "收货省份", "收件省", "province", "state"),
    "city": ("市", "城市", "收货城市", "收件市", "city"),
    "district": ("区", "区县", "区/县", "县", "区域", "收件区", "district"),
    "town": ("街道", "乡镇", "街道/乡镇", "town"),
    "address": ("收货地址", "详细地址", "收件地址", "收货人地址", "收件人地址", "地址", "address"),
    "zip_code": ("邮编", "邮政编码", "zip", "zip code", "postcode"),
    "buyer": ("买家会员名", "买家昵称", "买家账号", "买家", "会员名", "客户", "buyer"),
    "buyer_remark": ("买家留言", "买家备注", "留言", "buyer remark", "note from buyer"),
    "seller_remark": ("卖家备注", "商家备注", "客服备注", "备注", "remark", "note"),
    "payment_provider": ("支付方式", "付款方式", "支付渠道", "payment method"),
    "payment_no": (
        "支付单号",
        "支付流水号",
        "交易流水号",
        "支付宝交易号",
        "付款流水号",
        "transaction",
        "transaction number",
    ),
}
LABELS: Mapping[str, str | Promise] = {
    "order_no": _("order number"),
    "line_no": _("number of the line"),
    "placed_at": _("placed at"),
    "paid_at": _("paid at"),
    "status": _("status"),
    "sku": _("SKU code"),
    "title": _("title"),
    "quantity": _("quantity"),
    "unit_price": _("unit price"),
    "line_amount": _("amount of the line"),
    "discount": _("discount of the order"),
    "freight": _("freight"),
    "total": _("total of the order"),
    "name": _("receiver"),
    "phone": _("phone"),
    "province": _("province"),
    "city": _("city"),
    "district": _("district"),
    "town": _("town"),
    "address": _("address"),
    "zip_code": _("zip code"),
    "buyer": _("buyer"),
    "buyer_remark": _("buyer's remark"),
    "seller_remark": _("seller's remark"),
    "payment_provider": _("payment provider"),
    "payment_no": _("transaction number"),
}
NEEDED = ("order_no", "sku", "quantity", "name", "phone", "address")
# One of these has to be there, or nobody knows what anything costs.
PRICES = ("unit_price", "line_amount")
# Titles and notes may stand above the heading.
HEAD_ROWS = 20


def columns_of(headings: Sequence[str], saved: Mapping[str, str] | None = None) -> dict[str, str]:
    """Our columns that these headings have: our name -> heading. saved: what a person matched before, first of all.

    An empty heading in saved: that column of ours is not to be looked for. A heading stands for one column only.
    """
    there = {plain_heading(cell): cell for cell in reversed(headings) if cell.strip()}
    found: dict[str, str] = {}
    taken: set[str] = set()
    chosen = saved or {}
    for ours in sorted(HEADINGS, key=lambda name: name not in chosen):
        wanted: Sequence[str] = HEADINGS[ours]
        if ours in chosen:
            wanted = [chosen[ours]] if chosen[ours] in headings else [*wanted] if chosen[ours] else []
        name = next((plain_heading(one) for one in wanted if plain_heading(one) in there), None)
        if name is not None and name not in taken:
            taken.add(name)
            found[ours] = there[name]
    return {ours: found[ours] for ours in HEADINGS if ours in found}


def heading_row(rows: Sequence[tuple[int, Sequence[str]]], saved: Sequence[str] = ()) -> int:
    """The number of the row that heads the columns: of the first rows the one with most headings that we know.

    saved: headings of the shop's last files, known as well. 0 for no rows.
    """
    known = {plain_heading(name) for names in HEADINGS.values() for name in names} | {plain_heading(s) for s in saved}
    best, found = -1, 0
    for number, cells in rows[:HEAD_ROWS]:
        score = sum(plain_heading(cell) in known for cell in cells if cell.strip())
        if score > best:
            best, found = score, number
    return found


def missing_of(columns: Mapping[str, str]) -> list[str]:
    """Columns of ours without which nothing can be taken in."""
    lacks = [name for name in NEEDED if name not in columns]
    return lacks if any(name in columns for name in PRICES) else [*lacks, "unit_price"]


def fingerprint_of(headings: Sequence[str]) -> str:
    """By which a kind of file is known again: its headings, in their order."""
    text = "\x1f".join(plain_heading(heading) for heading in headings)
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()
