"""Who calls."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from outcrop.arn import Tenant


@dataclass(frozen=True, slots=True, kw_only=True)
class Principal:
    """Somebody who may sign requests."""

    arn: str
    account: str
    access_key_id: str
    secret_access_key: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """A principal at work: who asks, in which region, from where, under which request id."""

    principal_arn: str
    tenant: Tenant
    request_id: str
    source_ip: str
    access_key_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessKey:
    """What a user signs requests with."""

    id: str
    secret: str = field(repr=False)
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKey:
    """A long-term Bedrock API key as far as it is kept: who has the key itself is known by its digest."""

    id: str
    sha256: str
    """Digest of the whole key, hexadecimal."""
    created_at: datetime
    expires_at: datetime | None = None
    """None: never."""


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """Somebody beside the root principal who may call: what IAM knows of a user, in one piece."""

    account: str
    name: str
    created_at: datetime
    policy: str | None = None
    """The identity-based policy, as it was written; None allows nothing."""
    access_keys: tuple[AccessKey, ...] = ()
    api_keys: tuple[ApiKey, ...] = ()

    @property
    def arn(self) -> str:
        """The user's ARN."""
        return f"arn:aws:iam::{self.account}:user/{self.name}"
