"""What every admin page of ours has in common: only rows in the reader's scope, fast lists, nothing deleted by default.

Scope: `shop` and `warehouse` name the lookup from the model to its shop and warehouse. `whole_company` is for rows that
belong to neither and tell about all: only who sees every shop and every warehouse sees them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any, ClassVar

from django.contrib.admin import ModelAdmin as DjangoModelAdmin
from django.contrib.admin import ShowFacets
from django.contrib.admin.utils import get_fields_from_path
from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import CharField, Field, ForeignKey, Model, QuerySet
from django.forms import ModelChoiceField
from django.http import Http404, HttpRequest, HttpResponse
from django.utils.functional import Promise
from django.utils.html import format_html
from simple_history.admin import SimpleHistoryAdmin
from simple_history.template_utils import HistoricalRecordContextHelper
from unfold.admin import ModelAdmin, TabularInline
from unfold.contrib.filters.admin import RelatedDropdownFilter
from unfold.decorators import display

from ordercenter.common.paging import CappedPaginator
from ordercenter.common.scope import scope_of

__all__ = [
    "HistoryAdmin",
    "ReadOnlyAdmin",
    "ReadOnlyHistoryAdmin",
    "ReadOnlyInline",
    "ScopedAdmin",
    "ScopedInline",
    "ScopedRelatedFilter",
]

MOST_CHOICES = 200

SHAPE = "inline-block font-semibold rounded-default text-[11px] uppercase whitespace-nowrap h-6 leading-6 px-2"
TINTS = {
    "info": "bg-blue-100 text-blue-700 dark:bg-blue-500/20 dark:text-blue-400",
    "danger": "bg-red-100 text-red-700 dark:bg-red-500/20 dark:text-red-400",
    "warning": "bg-orange-100 text-orange-700 dark:bg-orange-500/20 dark:text-orange-400",
    "success": "bg-green-100 text-green-700 dark:bg-green-500/20 dark:text-green-400",
    "": "bg-base-500/8 text-base-700 dark:bg-base-500/20 dark:text-base-200",
}
Labelled = Callable[[Any, Any], "tuple[str, Any] | None"]


def badge(
    *, description: str | Promise, colours: Mapping[str, str], ordering: str | None = None
) -> Callable[[Labelled], Callable[[Any, Any], str]]:
    """A column that shows its (value, text) as a label of the theme, coloured by the value; nothing for None.

    The theme's own labels render a template for each cell, which is most of the time that a list takes.
    """

    def decorate(method: Labelled) -> Callable[[Any, Any], str]:
        @display(description=description, ordering=ordering)
        @wraps(method)
        def column(admin: Any, row: Any) -> str:
            labelled = method(admin, row)
            if labelled is None:
                return ""
            value, text = labelled
            return format_html('<span class="{} {}">{}</span>', SHAPE, TINTS[colours.get(value, "")], text)

        return column  # type: ignore[no-any-return]

    return decorate


class ScopeMixin:
    """Narrows the rows of an admin page to the reader's scope."""

    shop: ClassVar[str] = ""
    warehouse: ClassVar[str] = ""
    to_many: ClassVar[bool] = False
    whole_company: ClassVar[bool] = False

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows: QuerySet[Any] = super().get_queryset(request)  # type: ignore[misc]
        scope = scope_of(request)
        if self.whole_company:
            return rows if scope.is_everything else rows.none()
        return scope.narrow(rows, shop=self.shop, warehouse=self.warehouse, to_many=self.to_many)

    def formfield_for_foreignkey(
        self, db_field: ForeignKey[Any, Any], request: HttpRequest, **kwargs: Any
    ) -> ModelChoiceField[Any] | None:
        """Offer only what the reader may see."""
        admin = self.admin_site._registry.get(db_field.related_model)  # type: ignore[attr-defined]
        if "queryset" not in kwargs and admin is not None:
            kwargs["queryset"] = admin.get_queryset(request)
        return super().formfield_for_foreignkey(db_field, request, **kwargs)  # type: ignore[misc,no-any-return]


