"""Sends messages to a webhook over HTTP. What the receiver writes is not read, and it sends nobody elsewhere."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Mapping

import httpx

from outcrop import __version__
from outcrop.errors import NotTakenError

GONE = 410
"""The receiver wants no more of this (Standard Webhooks)."""


class HttpWebhook:
    """A receiver at a URL.

    Redirects are not followed: they would take a signed message to a host that nobody named. Nor are the proxies of
    the environment asked.
    """

    def __init__(self, url: str, *, timeout_s: float, transport: httpx.AsyncBaseTransport | None = None) -> None:
        self._url = url
        self._timeout_s = timeout_s
        self._client = httpx.AsyncClient(
            timeout=timeout_s,
            follow_redirects=False,
            trust_env=False,
            transport=transport,
            headers={"user-agent": f"outcrop/{__version__}"},
        )

    async def post(self, body: bytes, headers: Mapping[str, str]) -> None:
        """Sends a message; returns once its receiver answered 2xx.

        Raises:
            NotTakenError: it did not, in time. The error holds its status, never its words nor the URL: both may hold
                secrets.
        """
        try:
            async with (
                asyncio.timeout(self._timeout_s),
                self._client.stream("POST", self._url, content=body, headers=headers) as answer,
            ):
                taken, status, told = answer.is_success, answer.status_code, answer.headers
        except (TimeoutError, httpx.TimeoutException):
            raise NotTakenError(f"no answer within {self._timeout_s:g} s") from None
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            raise NotTakenError(type(error).__name__) from None
        if not taken:
            raise NotTakenError(f"status {status}", retry_after_s=_retry_after(told), is_final=status == GONE)

    async def close(self) -> None:
        """Ends the connections."""
        await self._client.aclose()


def _retry_after(headers: httpx.Headers) -> float | None:
    """Reads the header in its form of seconds; that of a date is not worth a second clock."""
    try:
        seconds = float(headers.get("retry-after", ""))
    except ValueError:
        return None
    return seconds if math.isfinite(seconds) and seconds >= 0 else None
