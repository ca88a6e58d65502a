"""Percent-encoding."""

import pytest

from outcrop.errors import ValidationError
from outcrop.wire.percent import decode


def test_encoded_text_is_decoded() -> None:
    """Upper- and lower-case digits, and any character."""
    assert decode(b"a%2Fb%2fc%C3%A9", name="n", place="path") == "a/b/c\u00e9"


@pytest.mark.parametrize("raw", [b"%", b"%1", b"%zz", b"%ff", b"\xff"])
def test_broken_encodings_name_the_member(raw: bytes) -> None:
    """Where, and what is wanted."""
    with pytest.raises(ValidationError, match="at 'n' in the path must be percent-encoded UTF-8"):
        decode(raw, name="n", place="path")
