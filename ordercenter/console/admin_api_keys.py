"""API keys for integrators: made with their shops, scopes and warehouses; the secret is shown once."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.decorators import method_decorator
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.cache import never_cache
from unfold.widgets import (
    UnfoldAdminCheckboxSelectMultipleWidget,
    UnfoldAdminSplitDateTimeWidget,
    UnfoldAdminTextInputWidget,
)

from ordercenter.audit.steps import Step, StepsMixin, offer_steps
from ordercenter.catalog import api_keys
from ordercenter.catalog.models import ApiKey, ApiKeyShop, ApiScope, IdempotencyRecord, Shop
from ordercenter.common.actor import Actor, actor_of
from ordercenter.common.admin_base import HistoryAdmin, ReadOnlyAdmin, ScopedInline, badge
from ordercenter.common.scope import scope_of
from ordercenter.inventory.api_keys import grant_warehouses
from ordercenter.inventory.models import ApiKeyWarehouse, Warehouse


class NewKeyForm(forms.Form):
    """A new key: what it may do, in which shops; which warehouses' stock it may read."""

    name = forms.CharField(label=_("name"), max_length=64, widget=UnfoldAdminTextInputWidget)
    shops = forms.ModelMultipleChoiceField(
        label=_("shops"), queryset=Shop.objects.none(), required=False, widget=UnfoldAdminCheckboxSelectMultipleWidget
    )
    scopes = forms.MultipleChoiceField(
        label=_("scopes"), choices=ApiScope.choices, required=False, widget=UnfoldAdminCheckboxSelectMultipleWidget
    )
    warehouses = forms.ModelMultipleChoiceField(
        label=_("stock of these warehouses"),
        queryset=Warehouse.objects.none(),
        required=False,
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
    )
    expires_at = forms.SplitDateTimeField(label=_("valid until"), required=False, widget=UnfoldAdminSplitDateTimeWidget)

    def __init__(self, *args: Any, request: HttpRequest, **kwargs: Any):
        super().__init__(*args, **kwargs)
        scope = scope_of(request)
        self.fields["shops"].queryset = scope.narrow(Shop.objects.order_by("code"), shop="pk")
        self.fields["warehouses"].queryset = scope.narrow(Warehouse.objects.order_by("code"), warehouse="pk")

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = super().clean() or {}
        if bool(data.get("shops")) != bool(data.get("scopes")):
            raise forms.ValidationError(_("Shops and scopes belong together: choose both, or neither."))
        if not data.get("shops") and not data.get("warehouses"):
            raise forms.ValidationError(_("Choose at least one shop or one warehouse."))
        return data


class ScopesForm(forms.ModelForm):
    """The scopes of a key in one shop, to tick."""

    scopes = forms.MultipleChoiceField(
        label=_("scopes"), choices=ApiScope.choices, widget=UnfoldAdminCheckboxSelectMultipleWidget
    )

    class Meta:
        model = ApiKeyShop
        fields = ["api_key", "shop", "scopes"]


class ApiKeyShopInline(ScopedInline):
    model = ApiKeyShop
    form = ScopesForm
    shop = "shop_id"


class ApiKeyWarehouseInline(ScopedInline):
    model = ApiKeyWarehouse
    warehouse = "warehouse_id"


def _revoke(pk: int, reason: str, actor: Actor) -> None:
    api_keys.revoke_key(key_id=pk, reason=reason, actor=actor)


offer_steps(
    Step(
        ApiKey,
        "revoke",
        _("Revoke the key"),
        "catalog.change_apikey",
        perform=_revoke,
        possible=lambda key: key.revoked_at is None,
        grave=True,
    )
)


@admin.register(ApiKey)
class ApiKeyAdmin(StepsMixin, HistoryAdmin):
    whole_company = True
    list_display = ["name", "prefix", "state_label", "created_at", "expires_at", "last_used_at"]
    list_display_links = ["name"]
    search_fields = ["name", "=prefix"]
    ordering = ["-id"]
    fields = ["name", "prefix", "expires_at", "created_at", "created_by", "last_used_at", "revoked_at"]
    readonly_fields = ["prefix", "created_at", "created_by", "last_used_at", "revoked_at"]
    inlines = [ApiKeyShopInline, ApiKeyWarehouseInline]

    @badge(description=_("state"), colours={"active": "success", "revoked": "danger"})
    def state_label(self, key: ApiKey) -> tuple[str, str]:
        return ("revoked", gettext("revoked")) if key.revoked_at else ("active", gettext("active"))

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        """Its own page: the secret must be shown, and it must be shown once only."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        return self._new_key(request)

    @method_decorator(never_cache)
    def _new_key(self, request: HttpRequest) -> HttpResponse:
        form = NewKeyForm(request.POST or None, request=request)
        token = ""
        if request.method == "POST" and form.is_valid():
            data, actor = form.cleaned_data, actor_of(request)
            with transaction.atomic():
                grants = {shop.pk: data["scopes"] for shop in data["shops"]}
                key, token = api_keys.create_key(
                    name=data["name"], grants=grants, actor=actor, expires_at=data["expires_at"]
                )
                if data["warehouses"]:
                    ids = [warehouse.pk for warehouse in data["warehouses"]]
                    grant_warehouses(key_id=key.pk, warehouse_ids=ids, actor=actor)
        request.current_app = self.admin_site.name
        context = {
            **self.admin_site.each_context(request),
            "title": gettext("New API key"),
            "opts": self.opts,
            "form": form,
            "token": token,
            "back_url": reverse("admin:catalog_apikey_changelist"),
        }
        return TemplateResponse(request, "admin/api_key_add.html", context)


@admin.register(ApiKeyShop)
class ApiKeyShopAdmin(HistoryAdmin):
    deletable = True
    shop = "shop_id"
    form = ScopesForm
    fields = ["api_key", "shop", "scopes"]
    list_display = ["api_key", "shop", "scopes"]
    list_select_related = ["api_key", "shop"]
    ordering = ["-id"]


@admin.register(ApiKeyWarehouse)
class ApiKeyWarehouseAdmin(HistoryAdmin):
    deletable = True
    warehouse = "warehouse_id"
    list_display = ["api_key", "warehouse"]
    list_select_related = ["api_key", "warehouse"]
    ordering = ["-id"]


@admin.register(IdempotencyRecord)
class IdempotencyRecordAdmin(ReadOnlyAdmin):
    whole_company = True
    list_display = ["created_at", "client", "key", "status", "expires_at"]
    list_display_links = ["created_at"]
    search_fields = ["=client", "=key"]
    ordering = ["-id"]
    fields = ["client", "key", "status", "created_at", "expires_at"]
