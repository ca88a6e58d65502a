"""Images in conversations: as bytes in Converse, as `data:` URLs in chat bodies and for engines. Pure.

Nothing is fetched: the engine would do so from our network, and AWS does not either (SPEC 10.3.3, I9).
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping, Sequence

from outcrop.errors import ValidationError
from outcrop.serving.capabilities import Feature

MOST = 3
"""How many images a request may hold (SPEC 10.3.3)."""

_BEGINNINGS: Mapping[str, re.Pattern[bytes]] = {
    "png": re.compile(rb"\x89PNG"),
    "jpeg": re.compile(rb"\xff\xd8\xff"),
    "gif": re.compile(rb"GIF8"),
    "webp": re.compile(rb"RIFF.{4}WEBP", re.DOTALL),
}
"""How files of each format of Converse (SPEC 3.4.1) begin."""
_ALSO = {"jpg": "jpeg"}
_DATA_URL = re.compile(r"data:image/(\w+);base64,", re.IGNORECASE)


def data_url(member: str, image_format: str, data: bytes) -> str:
    """Returns the URL of an image. Raises ValidationError for what is no image of that format."""
    if not _BEGINNINGS[image_format].match(data):
        raise ValidationError(f"{member}: is not a {image_format} image")
    return f"data:image/{image_format};base64,{base64.b64encode(data).decode()}"


def require_data_url(member: str, url: str) -> None:
    """Raises ValidationError for any URL but that of an image that it holds itself."""
    begun = _DATA_URL.match(url)
    if begun is None:
        raise ValidationError(f"{member}: must be a data:image/…;base64,… URL; nothing is fetched")
    image_format = _ALSO.get(begun[1].lower(), begun[1].lower())
    if image_format not in _BEGINNINGS:
        raise ValidationError(f"{member}: must be an image of one of {', '.join(_BEGINNINGS)}")
    try:
        data = base64.b64decode(url[begun.end() :], validate=True)
    except (binascii.Error, ValueError):
        raise ValidationError(f"{member}: is not valid base64") from None
    if not _BEGINNINGS[image_format].match(data):
        raise ValidationError(f"{member}: is not a {image_format} image")


def require_few(member: str, features: Sequence[tuple[str, Feature]]) -> None:
    """Raises ValidationError for a conversation with more images than AWS takes."""
    if sum(feature is Feature.IMAGES for _, feature in features) > MOST:
        raise ValidationError(f"{member}: holds more than {MOST} images")
