"""How gunicorn serves the pages under `up`."""

import os
from typing import Any

from ordercenter.runtime.ready import announce_ready

# The supervisor opened the port and hands it over, so the port stays ours, and callers wait instead of being
# refused, while the server is restarted.
bind = f"fd://{os.environ['OC_HTTP_FD']}"
workers = 2
worker_class = "gthread"
threads = 4
# Load Django once before the workers part: half the start-up time and shared memory.
preload_app = True
timeout = 60
graceful_timeout = 15
keepalive = 5
control_socket_disable = True
accesslog = "-"
access_log_format = "%(m)s %(U)s %(s)s %(M)sms"
loglevel = "warning"


def post_worker_init(worker: Any) -> None:
    announce_ready()
