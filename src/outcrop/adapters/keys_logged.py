"""Tells every use of a key: which key, for what, in the name of which model. Never key material.

The request or the import on whose behalf it is used is in the logging context (`request_id`, `job_id`), which every
line of the log carries.
"""

from __future__ import annotations

from collections.abc import Awaitable, Mapping
from typing import TypeVar

import structlog

from outcrop.arn import Tenant
from outcrop.artifact.keywrap import MODEL_ARN
from outcrop.errors import OutcropError
from outcrop.ports import KeyService
from outcrop.records import DataKey

log = structlog.get_logger()

Result = TypeVar("Result")


class LoggedKeys:
    """A KeyService whose uses are events: `key_used`, and `key_refused` with the kind of error.

    Operations have KMS's names: GenerateDataKey, Decrypt, DescribeKey.
    """

    def __init__(self, keys: KeyService) -> None:
        self._keys = keys

    async def resolve(self, key_id: str | None, tenant: Tenant) -> str:
        """Returns the ARN of a key that can be used; finding one is no use of it, but a refusal is told."""
        try:
            return await self._keys.resolve(key_id, tenant)
        except OutcropError as error:
            log.warning("key_refused", operation="DescribeKey", key_id=key_id, error=type(error).__name__)
            raise

    async def generate_data_key(self, key_arn: str, context: Mapping[str, str]) -> DataKey:
        """Makes a data key."""
        return await _told("GenerateDataKey", key_arn, context, self._keys.generate_data_key(key_arn, context))

    async def unwrap(self, key_arn: str, wrapped: bytes, context: Mapping[str, str]) -> bytes:
        """Returns a data key."""
        return await _told("Decrypt", key_arn, context, self._keys.unwrap(key_arn, wrapped, context))


async def _told(operation: str, key_arn: str, context: Mapping[str, str], work: Awaitable[Result]) -> Result:
    facts = {"operation": operation, "key_arn": key_arn, "model_arn": context.get(MODEL_ARN)}
    try:
        result = await work
    except OutcropError as error:
        log.warning("key_refused", **facts, error=type(error).__name__)
        raise
    log.info("key_used", **facts)
    return result
