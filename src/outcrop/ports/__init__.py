"""The ports: everything outside that Outcrop needs, as Protocols of at most six methods.

Adapters implement them, `app/` joins them, `outcrop.testing` has a fake of each, and `tests/contract` holds one suite
for each that every implementation passes. All errors are those of `errors.py`; an adapter translates.
"""

from outcrop.ports.catalog import (
    ArtifactCatalog,
    CopyJournal,
    JobCatalog,
    JobClaims,
    ModelCatalog,
    TagCatalog,
    UserCatalog,
)
from outcrop.ports.clock import Clock
from outcrop.ports.engines import CopyHost, Engine, RunningEngine
from outcrop.ports.keys import KeyService
from outcrop.ports.meters import Meter, Unmetered
from outcrop.ports.networks import NetworkCatalog, Networks
from outcrop.ports.roles import RoleBroker
from outcrop.ports.storage import (
    Buffer,
    ByteSink,
    LocalReader,
    LocalReads,
    ObjectStore,
    PartWriter,
    Vault,
    VaultFile,
    VaultStaging,
    WriteAt,
)
from outcrop.ports.webhooks import DeliveryCatalog, WebhookSender
from outcrop.ports.work import JobEngine, RunShares, RunStep, Share, Workflow

__all__ = [
    "ArtifactCatalog",
    "Buffer",
    "ByteSink",
    "Clock",
    "CopyHost",
    "CopyJournal",
    "DeliveryCatalog",
    "Engine",
    "JobCatalog",
    "JobClaims",
    "JobEngine",
    "KeyService",
    "LocalReader",
    "LocalReads",
    "Meter",
    "ModelCatalog",
    "NetworkCatalog",
    "Networks",
    "ObjectStore",
    "PartWriter",
    "RoleBroker",
    "RunShares",
    "RunStep",
    "RunningEngine",
    "Share",
    "TagCatalog",
    "Unmetered",
    "UserCatalog",
    "Vault",
    "VaultFile",
    "VaultStaging",
    "WebhookSender",
    "Workflow",
    "WriteAt",
]
