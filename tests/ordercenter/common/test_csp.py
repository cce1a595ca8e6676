"""What pages may load."""

from django.contrib.auth.models import AnonymousUser
from django.http import HttpResponse
from django.test import RequestFactory

from ordercenter.common.csp import PagePolicyMiddleware


def policy_of(path):
    request = RequestFactory().get(path)
    request.user = AnonymousUser()
    header = PagePolicyMiddleware(lambda _: HttpResponse("page"))(request)["Content-Security-Policy"]
    return dict(part.strip().split(" ", 1) for part in header.split(";"))


def test_own_pages_load_and_run_only_own_files():
    policy = policy_of("/console/queue/")

    assert policy["default-src"] == "'self'"
    assert "script-src" not in policy
    assert "unsafe" not in " ".join(policy.values())


def test_the_admin_may_evaluate_scripts_and_style_inline_but_load_nothing_from_outside():
    policy = policy_of("/admin/orders/order/")

    assert policy["script-src"] == "'self' 'unsafe-eval'"
    assert policy["style-src"] == "'self' 'unsafe-inline'"
    assert policy["default-src"] == "'self'"
