"""Lists: from a call's parameters to a query, and from a page to the opaque token of the next. Pure.

A token holds where the list goes on, and is authenticated together with the query that it belongs to.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime
from typing import Protocol, TypeVar

from outcrop.api.calls import Call
from outcrop.errors import ValidationError
from outcrop.records import ListQuery, Page, Stage

Item = TypeVar("Item", bound="Listed")

_MAC_BYTES = 16
_POSITION = ("maxResults", "nextToken")

DEFAULT_PAGE_SIZE = 100
"""AWS does not document its own (SPEC U9); the most that one call may ask for is 1,000."""


class Listed(Protocol):
    """What lists hold: jobs and models."""

    @property
    def id(self) -> str:
        """The id, which orders what was created in the same microsecond."""
        ...

    @property
    def created_at(self) -> datetime:
        """When it was created."""
        ...


def query_of(call: Call, *, key: bytes, stages: frozenset[Stage] | None = None) -> ListQuery:
    """Returns the query that a list call asks for, newest first unless it says otherwise.

    Raises:
        ValidationError: the token was not made by this server, or for another query.
    """
    params = call.params
    return ListQuery(
        limit=params.get("maxResults", DEFAULT_PAGE_SIZE),
        name_contains=params.get("nameContains"),
        created_after=params.get("creationTimeAfter"),
        created_before=params.get("creationTimeBefore"),
        is_ascending=params.get("sortOrder") == "Ascending",
        stages=stages,
        after=None if params.get("nextToken") is None else _decode(call, key),
    )


def next_token(call: Call, page: Page[Item], *, key: bytes) -> dict[str, str]:
    """Returns the member that leads to the page after this one; nothing where this is the last."""
    if not page.has_more:
        return {}
    last = page.items[-1]
    payload = json.dumps([last.created_at.isoformat(), last.id], separators=(",", ":")).encode()
    token = base64.urlsafe_b64encode(_mac(call, payload, key) + payload).decode().rstrip("=")
    return {"nextToken": token}


def _decode(call: Call, key: bytes) -> tuple[datetime, str]:
    token = str(call.params["nextToken"])
    try:
        raw = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
    except ValueError:
        raw = b""
    mac, payload = raw[:_MAC_BYTES], raw[_MAC_BYTES:]
    if not hmac.compare_digest(mac, _mac(call, payload, key)):
        raise ValidationError("The nextToken is not one that this list returned for the same filters and order.")
    created_at, item_id = json.loads(payload)
    return datetime.fromisoformat(created_at).astimezone(UTC), str(item_id)


def _mac(call: Call, payload: bytes, key: bytes) -> bytes:
    query = {name: str(value) for name, value in call.params.items() if name not in _POSITION}
    tenant = call.caller.tenant
    message = (
        json.dumps([call.operation, tenant.account, tenant.region, query], sort_keys=True).encode() + b"\n" + payload
    )
    return hmac.digest(key, message, hashlib.sha256)[:_MAC_BYTES]
