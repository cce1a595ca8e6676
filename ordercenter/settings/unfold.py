"""The admin theme: names, colours, and where its sidebar and its search box get their entries from."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext_lazy as _

UNFOLD: dict[str, Any] = {
    "SITE_TITLE": _("Order Center"),
    "SITE_HEADER": _("Order Center"),
    "SITE_SUBHEADER": _("Data"),
    "SITE_URL": "/console/",
    "SITE_SYMBOL": "hub",
    "SITE_FAVICONS": [{"rel": "icon", "type": "image/svg+xml", "href": "ordercenter.console.sidebar.icon"}],
    "STYLES": ["ordercenter.console.sidebar.stylesheet"],
    "SHOW_HISTORY": True,
    "SHOW_VIEW_ON_SITE": False,
    "SHOW_LANGUAGES": True,
    "SHOW_BACK_BUTTON": True,
    "BORDER_RADIUS": "6px",
    # The same blue as the console's; white text on step 600 and darker has a contrast of 4.5 and more.
    "COLORS": {
        "primary": {
            "50": "oklch(97% .014 254.604)",
            "100": "oklch(93.2% .032 255.585)",
            "200": "oklch(88.2% .059 254.128)",
            "300": "oklch(80.9% .105 251.813)",
            "400": "oklch(70.7% .165 254.624)",
            "500": "oklch(62.3% .214 259.815)",
            "600": "oklch(54.6% .245 262.881)",
            "700": "oklch(48.8% .243 264.376)",
            "800": "oklch(42.4% .199 265.638)",
            "900": "oklch(37.9% .146 265.522)",
            "950": "oklch(28.2% .091 267.935)",
        },
    },
    "SIDEBAR": {
        "show_search": False,
        "command_search": True,
        "show_all_applications": False,
        "navigation": "ordercenter.console.sidebar.navigation",
    },
    "COMMAND": {"search_models": False, "search_callback": "ordercenter.console.sidebar.find", "show_history": False},
    "ACCOUNT": {"navigation": "ordercenter.console.sidebar.account"},
}
