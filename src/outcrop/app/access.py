"""Who may call, how much and how fast: from settings to what decides."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from outcrop.access.quotas import AWS_QUOTAS
from outcrop.access.throttle import OTHERS, Rate, Throttle
from outcrop.adapters.catalog_sql import Database, SqlUserCatalog
from outcrop.adapters.clock_system import SystemClock
from outcrop.adapters.root_key import derived_key, root_principal
from outcrop.api.operations import OPERATIONS
from outcrop.app.catalog import open_catalog
from outcrop.errors import SettingError
from outcrop.ports import UserCatalog
from outcrop.records import NO_QUOTAS, Principal, Quotas
from outcrop.settings import Settings


def root_of(settings: Settings) -> Principal:
    """Returns the root principal of the data folder; its key is made now, if it is not there."""
    return root_principal(settings.data / "keys" / "root.json", account=settings.account)


def user_catalog(database: Database, root: Principal) -> SqlUserCatalog:
    """Returns the users of a catalog."""
    return SqlUserCatalog(database, derived_key(root, "outcrop access keys"))


def now() -> datetime:
    """The wall clock, for the dates of keys."""
    return SystemClock().now()


@contextmanager
def open_users(settings: Settings) -> Iterator[UserCatalog]:
    """Gives the users of the data folder's catalog, whether a server runs on it or not."""
    with open_catalog(settings) as database:
        yield user_catalog(database, root_of(settings))


def quotas_of(settings: Settings) -> Quotas:
    """Returns the quotas: those that were set, else AWS's in its profile, else none."""
    usual = AWS_QUOTAS if settings.profile == "bedrock" else NO_QUOTAS
    return Quotas(
        concurrent_jobs=usual.concurrent_jobs if settings.quota_jobs is None else settings.quota_jobs,
        models=usual.models if settings.quota_models is None else settings.quota_models,
    )


def throttle_of(settings: Settings) -> Throttle:
    """Returns the throttle. Raises SettingError for an operation that there is not."""
    for rate in settings.throttle:
        if rate.operation not in OPERATIONS and rate.operation != OTHERS:
            raise SettingError("--throttle", f"there is no operation {rate.operation}: {', '.join(OPERATIONS)}")
    return Throttle({rate.operation: Rate(per_s=rate.per_s, burst=rate.burst) for rate in settings.throttle})