class ScopedRelatedFilter(RelatedDropdownFilter):
    """A list filter on a related row that offers only rows in the reader's scope, with one short query."""

    def field_choices(
        self, field: Field[Any, Any], request: HttpRequest, model_admin: DjangoModelAdmin[Any]
    ) -> list[tuple[Any, str]]:
        admin = model_admin.admin_site._registry.get(field.related_model)  # type: ignore[arg-type]
        if admin is None:
            raise LookupError(f"{field.related_model} has no admin page to take choices from")
        return [(row.pk, str(row)) for row in admin.get_queryset(request)[:MOST_CHOICES]]


def _found(rows: QuerySet[Any], path: str, term: str) -> QuerySet[Any] | None:
    """The keys of the rows whose field matches; None when the term can be no value of the field."""
    if not path.startswith("="):
        return rows.filter(**{f"{path}__icontains": term}).values("pk")
    field = get_fields_from_path(rows.model, path[1:])[-1]
    try:
        field.to_python(term)
        # In any case, as Django's iexact would have it, no plain index could be used.
        values = [term, term.upper()] if isinstance(field, CharField) else [term]
        return rows.filter(**{f"{path[1:]}__in": values}).values("pk")
    except (ValidationError, ValueError, OverflowError):
        return None


class ScopedAdmin(ScopeMixin, ModelAdmin):
    """Base of all our admin pages. deletable: whether a row may be deleted here at all; most only become inactive."""

    deletable: ClassVar[bool] = False
    paginator = CappedPaginator
    show_full_result_count = False
    # Counting each value of each filter would read the table once for each of them.
    show_facets = ShowFacets.NEVER
    list_per_page = 50
    list_max_show_all = 200
    list_filter_submit = True
    list_filter_sheet = True
    list_fullwidth = True
    compressed_fields = True

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return self.deletable and super().has_delete_permission(request, obj)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """search_fields: "=path" compares the whole text (as typed, or in capitals), a bare path looks for a part.

        Each field is asked by itself: one condition over all of them, as Django makes it, keeps the database from using
        any of their indexes.
        """
        term = search_term.strip()
        if not term:
            return queryset, False
        rows = self.model._base_manager.order_by()
        found = [found for path in self.search_fields if (found := _found(rows, path, term)) is not None]
        if not found:
            return queryset.none(), False
        return queryset.filter(pk__in=found[0].union(*found[1:]) if found[1:] else found[0]), False


class ChangeWords(HistoricalRecordContextHelper):
    """Says changed values by their labels: "Shipped", not "shipped"."""

    def prepare_delta_change_value(self, change: Any, value: Any) -> Any:
        shown = super().prepare_delta_change_value(change, value)
        labels = dict(getattr(self.model._meta.get_field(change.field), "flatchoices", None) or ())
        return labels.get(shown, shown) if isinstance(shown, str) else shown


class HistoryAdmin(SimpleHistoryAdmin, ScopedAdmin):
    """A page for rows with a kept history. The history can be read where the row can be read, and never rewritten."""

    history_list_per_page = 50

    def get_historical_record_context_helper(self, request: HttpRequest, historical_record: Any) -> ChangeWords:
        return ChangeWords(self.model, historical_record)

    def revert_disabled(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return True

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        self._refuse_out_of_scope(request, object_id)
        return super().history_view(request, object_id, extra_context)  # type: ignore[no-any-return]

    def history_form_view(
        self, request: HttpRequest, object_id: str, version_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        if request.method != "GET":
            raise PermissionDenied
        self._refuse_out_of_scope(request, object_id)
        return super().history_form_view(request, object_id, version_id, extra_context)  # type: ignore[no-any-return]

    def _refuse_out_of_scope(self, request: HttpRequest, object_id: str) -> None:
        # The library reads the history table itself; a row that is gone or out of scope must not be seen through it.
        if self.get_object(request, object_id) is None and not scope_of(request).is_everything:
            raise Http404


class ReadOnlyMixin:
    """Rows that only services write: the page shows them."""

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


class ReadOnlyAdmin(ReadOnlyMixin, ScopedAdmin):
    """A page that shows rows and changes nothing but through steps and actions of its own."""


class ReadOnlyHistoryAdmin(ReadOnlyMixin, HistoryAdmin):
    """The same, for rows with a kept history."""


class ScopedInline(ScopeMixin, TabularInline):
    """Rows of a parent, within the reader's scope."""

    extra = 0


class ReadOnlyInline(ReadOnlyMixin, ScopedInline):
    """Rows of a parent that only services write."""

    show_change_link = False
