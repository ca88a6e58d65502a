"""What the catalog said last of models and their tags, for requests to ready models while it is away.

Only what was confirmed within `KEPT_S` counts, and only while the catalog is away: a database that is restarted, or
fails over, stops no inference. Nothing can be deleted, or taken from anybody, in a catalog that is away; a server that
alone is cut off from it learns of such a change at most this much later (docs/decisions/0004-catalog.md).
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable, Sequence
from typing import Generic, TypeVar

import structlog

from outcrop.arn import ResourceKind, Tenant
from outcrop.errors import NotFoundError, UnavailableError
from outcrop.ports import Clock, ModelCatalog, TagCatalog
from outcrop.records import ImportedModel, ListQuery, Page, Stage, Tag

log = structlog.get_logger()

KEPT_S = 300.0
"""How long what is answered without the catalog may be old (docs/decisions/0004-catalog.md)."""
MOST_KEPT = 10_000
ASKED_AGAIN_S = 1.0
"""While the catalog is away it is asked once in this time; the other requests do not wait for its refusal."""

Value = TypeVar("Value")


class Memory(Generic[Value]):
    """Answers of the catalog, by what was asked."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._kept: OrderedDict[Hashable, tuple[float, Value]] = OrderedDict()
        self._asked_again_at = 0.0

    async def ask(self, key: Hashable, question: Callable[[], Awaitable[Value]]) -> Value:
        """Returns the answer, or while the catalog is away the last one. Raises what the question raises."""
        now = self._clock.monotonic()
        if now < self._asked_again_at and (kept := self._recent(key, now)) is not None:
            return kept
        try:
            answer = await question()
        except NotFoundError:
            self._kept.pop(key, None)
            raise
        except UnavailableError as error:
            kept = self._recent(key, now)
            if kept is None:
                raise
            self._asked_again_at = self._clock.monotonic() + ASKED_AGAIN_S
            log.warning("answering_from_memory", what=error.what, reason=error.reason)
            return kept
        self._asked_again_at = 0.0
        self._kept[key] = (now, answer)
        self._kept.move_to_end(key)
        if len(self._kept) > MOST_KEPT:
            self._kept.popitem(last=False)
        return answer

    def forget(self) -> None:
        """Forgets everything: something was changed here."""
        self._kept.clear()

    def _recent(self, key: Hashable, now: float) -> Value | None:
        confirmed_at, value = self._kept.get(key, (-KEPT_S, None))
        return value if now - confirmed_at < KEPT_S else None


class RememberingModels:
    """A ModelCatalog whose `get` answers while the catalog is away."""

    def __init__(self, models: ModelCatalog, clock: Clock) -> None:
        self._models = models
        self._memory = Memory[ImportedModel](clock)

    async def publish(
        self,
        model: ImportedModel,
        *,
        content_sha256: str,
        allowed_from: frozenset[Stage],
        fence: int | None = None,
    ) -> None:
        """Publishes a model."""
        await self._models.publish(model, content_sha256=content_sha256, allowed_from=allowed_from, fence=fence)

    async def get(self, tenant: Tenant, identifier: str) -> ImportedModel:
        """Returns a model by id or name. Raises NotFoundError."""
        return await self._memory.ask((tenant, identifier), lambda: self._models.get(tenant, identifier))

    async def find(self, tenant: Tenant, query: ListQuery) -> Page[ImportedModel]:
        """Returns a page of models."""
        return await self._models.find(tenant, query)

    async def delete(self, tenant: Tenant, model_id: str) -> bool:
        """Forgets a model and its wrapped key; True when nobody else holds its artifact. Raises NotFoundError."""
        self._memory.forget()
        return await self._models.delete(tenant, model_id)


class RememberingTags:
    """A TagCatalog whose `get` answers while the catalog is away: policies may ask for a model's tags."""

    def __init__(self, tags: TagCatalog, clock: Clock) -> None:
        self._tags = tags
        self._memory = Memory[tuple[Tag, ...]](clock)

    async def get(self, tenant: Tenant, kind: ResourceKind, resource_id: str) -> tuple[Tag, ...]:
        """Returns a resource's tags, by key."""
        return await self._memory.ask((tenant, kind, resource_id), lambda: self._tags.get(tenant, kind, resource_id))

    async def put(
        self, tenant: Tenant, kind: ResourceKind, resource_id: str, tags: Sequence[Tag], *, most: int
    ) -> None:
        """Adds tags or gives them new values."""
        self._memory.forget()
        await self._tags.put(tenant, kind, resource_id, tags, most=most)

    async def remove(self, tenant: Tenant, kind: ResourceKind, resource_id: str, keys: Sequence[str]) -> None:
        """Removes tags by key."""
        self._memory.forget()
        await self._tags.remove(tenant, kind, resource_id, keys)
