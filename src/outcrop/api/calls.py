"""What the gateway and the operations say to each other: no HTTP, no shapes."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from outcrop.records import Caller

Event = Mapping[str, Mapping[str, Any]]
"""One event of a stream: a mapping with exactly one member of the modelled union."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A request that was authenticated, read and found to keep all rules that the model states."""

    operation: str
    params: Mapping[str, Any] = field(repr=False)
    """By the model's member names: a TypedDict of types-boto3 describes each operation's."""
    caller: Caller


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What a handler answers with."""

    output: Mapping[str, Any] = field(default_factory=dict, repr=False)
    """Members of the output shape; those that are absent or None are not sent."""
    headers: Mapping[str, str] = field(default_factory=dict)
    """Response headers that no model has, such as x-amzn-bedrock-input-token-count (SPEC 3.1.5)."""
    events: AsyncIterator[Event] | None = None
    """Of a streaming operation."""


Handler = Callable[[Call], Awaitable[Reply]]
"""Carries out one operation. Raises RequestError for what the caller can mend."""
