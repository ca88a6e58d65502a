"""Which layer a fact is about."""

import pytest

from outcrop.doctor import causes
from outcrop.doctor.causes import Asked, Layer, Refusal

ASKED = Asked(endpoint="http://store:9000", bucket="models", action="s3:GetObject", region="us-east-1")


@pytest.mark.parametrize(
    ("refusal", "layer"),
    [
        (Refusal(status=403, code=""), Layer.PERMISSION),
        (Refusal(status=404, code=""), Layer.PROTOCOL),
        (Refusal(status=403, code="AccessDenied", is_page=True), Layer.PROTOCOL),
        (Refusal(status=400, code="SomethingNew"), Layer.PROTOCOL),
        (Refusal(status=500, code="InternalError"), Layer.PROTOCOL),
        (Refusal(status=307, code="TemporaryRedirect", region="eu-west-1"), Layer.REGION),
        (Refusal(status=307, code="TemporaryRedirect", region="us-east-1", moved_to="https://x/"), Layer.ENDPOINT),
        (Refusal(status=301, code="PermanentRedirect"), Layer.REGION),
        (Refusal(status=403, code="InvalidClientTokenId"), Layer.CREDENTIALS),
        (Refusal(status=403, code="InvalidToken"), Layer.CREDENTIALS),
    ],
)
def test_a_refusal_is_about_one_layer(refusal: Refusal, layer: Layer) -> None:
    """By its code, else by its status."""
    assert causes.of_refusal(refusal, ASKED).layer is layer


def test_a_code_is_of_one_kind() -> None:
    """No code is told in two ways."""
    codes = [code for kind in causes._KINDS.values() for code in kind]

    assert len(codes) == len(set(codes))


@pytest.mark.parametrize("code", sorted(code for kind in causes._KINDS.values() for code in kind))
def test_each_known_code_has_a_cause_and_a_cure(code: str) -> None:
    """Both are whole sentences, and the answer is in the first."""
    cause = causes.of_refusal(Refusal(status=400, code=code), ASKED)

    assert f"400 {code}" in cause.what
    assert cause.what.endswith(".")
    assert cause.cure.endswith(".")


@pytest.mark.parametrize("url", ["https://s3.eu-west-1.amazonaws.com", "http://127.0.0.1:9000", "http://[::1]:1/"])
def test_an_endpoint_that_can_be(url: str) -> None:
    """Nothing is said of it."""
    assert causes.of_endpoint(url, "models") is None


@pytest.mark.parametrize(
    "url", ["", "s3.amazonaws.com", "http://", "http://host:0", "http://host:99999", "http://[::1"]
)
def test_an_endpoint_that_cannot_be(url: str) -> None:
    """Also what urllib does not take apart."""
    cause = causes.of_endpoint(url, "models")

    assert cause is not None
    assert cause.layer is Layer.ENDPOINT
