"""Images in conversations: what is taken, and what is refused with its place."""

from __future__ import annotations

import base64

import pytest

from outcrop.errors import ValidationError
from outcrop.serving.images import data_url, require_data_url

IMAGES = {
    "png": b"\x89PNG\r\n\x1a\n",
    "jpeg": b"\xff\xd8\xff\xe0",
    "gif": b"GIF89a",
    "webp": b"RIFF\x0a\x00\x00\x00WEBPVP8 ",
}


def url(kind: str, data: bytes) -> str:
    """A data URL."""
    return f"data:image/{kind};base64,{base64.b64encode(data).decode()}"


@pytest.mark.parametrize("kind", IMAGES)
def test_every_format_of_converse_is_taken(kind: str) -> None:
    """As bytes, and as the URL that bodies and engines have."""
    made = data_url("image", kind, IMAGES[kind])

    assert made == url(kind, IMAGES[kind])
    require_data_url("url", made)


def test_other_names_of_a_format_are_taken() -> None:
    """`jpg`, and capitals, as people write them."""
    require_data_url("url", url("jpg", IMAGES["jpeg"]))
    require_data_url("url", url("PNG", IMAGES["png"]))


@pytest.mark.parametrize(
    ("given", "refusal"),
    [
        ("https://example.com/a.png", "url: must be a data:image/…;base64,… URL; nothing is fetched"),
        ("file:///etc/passwd", "url: must be a data:image/…;base64,… URL; nothing is fetched"),
        ("data:image/png,abc", "url: must be a data:image/…;base64,… URL; nothing is fetched"),
        ("data:text/plain;base64,aGk=", "url: must be a data:image/…;base64,… URL; nothing is fetched"),
        (url("tiff", b"II*\0"), "url: must be an image of one of png, jpeg, gif, webp"),
        ("data:image/png;base64,iVBORw0K Ggo=", "url: is not valid base64"),
        ("data:image/png;base64,iVBORw0KGg", "url: is not valid base64"),
        ("data:image/png;base64,é", "url: is not valid base64"),
        (url("png", IMAGES["gif"]), "url: is not a png image"),
        (url("png", b""), "url: is not a png image"),
    ],
)
def test_what_is_no_image_is_refused(given: str, refusal: str) -> None:
    """Before an engine sees it, and nothing is ever fetched."""
    with pytest.raises(ValidationError) as caught:
        require_data_url("url", given)

    assert caught.value.message == refusal


def test_bytes_of_another_format_are_refused() -> None:
    """The format that Converse names must be the image's own."""
    with pytest.raises(ValidationError, match="source: is not a webp image"):
        data_url("source", "webp", IMAGES["png"])
