"""What a caller may write to mean a job or a model: its name, its id, or its ARN."""

from __future__ import annotations

from outcrop import arn
from outcrop.arn import ResourceKind, Tenant
from outcrop.errors import NotFoundError, ValidationError


def identifier_of(text: str, kind: ResourceKind, tenant: Tenant) -> str:
    """Returns the id or the name that `text` means for this account and region.

    Raises:
        ValidationError: an ARN of another kind of resource.
        NotFoundError: an ARN of another account or region; that it may exist there is not told.
    """
    if not text.startswith("arn:"):
        return text
    parsed = arn.parse(text)
    if parsed is None or parsed.kind is not kind:
        raise ValidationError(f"{text} is not the ARN of {_article(kind)}.")
    if parsed.tenant != tenant:
        raise NotFoundError(f"Could not find {text}.")
    return parsed.id


def _article(kind: ResourceKind) -> str:
    return "a model import job" if kind is ResourceKind.JOB else "an imported model"
