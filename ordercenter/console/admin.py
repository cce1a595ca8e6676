"""People: users with their roles, shops and warehouses; and the log of logins."""

from __future__ import annotations

from axes.models import AccessAttempt, AccessLog
from axes.utils import reset
from django.contrib import admin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group, User
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html_join
from django.utils.safestring import mark_safe
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import BooleanRadioFilter, RangeDateTimeFilter
from unfold.decorators import display
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm

from ordercenter.catalog.models import ShopAccess
from ordercenter.common.admin_base import ReadOnlyAdmin, ScopedAdmin, ScopedInline, ScopedRelatedFilter
from ordercenter.console import admin_api_keys as admin_api_keys
from ordercenter.console.roles import ROLE_LABELS
from ordercenter.inventory.models import WarehouseAccess

admin.site.unregister(User)
admin.site.unregister(Group)


class ShopAccessInline(ScopedInline):
    model = ShopAccess
    shop = "shop_id"


class WarehouseAccessInline(ScopedInline):
    model = WarehouseAccess
    warehouse = "warehouse_id"


@admin.register(User)
class UserAdmin(DjangoUserAdmin, ScopedAdmin):
    """People leave by becoming inactive: what they did stays theirs."""

    form = UserChangeForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm
    inlines = [ShopAccessInline, WarehouseAccessInline]
    # What a person may do follows from the roles alone: single permissions would be seen by nobody.
    fieldsets = [
        (None, {"fields": ["username", "password", "last_name", "first_name", "email"]}),
        (_("Roles"), {"fields": ["groups", "is_active", "is_staff", "is_superuser"]}),
        (_("Log"), {"fields": ["last_login", "date_joined"]}),
    ]
    filter_horizontal = ()
    autocomplete_fields = ["groups"]
    list_display = ["username", "last_name", "first_name", "roles", "is_active", "is_staff", "last_login"]
    list_filter = [("groups", ScopedRelatedFilter), ("is_active", BooleanRadioFilter)]
    search_fields = ["username", "first_name", "last_name"]
    ordering = ["username"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[User]:
        rows: QuerySet[User] = super().get_queryset(request)
        return rows.prefetch_related("groups")

    def get_readonly_fields(self, request: HttpRequest, obj: User | None = None) -> list[str]:
        # Nobody makes himself or others more than he is.
        return ["last_login", "date_joined", *([] if request.user.is_superuser else ["is_superuser"])]

    @display(description=_("roles"))
    def roles(self, user: User) -> str:
        return ", ".join(str(ROLE_LABELS.get(group.name, group.name)) for group in user.groups.all())


@admin.register(Group)
class GroupAdmin(ReadOnlyAdmin):
    """The roles are made from code: what a hand changed here, the next update would take back."""

    list_display = ["name", "label"]
    ordering = ["name"]
    search_fields = ["name"]
    fields = ["name", "label", "permission_names"]
    readonly_fields = ["label", "permission_names"]

    @display(description=_("role"))
    def label(self, group: Group) -> str:
        return str(ROLE_LABELS.get(group.name, ""))

    @display(description=_("permissions"))
    def permission_names(self, group: Group) -> str:
        rows = group.permissions.order_by("content_type__app_label", "codename")
        names = rows.values_list("content_type__app_label", "codename")
        return format_html_join(mark_safe("<br>"), "{}.{}", names)  # noqa: S308 - a constant


@admin.register(AccessAttempt)
class AccessAttemptAdmin(ReadOnlyAdmin):
    whole_company = True
    list_display = ["attempt_time", "username", "ip_address", "failures_since_start"]
    list_display_links = ["attempt_time"]
    list_filter = [("attempt_time", RangeDateTimeFilter)]
    search_fields = ["=username", "=ip_address"]
    ordering = ["-attempt_time"]
    fields = ["attempt_time", "username", "ip_address", "user_agent", "failures_since_start"]
    actions = ["unlock"]

    def has_unlock_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("axes.delete_accessattempt")

    @admin.action(description=_("Unlock these names"), permissions=["unlock"])
    def unlock(self, request: HttpRequest, queryset: QuerySet[AccessAttempt]) -> None:
        for name in set(queryset.values_list("username", flat=True)):
            reset(username=name)


@admin.register(AccessLog)
class AccessLogAdmin(ReadOnlyAdmin):
    whole_company = True
    list_display = ["attempt_time", "username", "ip_address", "logout_time"]
    list_display_links = ["attempt_time"]
    list_filter = [("attempt_time", RangeDateTimeFilter)]
    search_fields = ["=username", "=ip_address"]
    ordering = ["-attempt_time"]
    fields = ["attempt_time", "logout_time", "username", "ip_address", "user_agent"]
