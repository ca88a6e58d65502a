"""What the operations work with; made once, by app.py."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from outcrop.access.throttle import Throttle
from outcrop.api.permissions import Permissions
from outcrop.ports import (
    Clock,
    JobCatalog,
    JobEngine,
    KeyService,
    Meter,
    ModelCatalog,
    Networks,
    TagCatalog,
    Unmetered,
    Vault,
)
from outcrop.records import ImportJob, Quotas
from outcrop.serving.bodies.engine_request import SHORT_ID_LETTERS
from outcrop.serving.capabilities import Capabilities
from outcrop.serving.fleet import Fleet
from outcrop.serving.prompts import Prompts


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """The ports and services behind the API."""

    jobs: JobCatalog
    models: ModelCatalog
    tags: TagCatalog
    vault: Vault
    keys: KeyService
    networks: Networks
    """What `vpcConfig` may name."""
    check_role: Callable[[ImportJob], Awaitable[None]]
    """Raises RoleRefusedError when the role of a job that is about to be accepted may not be assumed."""
    job_engine: JobEngine
    fleet: Fleet
    keep_warm: frozenset[str]
    """Names or ARNs of the models whose copies stay."""
    capabilities: Capabilities
    """What the engine of the fleet's copies can do."""
    prompts: Prompts
    """The tokenizers of the models."""
    profile: str
    """`outcrop` or `bedrock`: whose rules."""
    clock: Clock
    pick: Callable[[str], str]
    """Chooses one character of the alphabet that it is given, unpredictably."""
    new_reply_id: Callable[[], str]
    """Makes the 32 hexadecimal characters that name a reply."""
    page_token_key: bytes
    permissions: Permissions
    throttle: Throttle
    quotas: Quotas
    meter: Meter = field(default_factory=Unmetered)

    def new_tool_id(self) -> str:
        """Makes the id of a tool use: nine letters and digits, as the chat templates of Mistral insist on."""
        return self.new_reply_id()[:SHORT_ID_LETTERS]

    def ms_since(self, began: float) -> int:
        """Returns the whole milliseconds since a reading of the monotonic clock."""
        return round((self.clock.monotonic() - began) * 1000)
