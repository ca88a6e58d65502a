"""The forms in which a key is named (SPEC 2.0.10): key ARN, key id, alias ARN and alias name. Pure."""

from __future__ import annotations

from outcrop.arn import Tenant, partition

ALIAS = "alias/"


def full_arn(key_id: str, tenant: Tenant) -> str:
    """Returns the key ARN or alias ARN that an identifier means to a tenant: ids and names are those of its own."""
    if key_id.startswith("arn:"):
        return key_id
    resource = key_id if key_id.startswith(ALIAS) else f"key/{key_id}"
    return f"{partition(tenant.region)}:kms:{tenant.region}:{tenant.account}:{resource}"


def is_of(arn: str, tenant: Tenant) -> bool:
    """Says whether a key or an alias belongs to the tenant's account and region; no key serves another's models."""
    return arn.split(":")[3:5] == [tenant.region, tenant.account]


def region_of(arn: str) -> str:
    """Returns the region of a key or an alias."""
    return arn.split(":")[3]
