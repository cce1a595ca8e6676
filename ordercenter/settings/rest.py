"""The REST API: one form of request, one form of answer, one form of refusal, and its documentation."""

from typing import Any

import environ
from django.utils.translation import gettext_lazy as _

env = environ.Env()

REST_FRAMEWORK: dict[str, Any] = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "ordercenter.api.authentication.KeyAuthentication",
        # A person who is logged in may read what their scope shows them.
        "rest_framework.authentication.SessionAuthentication",
    ],
    # A view that does not say who may call it is closed.
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAdminUser"],
    "DEFAULT_PARSER_CLASSES": ["ordercenter.common.rest_requests.StrictJSONParser"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_CONTENT_NEGOTIATION_CLASS": "ordercenter.common.rest_requests.AlwaysJSON",
    "DEFAULT_SCHEMA_CLASS": "ordercenter.common.rest_schema.ProblemSchema",
    "DEFAULT_METADATA_CLASS": None,
    "EXCEPTION_HANDLER": "drf_standardized_errors.handler.exception_handler",
    # Counted in the database, for all web processes together.
    "DEFAULT_THROTTLE_RATES": {"caller": env.str("OC_API_RATE", default="1200/min")},
}

DRF_STANDARDIZED_ERRORS: dict[str, Any] = {
    "EXCEPTION_HANDLER_CLASS": "ordercenter.common.rest.ProblemHandler",
}

SPECTACULAR_SETTINGS: dict[str, Any] = {
    "TITLE": _("Order Center API"),
    "DESCRIPTION": _(
        "Orders, stock and cases for other systems. Keys are made in the admin and sent as a bearer token. Lists go "
        "page after page by next_cursor. Every refusal is a problem document after RFC 9457 with a stable code."
    ),
    "VERSION": "1",
    "OAS_VERSION": "3.1.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "COMPONENT_SPLIT_REQUEST": True,
    "ENUM_NAME_OVERRIDES": {
        "OrderState": "ordercenter.orders.states.OrderState",
        "CaseState": "ordercenter.cases.states.CaseState",
        "FreightBillState": "fulfillment.states.FreightBillState",
        "FreightVerdict": "fulfillment.states.FreightVerdict",
        "FreightDifference": "fulfillment.states.FREIGHT_KINDS",
        "FreightUploadState": ["waiting", "taken_in", "refused"],
        "NewOrderStatus": ["created", "paid"],
        "RowStatus": ["created", "exists", "refused"],
    },
    # Nothing from other hosts: the page's files come from a package, and nobody is asked whether the schema is valid.
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "SWAGGER_UI_SETTINGS": {"validatorUrl": None, "displayOperationId": False, "defaultModelsExpandDepth": 0},
    "TAGS": [
        {"name": "orders", "description": _("Orders")},
        {"name": "counters", "description": _("Counters of stores")},
        {"name": "stock", "description": _("Stock")},
        {"name": "cases", "description": _("Cases")},
        {"name": "courier bills", "description": _("Courier bills")},
        {"name": "problems", "description": _("Codes of refusals")},
    ],
}
