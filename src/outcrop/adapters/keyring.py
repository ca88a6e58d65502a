"""What a keyring holds, and how it is written down. Pure.

format       2; of format 1, which had one material for each key and no aliases, only the reading is left
service_key  ARN of the key that wraps where the caller names none
keys         by ARN: created_at, enabled, versions (base64 of 256-bit materials; the last one wraps)
aliases      by alias ARN: the ARN of the key that it means
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from outcrop.arn import Tenant
from outcrop.errors import KeyUnavailableError
from outcrop.key_ids import ALIAS, full_arn, is_of

FORMAT = 2
READABLE = (1, FORMAT)


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """A key: its id stays, its material changes when it is rotated."""

    created_at: str
    """ISO 8601, UTC; empty where it was not written down."""
    is_enabled: bool = True
    versions: tuple[bytes, ...] = field(repr=False)
    """Materials of 256 bits, oldest first. The last one wraps; the others go on to unwrap what they wrapped."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Keyring:
    """Every key and alias."""

    service_key: str
    keys: Mapping[str, Key]
    aliases: Mapping[str, str] = field(default_factory=dict)

    def find(self, key_id: str, tenant: Tenant) -> str:
        """Returns the ARN of the key that an identifier means to a tenant. Raises KeyUnavailableError."""
        named = full_arn(key_id, tenant)
        arn = self.aliases.get(named, named)
        # The key of another tenant is told like one that was never made.
        if arn not in self.keys or not is_of(arn, tenant):
            raise KeyUnavailableError(f"The key {key_id} does not exist.")
        return arn

    def usable(self, arn: str) -> Key:
        """Returns a key that may be used. Raises KeyUnavailableError."""
        key = self.keys.get(arn)
        if key is None:
            raise KeyUnavailableError(f"The key {arn} does not exist.")
        if not key.is_enabled:
            raise KeyUnavailableError(f"The key {arn} is disabled.")
        return key

    def with_key(self, arn: str, key: Key) -> Keyring:
        """Returns the keyring with a key added, or replaced."""
        return replace(self, keys={**self.keys, arn: key})

    def with_alias(self, name: str, arn: str, tenant: Tenant) -> Keyring:
        """Returns the keyring with an alias that means a key from now on. Raises KeyUnavailableError."""
        if not name.startswith(ALIAS) or name == ALIAS:
            raise KeyUnavailableError(f"{name} is not the name of an alias, which begins with {ALIAS}")
        return replace(self, aliases={**self.aliases, full_arn(name, tenant): arn})

    def aliases_of(self, arn: str) -> list[str]:
        """Returns the names of a key's aliases, such as `alias/a`, in order."""
        return sorted(ALIAS + alias.partition(f":{ALIAS}")[2] for alias, key in self.aliases.items() if key == arn)


def encode(keyring: Keyring) -> str:
    """Returns the text of the keyring's file."""
    return json.dumps(
        {
            "format": FORMAT,
            "service_key": keyring.service_key,
            "keys": {
                arn: {
                    "created_at": key.created_at,
                    "enabled": key.is_enabled,
                    "versions": [base64.b64encode(material).decode() for material in key.versions],
                }
                for arn, key in keyring.keys.items()
            },
            "aliases": dict(keyring.aliases),
        },
        indent=2,
    )


def decode(text: str) -> Keyring:
    """Reads the text of a keyring's file. Raises ValueError for what is none."""
    try:
        document: dict[str, Any] = json.loads(text)
        if document["format"] not in READABLE:
            raise ValueError(f"it has format {document['format']}, and this version reads {FORMAT}")
        return Keyring(
            service_key=str(document["service_key"]),
            keys={
                arn: Key(
                    created_at=entry.get("created_at", ""),
                    is_enabled=entry.get("enabled", True),
                    versions=tuple(map(base64.b64decode, entry.get("versions") or [entry["material"]])),
                )
                for arn, entry in document["keys"].items()
            },
            aliases=dict(document.get("aliases", {})),
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError("it is not a keyring") from error
