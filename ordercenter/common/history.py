"""History of the tables that every order writes."""

from __future__ import annotations

from typing import Any

from django.db import models
from simple_history.models import HistoricalRecords


class BusyRecords(HistoricalRecords):
    """Rows are found by the object's key alone: an index more would be written by every order and read by nobody."""

    def __init__(self, **options: Any):
        super().__init__(history_id_field=models.BigAutoField(), **options)

    @property
    def _date_indexing(self) -> bool:
        return False

    def copy_fields(self, model: type[models.Model]) -> dict[str, Any]:
        fields: dict[str, Any] = super().copy_fields(model)
        for field in fields.values():
            if not field.primary_key and field.name != model._meta.pk.name:
                field.db_index = False
        return fields

    def _get_history_user_fields(self) -> dict[str, Any]:
        fields: dict[str, Any] = super()._get_history_user_fields()
        fields["history_user"].db_index = False
        return fields
