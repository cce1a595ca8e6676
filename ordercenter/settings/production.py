"""Behind a TLS proxy, with a PostgreSQL and a broker of your own. What has no safe default has to be given."""

from django.core.exceptions import ImproperlyConfigured

from .base import *  # noqa: F403
from .base import BASE_DIR, env


def _required(name: str, what: str) -> str:
    value = env.str(name, default="")
    if not value:
        raise ImproperlyConfigured(f"{name} is not set: production needs {what}.")
    return value


SECRET_KEY = _required("SECRET_KEY", "50 or more random characters, the same for every process")
_required("ALLOWED_HOSTS", "the host names of this site, separated by commas")
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS")
_required("DATABASE_URL", "a PostgreSQL, as postgres://user:password@host:5432/name")
BROKER_URL = _required("BROKER_URL", "a broker, as redis://:password@host:6379/0")
_required("FIELD_KEYS", "the keys of encrypted contacts, as id=base64 of 32 bytes, separated by commas")
FIELD_KEYS = env.dict("FIELD_KEYS")
FIELD_KEY_CURRENT = _required("FIELD_KEY_CURRENT", "the id of the key in FIELD_KEYS that new contacts are sealed with")
FIELD_HASH_KEY = _required("FIELD_HASH_KEY", "32 random bytes in base64, for finding encrypted contacts")

DEBUG = False
DATABASES = {"default": env.db_url("DATABASE_URL")}
DATABASES["default"] |= {"CONN_MAX_AGE": 60, "CONN_HEALTH_CHECKS": True}
CELERY_BROKER_URL = BROKER_URL

CSRF_TRUSTED_ORIGINS = [f"https://{host.lstrip('.')}" for host in ALLOWED_HOSTS if host != "*"]
# The proxy sets this header itself and drops the one a client sends.
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
SECURE_SSL_REDIRECT = True
# The watchdog of the same machine asks over plain HTTP.
SECURE_REDIRECT_EXEMPT = [r"^livez$", r"^readyz$"]
SECURE_HSTS_SECONDS = env.int("OC_HSTS_SECONDS", default=31_536_000)
SECURE_HSTS_INCLUDE_SUBDOMAINS = True
SECURE_HSTS_PRELOAD = True
SESSION_COOKIE_SECURE = True
CSRF_COOKIE_SECURE = True

STATIC_ROOT = env.str("OC_STATIC_ROOT", default=str(BASE_DIR / "staticfiles"))
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}
