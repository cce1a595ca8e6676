"""The demo company in our books: the goods, shop, warehouses and accounts that the sandbox plays."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from django.db import transaction
from django.utils import timezone

from channels_sync.demo.shop_systems import seed_shop_systems
from channels_sync.demo.shops import seed_further_shops
from channels_sync.models import ChannelAccount
from channels_sync.sandbox import goods
from channels_sync.sandbox.credentials import Credentials
from channels_sync.sandbox.people import BLACKLIST
from finance.matching import business_day_of
from finance.models import ProviderAccount
from fulfillment.models import (
    Barcode,
    Bin,
    Carrier,
    CourierAccount,
    CourierContract,
    CourierProduct,
    CourierRate,
    CourierSla,
    FloorRules,
    TrackingAccount,
    WmsAccount,
)
from ordercenter.catalog.blacklist import blacklist_hash
from ordercenter.catalog.capabilities import write_usual_capabilities
from ordercenter.catalog.models import BlacklistEntry, BlacklistKind, BundlePart, Channel, ListingMatch, Shop, Sku
from ordercenter.common.divisions import code_of
from ordercenter.common.money import from_fen
from ordercenter.inventory.models import ChannelPolicy, Warehouse
from ordercenter.inventory.services import Movement, move_stock, note_changes_of_shop
from ordercenter.inventory.states import MovementReason, WarehouseKind
from ordercenter.orders.services.grading import write_usual_rules
from ordercenter.orders.standard import standard_flows
from ordercenter.workflow.services import install_flows

# First kilogram and each further one, in yuan: near the warehouse, elsewhere. Shaped like a mid-size seller's contract.
_CONTRACTS = {"ZTO": ("3.20", "1.00", "5.60", "2.80"), "SF": ("9.00", "2.00", "14.00", "6.00")}
_NEAR = {
    "WH-HZ-01": ("浙江省", "江苏省", "上海市", "安徽省", "福建省", "江西省"),
    "WH-GZ-01": ("广东省", "广西壮族自治区", "海南省", "湖南省", "云南省", "贵州省"),
    "WH-TJ-01": ("天津市", "北京市", "河北省", "山东省", "山西省", "辽宁省", "内蒙古自治区"),
}


@transaction.atomic
def seed_company(*, credentials: Credentials, sandbox_url: str, site_url: str = "") -> Shop:
    """Write the demo company, or bring its addresses and secrets up to date; stock is put in once.

    site_url: where the played follower of parcels reaches us; without it no parcel is followed and no number asked for.
    """
    install_flows(documents=standard_flows())
    shop = _shop(credentials, sandbox_url)
    skus = _goods(shop)
    seed_further_shops(first=shop, credentials=credentials, sandbox_url=sandbox_url)
    seed_shop_systems(first=shop, credentials=credentials, sandbox_url=sandbox_url)
    _offers()
    write_usual_capabilities()
    write_usual_rules()
    warehouses = _warehouses(credentials, sandbox_url)
    own = _own_warehouse(skus)
    _contracts([*warehouses, own])
    _blacklist()
    _provider(credentials, sandbox_url)
    if site_url:
        _couriers(credentials, sandbox_url, site_url)
    move_stock(
        movements=[
            Movement(
                skus[sku.code].pk,
                warehouse.pk,
                sku.stock,
                MovementReason.COUNT,
                "opening stock",
                f"demo:{sku.code}:{warehouse.code}",
            )
            for sku, places in (
                *((sku, warehouses) for sku in (*goods.SKUS, goods.SCARCE)),
                *((sku, [own]) for sku in goods.CRAFTS),
            )
            for warehouse in places
        ]
    ).raise_first()
    return shop


def _shop(credentials: Credentials, sandbox_url: str) -> Shop:
    channel, _ = Channel.objects.get_or_create(code="tmall", defaults={"name": "天猫"})
    shop, _ = Shop.objects.get_or_create(code="mumian-tmall", defaults={"channel": channel, "name": goods.SHOP_NAME})
    ChannelAccount.objects.update_or_create(
        shop=shop,
        defaults={
            "adapter": "tmall",
            "base_url": f"{sandbox_url}/router/rest",
            "app_key": credentials.top_app_key,
            "secrets": {"secret": credentials.top_secret, "session": credentials.top_session},
        },
    )
    return shop


def _offers() -> None:
    """Every shop offers the whole pool, but shows no more than 200 pieces of anything: of what there is plenty of, the
    platforms are told once, and each sale of what is short.
    """
    for account in ChannelAccount.objects.order_by("pk"):
        _policy, is_new = ChannelPolicy.objects.get_or_create(shop_id=account.shop_id, sku=None, defaults={"cap": 200})
        if is_new:
            note_changes_of_shop(shop_id=account.shop_id)


def _goods(shop: Shop) -> dict[str, Sku]:
    skus = {}
    for item in (*goods.SKUS, goods.SCARCE, *goods.CRAFTS):
        skus[item.code], _ = Sku.objects.get_or_create(
            code=item.code,
            defaults={
                "name": item.title,
                "weight_g": item.weight_g,
                "list_price": from_fen(item.price_fen),
                "floor_price": from_fen(item.floor_fen),
            },
        )
    for kit in goods.BUNDLES:
        bundle, is_new = Sku.objects.get_or_create(
            code=kit.code, defaults={"name": kit.title, "list_price": from_fen(kit.price_fen), "is_bundle": True}
        )
        skus[kit.code] = bundle
        if is_new:
            BundlePart.objects.bulk_create(
                BundlePart(bundle=bundle, part=skus[code], quantity=pieces) for code, pieces in kit.parts
            )
    listings: list[goods.Sku | goods.Bundle] = [*goods.SKUS, goods.SCARCE, *goods.CRAFTS, *goods.BUNDLES]
    ListingMatch.objects.bulk_create(
        [
            ListingMatch(shop=shop, listing_id=str(item.num_iid), listing_sku_id=str(item.sku_id), sku=skus[item.code])
            for item in listings
        ],
        ignore_conflicts=True,
    )
    return skus


def _warehouses(credentials: Credentials, sandbox_url: str) -> list[Warehouse]:
    warehouses = []
    for place in goods.WAREHOUSES:
        warehouse, _ = Warehouse.objects.update_or_create(
            code=place.code,
            defaults={
                "name": place.name,
                "province": place.province,
                "city": place.city,
                "district": place.district,
                "address": place.address,
                "owner_code": goods.OWNER_CODE,
                "customer_id": credentials.qimen_customer_id,
            },
        )
        WmsAccount.objects.update_or_create(
            warehouse=warehouse,
            defaults={
                "base_url": f"{sandbox_url}/router/qimen/service",
                "app_key": credentials.qimen_app_key,
                "secret": credentials.qimen_secret,
            },
        )
        warehouses.append(warehouse)
    return warehouses


def _own_warehouse(skus: dict[str, Sku]) -> Warehouse:
    """A small warehouse of the company's own, worked with the scan pages; only it has the handmade goods."""
    place = goods.OWN_WAREHOUSE
    own, _ = Warehouse.objects.get_or_create(
        code=place.code,
        defaults={
            "name": place.name,
            "province": place.province,
            "city": place.city,
            "district": place.district,
            "address": place.address,
            "kind": WarehouseKind.OWN,
        },
    )
    FloorRules.objects.get_or_create(warehouse=own, defaults={"hot_from": 5, "waves_at": "11:00, 16:30"})
    for number, item in enumerate(goods.CRAFTS, start=1):
        sku = skus[item.code]
        Bin.objects.get_or_create(warehouse=own, sku=sku, defaults={"code": f"A-01-{number:02d}"})
        Barcode.objects.get_or_create(text=f"69012345{number:05d}", defaults={"sku": sku})
    return own


