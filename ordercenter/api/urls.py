"""Every address below /api/."""

from django.urls import include, path, re_path

from ordercenter.api import views

app_name = "api"
v1 = [
    path("", include("channels_sync.api.urls")),
    path("", include("ordercenter.orders.api.urls")),
    path("", include("ordercenter.inventory.api.urls")),
    path("", include("fulfillment.api.urls")),
    path("", include("ordercenter.cases.api.urls")),
    path("problems/", views.ProblemTypes.as_view(), name="problems"),
    path("problems/<str:code>", views.ProblemType.as_view(), name="problem"),
    path("schema/", views.Schema.as_view(), name="schema"),
    path("docs/", views.Docs.as_view(), name="docs"),
]
urlpatterns = [
    path("v1/", include(v1)),
    re_path(r"^(?P<rest>.*)$", views.nothing_here),
]
