"""How much an account may have."""

import pytest

from outcrop.access.quotas import AWS_QUOTAS, require_room
from outcrop.errors import QuotaExceededError
from outcrop.records import NO_QUOTAS, Quotas


@pytest.mark.parametrize(
    ("quotas", "jobs", "models"),
    [(NO_QUOTAS, 1000, 1000), (AWS_QUOTAS, 0, 2), (Quotas(concurrent_jobs=2), 1, 99), (Quotas(models=3), 1, 1)],
)
def test_room_for_one_more(quotas: Quotas, jobs: int, models: int) -> None:
    """Up to the limit, with the import that is asked for."""
    require_room(quotas, jobs=jobs, models=models)


@pytest.mark.parametrize(
    ("quotas", "jobs", "models", "name"),
    [
        (AWS_QUOTAS, 1, 0, "Concurrent model import jobs"),
        (AWS_QUOTAS, 0, 3, "Imported models per account"),
        # Each job in progress will make a model: the quota holds when they have ended.
        (Quotas(models=3), 1, 2, "Imported models per account"),
        (Quotas(concurrent_jobs=0), 0, 0, "Concurrent model import jobs"),
    ],
)
def test_one_more_is_one_too_many(quotas: Quotas, jobs: int, models: int, name: str) -> None:
    """The quota is named as AWS's list of quotas does (SPEC 7.8.4)."""
    with pytest.raises(QuotaExceededError, match=name):
        require_room(quotas, jobs=jobs, models=models)
