"""The default: everything on this machine, reached on loopback; database and broker come from Python packages.

`manage.py` starts what is missing and passes it on in variables; the secrets are made on the first start.
"""

from .base import *  # noqa: F403
from .base import env

SECRET_KEY = env.str("SECRET_KEY")
FIELD_KEYS = env.dict("FIELD_KEYS")
FIELD_KEY_CURRENT = env.str("FIELD_KEY_CURRENT")
FIELD_HASH_KEY = env.str("FIELD_HASH_KEY")

DEBUG = False
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=["localhost", "127.0.0.1", "[::1]"])

# Commands that ask the database nothing run without one; the address below leads nowhere.
DATABASES = {"default": env.db_url("DATABASE_URL", default="postgres://nobody@127.0.0.1:1/none")}
DATABASES["default"] |= {"CONN_MAX_AGE": 60, "CONN_HEALTH_CHECKS": True}

# Without a broker the tasks that ring are lost, the rows that wait for them are not: a sweep finds them.
BROKER_URL = env.str("BROKER_URL", default="memory://")
CELERY_BROKER_URL = BROKER_URL

# Static files straight from the apps: no collectstatic before the first page.
WHITENOISE_USE_FINDERS = True
