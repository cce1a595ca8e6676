"""Settings shared by every way of running. One setting, one place; what differs by environment comes from variables."""

from datetime import timedelta
from pathlib import Path

import environ
from celery.schedules import crontab
from csp.constants import NONE, SELF
from django.utils.translation import gettext_lazy as _

from .logging import logging_config
from .rest import DRF_STANDARDIZED_ERRORS as DRF_STANDARDIZED_ERRORS
from .rest import REST_FRAMEWORK as REST_FRAMEWORK
from .rest import SPECTACULAR_SETTINGS as SPECTACULAR_SETTINGS
from .unfold import UNFOLD as UNFOLD

BASE_DIR = Path(__file__).resolve().parents[2]
env = environ.Env()

DATA_DIR = Path(env.str("OC_DATA_DIR", default=str(BASE_DIR / ".data"))).resolve()

INSTALLED_APPS = [
    "unfold",
    "unfold.contrib.filters",
    "unfold.contrib.simple_history",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.postgres",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django_fsm",
    "simple_history",
    "django_filters",
    "django_htmx",
    "axes",
    "csp",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "drf_standardized_errors",
    "ordercenter.common",
    "ordercenter.events",
    "ordercenter.audit",
    "ordercenter.workflow",
    "ordercenter.cases",
    "ordercenter.catalog",
    "ordercenter.inventory",
    "ordercenter.orders",
    "ordercenter.insight",
    "fulfillment",
    "finance",
    "channels_sync",
    "ordercenter.console",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "ordercenter.common.csp.PagePolicyMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "ordercenter.common.request_guard.ApiProblems",
    "ordercenter.common.request_guard.RequestGuard",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "simple_history.middleware.HistoryRequestMiddleware",
    "ordercenter.console.middleware.ScopeMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "axes.middleware.AxesMiddleware",
    # The last: it runs the view.
    "ordercenter.common.repeating.RepeatBrokenOff",
]

ROOT_URLCONF = "ordercenter.urls"
WSGI_APPLICATION = "ordercenter.wsgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.template.context_processors.i18n",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "ordercenter.console.pages.navigation",
            ],
        },
    },
]

DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",
    "django.contrib.auth.backends.ModelBackend",
]
LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "console:home"
# Ten failed attempts with one name from one address lock that pair out for a quarter of an hour.
AXES_FAILURE_LIMIT = 10
AXES_COOLOFF_TIME = timedelta(minutes=15)
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_LOCKOUT_CALLABLE = "ordercenter.console.views.account.locked_out"
AXES_RESET_ON_SUCCESS = True
AXES_ENABLE_ADMIN = False
# A shift, not a month: whoever leaves a terminal open is logged out by the next day.
SESSION_COOKIE_AGE = 12 * 60 * 60
SESSION_COOKIE_HTTPONLY = True
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]

LANGUAGE_CODE = "zh-hans"
LANGUAGES = [("zh-hans", _("Simplified Chinese")), ("en", _("English"))]
# Our own words first; the second place is for libraries that bring no Chinese.
LOCALE_PATHS = [BASE_DIR / "ordercenter" / "locale", BASE_DIR / "ordercenter" / "locale_libraries"]
USE_I18N = True
FORMAT_MODULE_PATH = ["ordercenter.formats"]
USE_TZ = True
# Screens show the seller's wall clock; the database stores UTC.
TIME_ZONE = "Asia/Shanghai"

# Nothing from other hosts, ever; ordercenter.common.csp loosens this for the admin's own scripts.
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "img-src": [SELF, "data:"],
        "object-src": [NONE],
        "base-uri": [NONE],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
    },
}
X_FRAME_OPTIONS = "DENY"

STATIC_URL = "/static/"
STATICFILES_DIRS = [BASE_DIR / "ordercenter" / "static"]

SIMPLE_HISTORY_HISTORY_CHANGE_REASON_USE_TEXT_FIELD = True
# A history that can be rolled back from a screen would be one more way to change rows.
SIMPLE_HISTORY_REVERT_DISABLED = True

# Sealing of personal data: key id -> 32 bytes in base64, the id that seals new rows, and the key of the search hash.
# Every way of running sets them.
FIELD_KEYS: dict[str, str] = {}
FIELD_KEY_CURRENT = ""
FIELD_HASH_KEY = ""

