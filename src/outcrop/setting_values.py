"""How the text of a setting becomes its value. Each raises ValueError with what was expected."""

from __future__ import annotations

import base64
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

Value = TypeVar("Value")


def choice(*allowed: str) -> Callable[[str], str]:
    """Reads one of the allowed words."""

    def parse(text: str) -> str:
        if text not in allowed:
            raise ValueError(f"expected one of {', '.join(allowed)}, not {text!r}")
        return text

    return parse


def at_least(lowest: float, kind: Callable[[str], Value]) -> Callable[[str], Value]:
    """Reads a number that is not less."""

    def parse(text: str) -> Value:
        value = kind(text)
        if not value >= lowest:  # type: ignore[operator]  # kind is int or float
            raise ValueError(f"must be at least {lowest:g}, not {text}")
        return value

    return parse


def within(lowest: int, highest: int) -> Callable[[str], int]:
    """Reads a whole number between two, both included."""

    def parse(text: str) -> int:
        value = int(text)
        if not lowest <= value <= highest:
            raise ValueError(f"must be from {lowest} to {highest}, not {text}")
        return value

    return parse


def template(*names: str) -> Callable[[str], str]:
    """Reads a text in which some names may stand in braces."""

    def parse(text: str) -> str:
        try:
            text.format_map(dict.fromkeys(names, ""))
        except (KeyError, ValueError, IndexError, AttributeError) as error:
            words = ", ".join(f"{{{name}}}" for name in names)
            raise ValueError(f"expected a text in which {words} may stand, not {text!r}") from error
        return text

    return parse


def port(text: str) -> int:
    """Reads a TCP port; 0 is any free one."""
    value = int(text)
    if not 0 <= value <= 65535:  # noqa: PLR2004  # what a TCP port is
        raise ValueError(f"expected a port from 0 to 65535, not {text}")
    return value


def account(text: str) -> str:
    """Reads the id of an AWS account."""
    if len(text) != 12 or not text.isdecimal():  # noqa: PLR2004  # what an AWS account id is
        raise ValueError(f"expected an account id of twelve digits, not {text!r}")
    return text


def folder(text: str) -> Path:
    """Reads the path of a folder, which need not exist."""
    return Path(text).expanduser().absolute()


def existing_folder(text: str) -> Path:
    """Reads the path of a folder that exists."""
    path = folder(text)
    if not path.is_dir():
        raise ValueError(f"{path} is not a folder")
    return path


def existing_file(text: str) -> Path:
    """Reads the path of a file that exists."""
    path = folder(text)
    if not path.is_file():
        raise ValueError(f"{path} is not a file")
    return path


def database(text: str) -> str:
    """Reads the URL of a PostgreSQL database."""
    scheme, separator, rest = text.partition("://")
    if scheme not in ("postgresql", "postgres") or not separator:
        raise ValueError("expected postgresql://USER:PASSWORD@HOST/DATABASE")
    return f"postgresql://{rest}"


def engine(text: str) -> str:
    """Reads the name of an engine, or the URL of one."""
    if text in ("transformers", "vllm"):
        return text
    if urlsplit(text).scheme in ("http", "https") and urlsplit(text).netloc:
        return text
    raise ValueError(f"expected transformers, vllm or an http(s) URL, not {text!r}")


@dataclass(frozen=True, slots=True, kw_only=True)
class CallRate:
    """How often an account may call an operation; `*` stands for each that is not named."""

    operation: str
    per_s: float
    burst: float


def call_rates(text: str) -> tuple[CallRate, ...]:
    """Reads `OPERATION=CALLS_A_SECOND[:BURST]`, with commas between."""
    return tuple(_call_rate(item.strip()) for item in text.split(",") if item.strip())


def _call_rate(text: str) -> CallRate:
    operation, _, rate = text.partition("=")
    per_s, _, burst = rate.partition(":")
    try:
        read = CallRate(operation=operation, per_s=float(per_s), burst=float(burst or max(1.0, float(per_s))))
    except ValueError:
        read = CallRate(operation=operation, per_s=0, burst=0)
    if not (operation and 0 < read.per_s < math.inf and 1 <= read.burst < math.inf):
        raise ValueError(f"expected OPERATION=CALLS_A_SECOND[:BURST] with a burst of at least 1, not {text!r}")
    return read


def vault(text: str) -> Path | str:
    """Reads the path of a folder, or the address of a bucket."""
    if not text.startswith("s3://"):
        return folder(text)
    bucket = urlsplit(text).netloc
    if not bucket:
        raise ValueError(f"expected s3://BUCKET or s3://BUCKET/PREFIX, not {text!r}")
    return text


def text(text: str) -> str:
    """Takes any text."""
    return text


def webhook_url(text: str) -> str:
    """Reads the address of a webhook: http or https, and no password in it."""
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("expected an http or https URL")
    if "@" in parts.netloc:
        raise ValueError("a URL with a user or password would show them; the signature proves who sends")
    return text


def webhook_secrets(text: str) -> str:
    """Checks secrets of Standard Webhooks, with spaces between. What they are is never part of an error."""
    signing_keys(text)
    return text


def signing_keys(text: str) -> tuple[bytes, ...]:
    """Returns the keys that webhook secrets hold. Raises ValueError, without the secret."""
    return tuple(_signing_key(secret) for secret in text.split())


def _signing_key(secret: str) -> bytes:
    try:
        key = base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    except ValueError:
        key = b""
    # https://www.standardwebhooks.com: at least 192 bits, at most 512.
    if not (secret.startswith("whsec_") and 24 <= len(key) <= 64):  # noqa: PLR2004  # as said there
        raise ValueError("expected `whsec_` and the base64 of 24 to 64 random bytes")
    return key
