"""Percent-encoding in paths and query strings."""

import re
from urllib.parse import unquote_to_bytes

from outcrop.errors import ValidationError

_BROKEN = re.compile(rb"%(?![0-9A-Fa-f]{2})")


def decode(raw: bytes, *, name: str, place: str) -> str:
    """Decodes the value of a member. Raises ValidationError, which names the member, for what is not encoded UTF-8."""
    if _BROKEN.search(raw) is None:
        try:
            return unquote_to_bytes(raw).decode("utf-8")
        except UnicodeDecodeError:
            pass
    raise ValidationError(f"The value at '{name}' in the {place} must be percent-encoded UTF-8.")