CELERY_TASK_IGNORE_RESULT = True
# A task is a ring: one that died with its worker is followed by the next, and what waits is found in the database. And
# a worker that loses the broker with unacknowledged messages in hand dies of putting them back (kombu 5.7).
CELERY_TASK_ACKS_LATE = False
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_TASK_TIME_LIMIT = 240
CELERY_TIMEZONE = "Asia/Shanghai"
# A message that a worker took but never began comes back after this many seconds; tasks are idempotent.
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "visibility_timeout": 300,
    "unacked_restore_interval": 10,
    "unacked_restore_throttle": 1,
    "socket_timeout": 3,
    "socket_connect_timeout": 2,
}
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
# However long the broker is away, the worker waits for it.
CELERY_BROKER_CONNECTION_MAX_RETRIES = None
# Ringing must never keep anybody waiting: one try, and the sweep comes later when it fails.
CELERY_TASK_PUBLISH_RETRY = False
CELERY_BROKER_CONNECTION_TIMEOUT = 2
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
# Name -> {"task", "schedule"}: what beat rings for by itself.
CELERY_BEAT_SCHEDULE: dict[str, dict[str, object]] = {
    # The safety nets: notifications and messages are what drives; these find what they lost.
    "sweep": {"task": "events.sweep", "schedule": 10.0},
    "pull": {"task": "channels.pull_all", "schedule": 60.0},
    # Shipments that are held back for a wave or cut-off, and orders that wait for a warehouse to open.
    "waves": {"task": "fulfillment.waves", "schedule": 30.0},
    "order-files": {"task": "channels.order_files", "schedule": 2.0, "options": {"expires": 4.0}},
    "live-locks": {"task": "channels.live_locks", "schedule": 5.0, "options": {"expires": 5.0}},
    "live-sales": {"task": "channels.live_sales", "schedule": 60.0, "options": {"expires": 60.0}},
    "counters": {"task": "channels.look_at_counters", "schedule": 60.0, "options": {"expires": 60.0}},
    "forget-order-files": {"task": "channels.forget_order_files", "schedule": 6 * 3600.0},
    "publish-stock": {"task": "channels.publish_stock", "schedule": 1.0, "options": {"expires": 2.0}},
    "expire-promises": {"task": "inventory.expire", "schedule": 10.0},
    "end-unpaid": {"task": "fulfillment.end_unpaid", "schedule": 10.0},
    # Courier bills that wait to be read, taken in or judged: the safety net of the ring that follows the commit.
    "courier-bills": {"task": "fulfillment.courier_bills", "schedule": 15.0, "options": {"expires": 15.0}},
    "shadow": {"task": "fulfillment.shadow", "schedule": 15.0},
    "keep-house": {"task": "events.keep_house", "schedule": 6 * 3600.0},
    "watch-parcels": {"task": "fulfillment.watch_parcels", "schedule": 300.0},
    "courier-numbers": {"task": "fulfillment.look_after_numbers", "schedule": 600.0},
    # The clock of promises runs while nothing else happens to an order.
    "regrade": {"task": "orders.regrade", "schedule": 300.0},
    "forget-answers": {"task": "catalog.forget_answers", "schedule": 1800.0},
    # Bills are there from ten o'clock in Shanghai; the task itself knows which are missing.
    "transit": {"task": "fulfillment.measure_transit", "schedule": 24 * 3600.0},
    # When few orders come: what stock is worth to those of the coming day.
    "learn-prices": {"task": "fulfillment.learn_prices", "schedule": crontab(hour=3, minute=40)},
    "reconcile": {"task": "finance.reconcile", "schedule": 1800.0},
    "settlements": {"task": "channels.pull_settlements", "schedule": 900.0, "options": {"expires": 900.0}},
    "look-at-settlements": {"task": "finance.look_at_settlements", "schedule": 1800.0},
    "waves-of-floors": {"task": "fulfillment.make_waves", "schedule": 60.0},
    "silence": {"task": "fulfillment.tell_silent", "schedule": 60.0},
    "tell-items": {"task": "fulfillment.tell_items", "schedule": 15.0, "options": {"expires": 30.0}},
    "late-supply": {"task": "fulfillment.late_supply", "schedule": 3600.0, "options": {"expires": 3600.0}},
    "stock-there": {"task": "fulfillment.ask_stock", "schedule": 24 * 3600.0},
}

LOGGING = logging_config(level=env.str("OC_LOG_LEVEL", default="INFO"), as_json=env.bool("OC_LOG_JSON", default=False))

# After a call to the outside failed: seconds until the second try; each further pause is twice as long. After a handler
# failed: twice that, and each further pause four times as long.
OUTGOING_FIRST_PAUSE_S = env.float("OC_RETRY_FIRST_PAUSE_S", default=1.0)
RELAY_FIRST_PAUSE_S = 2 * OUTGOING_FIRST_PAUSE_S

# The font that labels and lists are printed with; empty: looked for, see ordercenter/common/paper.py.
PAPER_FONT = env.str("OC_PAPER_FONT", default="")

# Events: how many lanes share the work, and how many items a relay takes at once.
EVENT_LANES = 16
# `host` or `host:port` inside our own network that connectors of shops may call all the same.
CONNECTOR_INTERNAL_HOSTS = env.list("OC_CONNECTOR_INTERNAL_HOSTS", default=[])

RELAY_BATCH_SIZE = env.int("OC_RELAY_BATCH_SIZE", default=1000)
