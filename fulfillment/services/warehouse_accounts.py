"""How we reach the systems of warehouses."""

from __future__ import annotations

from fulfillment.errors import WarehouseNotConnected
from fulfillment.models import WmsAccount
from fulfillment.wms.qimen import QimenClient, QimenCredentials
from ordercenter.common.secretfield import unseal


def client_of(target: str) -> QimenClient:
    """The client of "warehouse:3". Raises WarehouseNotConnected where no active account is."""
    warehouse_id = int(target.partition(":")[2])
    account = WmsAccount.objects.filter(warehouse_id=warehouse_id, is_active=True).select_related("warehouse").first()
    if account is None:
        raise WarehouseNotConnected(warehouse_id=warehouse_id)
    return QimenClient(
        QimenCredentials(
            app_key=account.app_key,
            secret=str(unseal(account.secret)),
            customer_id=account.warehouse.customer_id,
            base_url=account.base_url,
        )
    )
