"""What each platform allows, in one place: what merge, split and report obey, and what people read.

A value comes with the reason why it is so and with its source: the platform's own call or field. Where nobody could
check a fact against the platform's documents, it says so (`is_checked`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.utils.translation import gettext_lazy as _

if TYPE_CHECKING:
    from django_stubs_ext import StrPromise


@dataclass(frozen=True, slots=True)
class Fact:
    """value: yes or no, or words where neither says enough. source: the platform's call or field, "" for our choice."""

    value: bool | StrPromise
    why: StrPromise
    source: str = ""
    is_checked: bool = True


@dataclass(frozen=True, slots=True)
class Aspect:
    """One thing to ask of every platform. group: see GROUPS."""

    key: str
    group: str
    label: StrPromise


GROUPS: Mapping[str, StrPromise] = {
    "parcels": _("Parcels and numbers"),
    "together": _("Orders in one parcel"),
    "buyers": _("Buyer data"),
    "stock": _("Stock and remarks"),
    "messages": _("Messages"),
}

ASPECTS = (
    Aspect("splits_by_line", "parcels", _("parcels by line")),
    Aspect("splits_by_quantity", "parcels", _("parcels by pieces")),
    Aspect("many_numbers_per_line", "parcels", _("several numbers for a line")),
    Aspect("changes_number", "parcels", _("number can be changed")),
    Aspect("merges_by_opaque_id", "together", _("merges by address id")),
    Aspect("merges_by_address", "together", _("merges by clear address")),
    Aspect("shares_number", "together", _("one number for several orders")),
    Aspect("exports_buyers", "buyers", _("buyer data may leave in files")),
    Aspect("decrypts_buyers", "buyers", _("clear buyer data on request")),
    Aspect("remarks", "stock", _("seller's remark and flag")),
    Aspect("stock", "stock", _("stock numbers")),
    Aspect("pushes", "messages", _("messages of changes")),
)

_CLEAR = _("The platform gives the receiver in clear; what leaves in a file is under the shop's own duties.")
_MASKED = _(
    "The platform gives the receiver masked and forbids taking buyer data out in files; what we export stays masked."
)
_SEVERAL_ORDERS = _("Each order is reported by itself; two may name one parcel.")
_OWN_STORE = _("The store is the seller's own: parcels of any lines and pieces are kept with the order.")
_NO_OPAQUE_ID = _("The platform gives clear addresses and no masked address id.")
_MASKED_ADDRESS = _("Clear addresses are compared where the platform gives them; masked ones are told by their id.")

TMALL: Mapping[str, Fact] = {
    "splits_by_line": Fact(
        True,
        _("The smallest thing the platform takes is a sub-order: several lines may have one number each."),
        "taobao.logistics.offline.send: sub_tid, is_split",
    ),
    "splits_by_quantity": Fact(
        False,
        _("The report names sub-orders without a count: a line that leaves in two parcels is told with the first."),
        "taobao.logistics.offline.send",
    ),
    "many_numbers_per_line": Fact(
        False, _("A sub-order that is shipped takes no second number."), "taobao.logistics.offline.send"
    ),
    "changes_number": Fact(
        True,
        _("A number that is reported can be sent again with another one. Until when is not checked."),
        "taobao.logistics.consign.resend",
        is_checked=False,
    ),
    "merges_by_opaque_id": Fact(
        True, _("Orders with one oaid of one buyer have one receiver."), "taobao.trade.fullinfo.get: oaid"
    ),
    "merges_by_address": Fact(True, _MASKED_ADDRESS),
    "shares_number": Fact(True, _SEVERAL_ORDERS, "taobao.logistics.offline.send", is_checked=False),
    "exports_buyers": Fact(False, _MASKED, "receiver_*: masked"),
    "decrypts_buyers": Fact(
        False, _("Waybills are made with the oaid; the clear address does not come to us."), "oaid"
    ),
    "remarks": Fact(
        False, _("Memo and flag are read; ours are not written to this platform yet."), "seller_memo, flag"
    ),
    "stock": Fact(
        _("whole or change, 20 a call"),
        _("Whole numbers and changes, up to 20 SKUs of one listing a call. We send whole numbers: repeating is safe."),
        "taobao.skus.quantity.update",
    ),
    "pushes": Fact(
        _("kept for us to take"),
        _("Messages name what changed and wait until they are confirmed; the order is read back."),
        "taobao.tmc.messages.consume",
    ),
}

