"""Frozen values that cross ports: what the layers tell each other. No behaviour beyond derived facts."""

from outcrop.records.callers import AccessKey, ApiKey, Caller, Principal, User
from outcrop.records.deliveries import Delivery, DeliveryState
from outcrop.records.jobs import (
    NO_QUOTAS,
    ImportJob,
    ImportRequest,
    JobNote,
    Mark,
    Network,
    NetworkUse,
    Progress,
    Quotas,
    Stage,
    StageEntry,
)
from outcrop.records.lists import Item, ListQuery, Page
from outcrop.records.models import (
    ArtifactRef,
    DataKey,
    ImportedModel,
    KeyCopy,
    ModelFacts,
    ServableModel,
    SharedArtifact,
)
from outcrop.records.networks import (
    ENDPOINT_SERVICES,
    EgressRule,
    IpAddress,
    IpNetwork,
    NetworkMap,
    Proxy,
    SecurityGroup,
    Subnet,
)
from outcrop.records.roles import RoleCredentials
from outcrop.records.sealing import Piece, SealedPart, SealedSoFar, Upload
from outcrop.records.source import Checksum, ChecksumType, SourceLocation, SourceObject
from outcrop.records.values import JsonObject, JsonValue, Tag

__all__ = [
    "ENDPOINT_SERVICES",
    "NO_QUOTAS",
    "AccessKey",
    "ApiKey",
    "ArtifactRef",
    "Caller",
    "Checksum",
    "ChecksumType",
    "DataKey",
    "Delivery",
    "DeliveryState",
    "EgressRule",
    "ImportJob",
    "ImportRequest",
    "ImportedModel",
    "IpAddress",
    "IpNetwork",
    "Item",
    "JobNote",
    "JsonObject",
    "JsonValue",
    "KeyCopy",
    "ListQuery",
    "Mark",
    "ModelFacts",
    "Network",
    "NetworkMap",
    "NetworkUse",
    "Page",
    "Piece",
    "Principal",
    "Progress",
    "Proxy",
    "Quotas",
    "RoleCredentials",
    "SealedPart",
    "SealedSoFar",
    "SecurityGroup",
    "ServableModel",
    "SharedArtifact",
    "SourceLocation",
    "SourceObject",
    "Stage",
    "StageEntry",
    "Subnet",
    "Tag",
    "Upload",
    "User",
]
