"""What the bodies of InvokeModel are written as."""

import json

from outcrop.api import invoke


def test_half_an_emoji_is_kept_for_the_other_half() -> None:
    """Engines may stream the two apart; whole ones are plain UTF-8."""
    halves = [invoke._json({"generation": half}) for half in ("\ud83d", "\ude00")]

    joined = "".join(json.loads(half)["generation"] for half in halves)
    assert joined.encode("utf-16", "surrogatepass").decode("utf-16") == "\U0001f600"
    assert "\U0001f600".encode() in invoke._json({"generation": "\U0001f600"})
