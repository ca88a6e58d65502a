"""Bedrock ARNs and identifiers: parsing, building and making them. Pure.

Shapes are those of SPEC 2.0.5 to 2.0.8: an id is exactly twelve characters of [a-z0-9].
"""

import re
import string
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

ID_LENGTH = 12
ID_ALPHABET = string.ascii_lowercase + string.digits

_ARN = re.compile(
    r"arn:(?P<partition>aws(?:-[a-z]+)*):bedrock:(?P<region>[a-z0-9-]{1,20}):(?P<account>[0-9]{12})"
    r":(?P<kind>model-import-job|imported-model)/(?P<id>[a-z0-9]{12})"
)


class ResourceKind(StrEnum):
    """The two kinds of resource that Outcrop names with ARNs."""

    JOB = "model-import-job"
    MODEL = "imported-model"


@dataclass(frozen=True, slots=True, kw_only=True)
class Tenant:
    """Whose resources are meant: everything that Outcrop keeps belongs to one account in one region."""

    account: str
    region: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Arn:
    """A parsed ARN of an import job or an imported model."""

    tenant: Tenant
    kind: ResourceKind
    id: str

    def __str__(self) -> str:
        return (
            f"{partition(self.tenant.region)}:bedrock:{self.tenant.region}:{self.tenant.account}:{self.kind}/{self.id}"
        )


def parse(text: str) -> Arn | None:
    """Returns the ARN that `text` is, or None: it may be a name instead."""
    found = _ARN.fullmatch(text)
    if found is None:
        return None
    return Arn(
        tenant=Tenant(account=found["account"], region=found["region"]),
        kind=ResourceKind(found["kind"]),
        id=found["id"],
    )


def partition(region: str) -> str:
    """Returns the `arn:…` beginning that AWS uses for a region."""
    if region.startswith("cn-"):
        return "arn:aws-cn"
    if region.startswith("us-gov-"):
        return "arn:aws-us-gov"
    return "arn:aws"


def new_id(pick: Callable[[str], str]) -> str:
    """Makes an id; `pick` chooses one character of the alphabet that it is given (secrets.choice in production)."""
    return "".join(pick(ID_ALPHABET) for _ in range(ID_LENGTH))