JD: Mapping[str, Fact] = {
    "splits_by_line": Fact(
        False,
        _("The report names the whole order: it is made with the first parcel. JD itself splits orders before."),
        "jingdong.pop.order.shipment",
    ),
    "splits_by_quantity": Fact(
        False, _("The report names the whole order and no count of lines."), "jingdong.pop.order.shipment"
    ),
    "many_numbers_per_line": Fact(
        False,
        _("Several numbers of one order go in one report only, and none may follow: the first parcel's is told."),
        "jingdong.pop.order.shipment: logiNo",
        is_checked=False,
    ),
    "changes_number": Fact(
        False,
        _("No call of today's interface is known for it: correct the number in the platform's own back office."),
        "360buy.order.sop.waybill.update",
        is_checked=False,
    ),
    "merges_by_opaque_id": Fact(
        True, _("Orders with one oaid have one receiver."), "consigneeInfo: oaid", is_checked=False
    ),
    "merges_by_address": Fact(True, _MASKED_ADDRESS),
    "shares_number": Fact(True, _SEVERAL_ORDERS, "jingdong.pop.order.shipment", is_checked=False),
    "exports_buyers": Fact(False, _MASKED, "jingdong.pop.order.enGet", is_checked=False),
    "decrypts_buyers": Fact(False, _("No call for it is connected: what JD masks stays masked here.")),
    "remarks": Fact(
        True, _("The remark and its flag are written in one call."), "jingdong.pop.order.modifyVenderRemark"
    ),
    "stock": Fact(
        _("whole, one a call"),
        _("Whole numbers only, one SKU a call; goods in JD's own warehouses are not ours to tell."),
        "jingdong.ware.stock.sku.set",
    ),
    "pushes": Fact(
        False,
        _("Its message queue is a product of its own and not connected: changes are pulled every few seconds."),
        "JMQ, JCQ",
        is_checked=False,
    ),
}

DOUYIN: Mapping[str, Fact] = {
    "splits_by_line": Fact(
        True, _("A parcel names the lines that are in it."), "order.logisticsAddSinglePack: shipped_order_info"
    ),
    "splits_by_quantity": Fact(
        True,
        _("A parcel names how many pieces of each line are in it."),
        "order.logisticsAddSinglePack: shipped_num",
    ),
    "many_numbers_per_line": Fact(
        True, _("Further parcels may hold further pieces of a line."), "order.logisticsAddSinglePack"
    ),
    "changes_number": Fact(
        True,
        _("A reported parcel can be corrected. Until when is not checked."),
        "order.logisticsEdit, order.logisticsEditByPack",
        is_checked=False,
    ),
    "merges_by_opaque_id": Fact(
        True, _("Orders with one open_address_id have one receiver."), "open_address_id", is_checked=False
    ),
    "merges_by_address": Fact(True, _MASKED_ADDRESS),
    "shares_number": Fact(True, _("Several orders may be in one parcel."), "order.logisticsAddSinglePack"),
    "exports_buyers": Fact(False, _MASKED, "encrypt_post_receiver, encrypt_post_tel"),
    "decrypts_buyers": Fact(
        _("metered by the platform"),
        _("Up to 50 texts a call against the shop's quota, which is not told to us; not connected yet."),
        "order.batchDecrypt",
    ),
    "remarks": Fact(True, _("The remark and a star from 1 to 5 are written in one call."), "order.addOrderRemark"),
    "stock": Fact(
        _("whole or change, by listing"),
        _("The SKUs of one listing go in one call that is taken whole or not at all. We send whole numbers."),
        "sku.syncStockBatch",
    ),
    "pushes": Fact(
        True, _("Signed messages of orders and after-sales come to our door; the order is read back."), "event-sign"
    ),
}

WECHAT_SHOP: Mapping[str, Fact] = {
    "splits_by_line": Fact(True, _("A parcel names its products."), "channels/ec/order/delivery/send: product_infos"),
    "splits_by_quantity": Fact(
        True, _("A parcel names how many of each product are in it."), "channels/ec/order/delivery/send: product_cnt"
    ),
    "many_numbers_per_line": Fact(
        True, _("Further parcels may hold further pieces of a product."), "channels/ec/order/delivery/send"
    ),
    "changes_number": Fact(
        True,
        _("Once, and only for an order that left whole in one parcel."),
        "channels/ec/order/deliveryinfo/update",
        is_checked=False,
    ),
    "merges_by_opaque_id": Fact(
        True, _("Orders with one hash_code have one receiver."), "address_info: hash_code", is_checked=False
    ),
    "merges_by_address": Fact(True, _MASKED_ADDRESS),
    "shares_number": Fact(True, _SEVERAL_ORDERS, "channels/ec/order/delivery/send", is_checked=False),
    "exports_buyers": Fact(False, _MASKED, "address_info", is_checked=False),
    "decrypts_buyers": Fact(False, _("No call for it is connected: what the platform masks stays masked here.")),
    "remarks": Fact(
        True, _("The remark is written over what stands there; the platform has no flag."), "merchant_notes"
    ),
    "stock": Fact(
        _("whole or change, one a call"),
        _("One SKU a call, whole numbers or changes. We send whole numbers: repeating is safe."),
        "channels/ec/product/stock/update: diff_type",
        is_checked=False,
    ),
    "pushes": Fact(
        True,
        _("Encrypted messages of orders and after-sales come to our door; the order is read back."),
        "channels_ec_order_*, channels_ec_aftersale_update",
    ),
}

