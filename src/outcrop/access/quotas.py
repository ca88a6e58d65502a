"""How much an account may have in a region, and AWS's words for too much (SPEC 8). Pure."""

from outcrop.errors import QuotaExceededError
from outcrop.records import Quotas

AWS_QUOTAS = Quotas(concurrent_jobs=1, models=3)
"""What a new AWS account has (SPEC 8.1, 8.2)."""


def require_room(quotas: Quotas, *, jobs: int, models: int) -> None:
    """Raises QuotaExceededError when one more import is one too many.

    Args:
        quotas: the limits.
        jobs: the unended import jobs that there are. Each will make a model, for which there must be room, too.
        models: the imported models that there are.
    """
    # The names are those of the AWS console's list of quotas: guides tell users to look for them (SPEC 7.8.4).
    if quotas.concurrent_jobs is not None and jobs >= quotas.concurrent_jobs:
        raise QuotaExceededError(
            f"You have {jobs} model import jobs in progress, and may have {quotas.concurrent_jobs}. Wait until one has "
            "ended, or request a quota increase for Concurrent model import jobs."
        )
    if quotas.models is not None and jobs + models >= quotas.models:
        raise QuotaExceededError(
            f"You have {models} imported models and {jobs} model import jobs in progress, and may have {quotas.models} "
            "imported models. Delete a model, or request a quota increase for Imported models per account."
        )
