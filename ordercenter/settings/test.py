"""Settings of the test run: its own embedded PostgreSQL, without waiting for the disk; no broker."""

import environ

from ordercenter.runtime.scratch import database_url_for_tests

from .base import *  # noqa: F403

SECRET_KEY = "only-for-tests-" + "x" * 40
# Field encryption and search-hash keys of the test run; worthless outside it.
FIELD_KEYS = {"t1": "dGVzdC1vbmx5LXRlc3Qtb25seS10ZXN0LW9ubHktMTI="}
FIELD_KEY_CURRENT = "t1"
FIELD_HASH_KEY = "dGVzdC1oYXNoLXRlc3QtaGFzaC10ZXN0LWhhc2gtMTI="
DEBUG = False
ALLOWED_HOSTS = ["testserver", "localhost", "127.0.0.1"]
DATABASES = {"default": environ.Env.db_url_config(database_url_for_tests())}
BROKER_URL = "memory://"
CELERY_BROKER_URL = BROKER_URL
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
AXES_ENABLED = False
