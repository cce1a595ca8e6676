"""All addresses of the site: this file knows everything."""

from django.contrib import admin
from django.urls import include, path
from django.views.generic import RedirectView

from channels_sync.api.push import receive_push as receive_channel_push
from fulfillment.api.qimen import receive_document
from fulfillment.api.tracking import receive_push
from ordercenter.common import health
from ordercenter.console.views import account
from ordercenter.events.health import readyz

urlpatterns = [
    path("qimen/<str:customer_id>/", receive_document, name="qimen"),
    path("channels/<slug:platform>/<str:token>/", receive_channel_push, name="channel-push"),
    path("courier/kuaidi100/<int:account_id>/", receive_push, name="kuaidi100"),
    path("api/", include("ordercenter.api.urls")),
    path("livez", health.livez),
    path("readyz", readyz),
    path("", RedirectView.as_view(pattern_name="console:home")),
    path("login/", account.Login.as_view(), name="login"),
    path("logout/", account.Logout.as_view(), name="logout"),
    path("password/", account.ChangePassword.as_view(), name="password_change"),
    path("language/", account.language, name="set_language"),
    path("console/", include("ordercenter.console.urls")),
    # The admin shares the pages above; its own would lack the lock-out message and the strict page policy.
    path("admin/login/", RedirectView.as_view(pattern_name="login", query_string=True)),
    path("admin/logout/", account.Logout.as_view()),
    path("admin/password_change/", RedirectView.as_view(pattern_name="password_change")),
    path("admin/", admin.site.urls),
]