SHOPIFY: Mapping[str, Fact] = {
    "splits_by_line": Fact(True, _("A fulfillment names its lines."), "fulfillments: line_items_by_fulfillment_order"),
    "splits_by_quantity": Fact(True, _("A fulfillment names how many of each line are in it."), "fulfillments"),
    "many_numbers_per_line": Fact(True, _("Further fulfillments may hold further pieces of a line."), "fulfillments"),
    "changes_number": Fact(True, _("A fulfillment's number can be replaced at any time."), "update_tracking"),
    "merges_by_opaque_id": Fact(False, _NO_OPAQUE_ID),
    "merges_by_address": Fact(True, _("Orders of one buyer to one clear address have one receiver.")),
    "shares_number": Fact(True, _SEVERAL_ORDERS, "fulfillments"),
    "exports_buyers": Fact(True, _CLEAR),
    "decrypts_buyers": Fact(True, _("Nothing is encrypted: the clear address comes with the order.")),
    "remarks": Fact(True, _("The remark goes below the buyer's note, the flag among the tags."), "orders: note, tags"),
    "stock": Fact(
        _("whole or change, one a call"),
        _("One SKU at one location a call. We send whole numbers: repeating is safe."),
        "inventory_levels/set",
    ),
    "pushes": Fact(True, _("Signed messages bring the whole order to our door."), "X-Shopify-Hmac-Sha256"),
}

WOOCOMMERCE: Mapping[str, Fact] = {
    "splits_by_line": Fact(True, _OWN_STORE, "_wc_shipment_tracking_items"),
    "splits_by_quantity": Fact(True, _OWN_STORE, "_wc_shipment_tracking_items"),
    "many_numbers_per_line": Fact(True, _OWN_STORE, "_wc_shipment_tracking_items"),
    "changes_number": Fact(True, _OWN_STORE, "_wc_shipment_tracking_items"),
    "merges_by_opaque_id": Fact(False, _NO_OPAQUE_ID),
    "merges_by_address": Fact(True, _("Orders of one buyer to one clear address have one receiver.")),
    "shares_number": Fact(True, _SEVERAL_ORDERS, "_wc_shipment_tracking_items"),
    "exports_buyers": Fact(True, _CLEAR),
    "decrypts_buyers": Fact(True, _("Nothing is encrypted: the clear address comes with the order.")),
    "remarks": Fact(
        True, _("Remark and flag go into the order's meta, the remark also as a note."), "orders: meta_data"
    ),
    "stock": Fact(
        _("whole, one a call"),
        _("One product or variation a call, whole numbers."),
        "products: stock_quantity",
    ),
    "pushes": Fact(True, _("Signed messages bring the whole order to our door."), "X-WC-Webhook-Signature"),
}

# Pinduoduo is not connected; its orders come by file or by a shop's own system.
PDD: Mapping[str, Fact] = {
    "splits_by_line": Fact(False, _("The platform takes one report for an order."), is_checked=False),
    "splits_by_quantity": Fact(False, _("The platform takes one report for an order."), is_checked=False),
    "many_numbers_per_line": Fact(False, _("The platform takes one report for an order."), is_checked=False),
    "changes_number": Fact(True, _("A number that is reported can be replaced."), is_checked=False),
    "merges_by_opaque_id": Fact(
        True, _("The platform tells which orders may be merged."), "pdd.order.merge.ship.order.group", is_checked=False
    ),
    "merges_by_address": Fact(True, _MASKED_ADDRESS, is_checked=False),
    "shares_number": Fact(True, _SEVERAL_ORDERS, is_checked=False),
    "exports_buyers": Fact(False, _MASKED, is_checked=False),
    "decrypts_buyers": Fact(False, _("The platform is not connected.")),
    "remarks": Fact(False, _("The platform is not connected.")),
    "stock": Fact(False, _("The platform is not connected.")),
    "pushes": Fact(False, _("The platform is not connected.")),
}

_OWN = _("A channel of your own takes whatever we tell it; a connector may say less.")
OWN: Mapping[str, Fact] = {
    "splits_by_line": Fact(True, _OWN),
    "splits_by_quantity": Fact(True, _OWN),
    "many_numbers_per_line": Fact(True, _OWN),
    "changes_number": Fact(
        False, _("No connector carries another number yet: correct it in the other system by hand.")
    ),
    "merges_by_opaque_id": Fact(False, _NO_OPAQUE_ID),
    "merges_by_address": Fact(True, _("Orders of one buyer to one clear address have one receiver.")),
    "shares_number": Fact(True, _OWN),
    "exports_buyers": Fact(True, _("The buyers are your own; what leaves in a file is under your own duties.")),
    "decrypts_buyers": Fact(True, _("Nothing is encrypted: the clear address comes with the order.")),
    "remarks": Fact(_("as its connector says"), _OWN),
    "stock": Fact(_("as its connector says"), _OWN),
    "pushes": Fact(_("as its connector says"), _OWN),
}

FACTS: Mapping[str, Mapping[str, Fact]] = {
    "tmall": TMALL,
    "taobao": TMALL,
    "jd": JD,
    "pdd": PDD,
    "douyin": DOUYIN,
    "wechat_shop": WECHAT_SHOP,
    "shopify": SHOPIFY,
    "woocommerce": WOOCOMMERCE,
}


def facts_of(channel_code: str) -> Mapping[str, Fact]:
    """By aspect, for channels of this code; one that we do not know (a counter, an interface) is the seller's own."""
    return FACTS.get(channel_code, OWN)
