"""Freight rates become contracts: one for each warehouse and courier, since ever, with a zone for each province."""

from datetime import date

from django.db import migrations

from ordercenter.common.divisions import code_of

SINCE_EVER = date(2000, 1, 1)


def make_contracts(apps, schema_editor):
    FreightRate = apps.get_model("fulfillment", "FreightRate")
    CourierProduct = apps.get_model("fulfillment", "CourierProduct")
    CourierContract = apps.get_model("fulfillment", "CourierContract")
    CourierRate = apps.get_model("fulfillment", "CourierRate")
    zones = {rate.pk: code_of(rate.province, "", "")[:2] for rate in FreightRate.objects.all()}
    unknown = [f"{rate.pk} {rate.province}" for rate in FreightRate.objects.exclude(province="") if not zones[rate.pk]]
    if unknown:
        # Nothing is lost silently: until these names are mended, the rates stay where they are.
        raise ValueError(f"freight rates that name no province, correct or delete them first: {'; '.join(unknown)}")
    contracts = {}
    for rate in FreightRate.objects.order_by("id"):
        key = (rate.warehouse_id, rate.carrier_id)
        if key not in contracts:
            product, _ = CourierProduct.objects.get_or_create(carrier_id=rate.carrier_id, code="standard")
            contracts[key] = CourierContract.objects.create(
                warehouse_id=rate.warehouse_id, product=product, valid_from=SINCE_EVER
            )
        # "浙江" and "浙江省" are one zone. The router took the cheaper of the two; so does the contract.
        fees = {
            "first_weight_g": rate.first_weight_g,
            "first_fee": rate.first_fee,
            "step_weight_g": rate.step_weight_g,
            "step_fee": rate.step_fee,
            # They promised nothing; with days of our own invention orders would seem late.
            "days_p90": 0,
        }
        made, is_new = CourierRate.objects.get_or_create(contract=contracts[key], zone=zones[rate.pk], defaults=fees)
        if not is_new and rate.first_fee < made.first_fee:
            CourierRate.objects.filter(pk=made.pk).update(**fees)


def drop_contracts(apps, schema_editor):
    """The freight rates are still there: only what was made of them goes."""
    apps.get_model("fulfillment", "CourierContract").objects.filter(valid_from=SINCE_EVER, number="").delete()


class Migration(migrations.Migration):

    dependencies = [
        ("fulfillment", "0008_courier_contracts"),
    ]

    operations = [
        migrations.RunPython(make_contracts, drop_contracts),
    ]