def _contracts(warehouses: list[Warehouse]) -> None:
    """One contract for each warehouse and courier: cheap nearby, dearer everywhere else. Made up, and marked so."""
    for code, (near_first, near_step, far_first, far_step) in _CONTRACTS.items():
        carrier, _ = Carrier.objects.get_or_create(code=code, defaults={"name": goods.CARRIERS[code][1]})
        product, _ = CourierProduct.objects.get_or_create(carrier=carrier, code="standard")
        for warehouse in warehouses:
            if CourierContract.objects.filter(warehouse=warehouse, product=product).exists():
                continue
            contract = CourierContract.objects.create(
                warehouse=warehouse, product=product, valid_from=date(2020, 1, 1), is_sample=True
            )
            near = [code_of(province, "", "")[:2] for province in _NEAR.get(warehouse.code, ())]
            CourierRate.objects.bulk_create(
                CourierRate(
                    contract=contract,
                    zone=zone,
                    first_fee=Decimal(near_first if zone else far_first),
                    step_fee=Decimal(near_step if zone else far_step),
                    days_p90=2 if zone else 4,
                )
                for zone in ("", *near)
            )


def _couriers(credentials: Credentials, sandbox_url: str, site_url: str) -> None:
    """Where waybill numbers come from, and who follows parcels."""
    sender = {
        "sender_name": goods.SHOP_NAME,
        "sender_phone": "0571-86000000",
        "sender_province": "浙江省",
        "sender_city": "杭州市",
        "sender_district": "余杭区",
        "sender_address": "仓前街道文一西路1号",
    }
    top = {"secret": credentials.top_secret, "session": credentials.top_session, "user_id": credentials.seller_id}
    for code, values in {
        "ZTO": {
            "adapter": "cainiao",
            "base_url": f"{sandbox_url}/router/rest",
            "app_key": credentials.top_app_key,
            "secrets": top,
        },
        "SF": {
            "adapter": "sf",
            "base_url": f"{sandbox_url}/std/service",
            "app_key": credentials.sf_partner_id,
            "secrets": {"checkword": credentials.sf_checkword},
            "customer_code": "7551234567",
        },
    }.items():
        carrier = Carrier.objects.get(code=code)
        CourierAccount.objects.update_or_create(carrier=carrier, warehouse=None, defaults={**values, **sender})
    account, _ = TrackingAccount.objects.update_or_create(
        name="快递100",
        defaults={
            "base_url": sandbox_url,
            "customer": credentials.kuaidi100_customer,
            "secrets": {"key": credentials.kuaidi100_key, "salt": credentials.kuaidi100_salt},
        },
    )
    TrackingAccount.objects.filter(pk=account.pk).update(callback_url=f"{site_url}/courier/kuaidi100/{account.pk}/")
    CourierSla.objects.get_or_create(carrier=None, province="")


def _provider(credentials: Credentials, sandbox_url: str) -> None:
    """Where the bills come from; asked for by themselves from the day after the first one."""
    where = {
        "gateway_url": f"{sandbox_url}/gateway.do",
        "app_id": credentials.alipay_app_id,
        "secrets": {
            "private_key": credentials.alipay_app_private_key,
            "alipay_public_key": credentials.alipay_public_key,
        },
    }
    ProviderAccount.objects.update_or_create(
        provider="alipay",
        account=f"{credentials.alipay_seller_id}0156",
        defaults=where,
        create_defaults={**where, "bills_from": business_day_of(timezone.now())},
    )


def _blacklist() -> None:
    # Shops of one's own and Shopify number their customers by themselves: there the phone in clear tells who it is.
    named = [(BlacklistKind.BUYER, buyer.open_uid) for buyer in BLACKLIST]
    named += [(BlacklistKind.PHONE, buyer.mobile) for buyer in BLACKLIST]
    BlacklistEntry.objects.bulk_create(
        [BlacklistEntry(kind=kind, value_hash=blacklist_hash(kind, value), reason="demo") for kind, value in named],
        ignore_conflicts=True,
    )
