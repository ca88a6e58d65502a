"""Everything behind `outcrop worker`: imports, and nothing that listens but, if asked to, metrics on loopback."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import prometheus_client
import structlog

from outcrop.app.machinery import machinery
from outcrop.app.stopping import stop_asked_for
from outcrop.console.metrics import Metrics
from outcrop.errors import SettingError
from outcrop.settings import Settings

log = structlog.get_logger()

METRICS_HOST = "127.0.0.1"


async def work(settings: Settings, *, tell: Callable[[], None]) -> None:
    """Runs a worker until SIGINT or SIGTERM; `tell` is called once it works.

    Raises:
        SettingError: a setting cannot work.
    """
    if settings.database is None:
        raise SettingError("--database", "workers share their jobs in PostgreSQL: name the database of the server")
    stop = stop_asked_for()
    metrics = Metrics()
    with metrics_served(metrics, settings.metrics_port):
        async with machinery(replace(settings, worker=True), metrics):
            tell()
            await stop.wait()
            log.info("stopping")


@contextmanager
def metrics_served(metrics: Metrics, port: int | None) -> Iterator[int | None]:
    """Serves metrics on loopback, if a port is named; gives the port. Raises SettingError when it cannot be had."""
    if port is None:
        yield None
        return
    try:
        server, thread = prometheus_client.start_http_server(port, METRICS_HOST, registry=metrics.registry)
    except OSError as error:
        message = f"{METRICS_HOST}:{port} cannot be listened on: {error.strerror}"
        raise SettingError("--metrics-port", message) from error
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
