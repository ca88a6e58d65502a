"""Tells every use of a key: which key, for what, in the name of which model, on whose behalf. Never key material.

The principal, the request, the import or the command on whose behalf it is used is in the logging context (`principal`,
`request_id`, `job_id`, `command`), which every line of the log carries and each record of the trail tells.
"""

from __future__ import annotations

import uuid
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeVar

import structlog

from outcrop.adapters.key_records import key_record
from outcrop.arn import Tenant
from outcrop.artifact.keywrap import MODEL_ARN
from outcrop.errors import OutcropError
from outcrop.ports import Clock, KeyService
from outcrop.records import DataKey

log = structlog.get_logger()

Result = TypeVar("Result")
Trail = Callable[[Mapping[str, Any]], None]
"""Takes CloudTrail's record of a use."""


class LoggedKeys:
    """A KeyService whose uses are events: `key_used`, and `key_refused` with the kind of error; and records.

    Operations have KMS's names: GenerateDataKey, Decrypt, DescribeKey.
    """

    def __init__(self, keys: KeyService, *, trail: Trail | None, clock: Clock) -> None:
        """Keeps whom to tell.

        Args:
            keys: do the work.
            trail: is given the record of each use; None: nobody is.
            clock: tells when it was.
        """
        self._keys = keys
        self._trail = trail
        self._clock = clock

    async def resolve(self, key_id: str | None, tenant: Tenant) -> str:
        """Returns the ARN of a key that can be used; finding one is no use of it, but a refusal is told."""
        try:
            return await self._keys.resolve(key_id, tenant)
        except OutcropError as error:
            log.warning("key_refused", operation="DescribeKey", key_id=key_id, error=type(error).__name__)
            self._record("DescribeKey", key_id or "the service's own key", {}, error)
            raise

    async def generate_data_key(self, key_arn: str, context: Mapping[str, str]) -> DataKey:
        """Makes a data key."""
        return await self._told("GenerateDataKey", key_arn, context, self._keys.generate_data_key(key_arn, context))

    async def unwrap(self, key_arn: str, wrapped: bytes, context: Mapping[str, str]) -> bytes:
        """Returns a data key."""
        return await self._told("Decrypt", key_arn, context, self._keys.unwrap(key_arn, wrapped, context))

    async def _told(self, operation: str, key_arn: str, context: Mapping[str, str], work: Awaitable[Result]) -> Result:
        facts = {"operation": operation, "key_arn": key_arn, "model_arn": context.get(MODEL_ARN)}
        try:
            result = await work
        except OutcropError as error:
            log.warning("key_refused", **facts, error=type(error).__name__)
            self._record(operation, key_arn, context, error)
            raise
        log.info("key_used", **facts)
        self._record(operation, key_arn, context, None)
        return result

    def _record(self, operation: str, key_id: str, context: Mapping[str, str], error: OutcropError | None) -> None:
        if self._trail is not None:
            behalf = structlog.contextvars.get_contextvars()
            self._trail(
                key_record(
                    operation,
                    key_id,
                    context,
                    at=self._clock.now(),
                    event_id=str(uuid.uuid4()),
                    behalf=behalf,
                    error=error,
                )
            )
