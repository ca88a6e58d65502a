"""Messages to a real receiver, well and badly answered."""

import socket
from collections.abc import Iterator

import pytest
from tests.receiver import DRIP, HANG, Receiver, receiver

from outcrop.adapters.webhook_http import HttpWebhook
from outcrop.errors import NotTakenError
from outcrop.imports.ending import signed_headers
from outcrop.testing.clock import BEGIN

pytestmark = pytest.mark.anyio

BODY = b'{"a":1}'
HEADERS = signed_headers(BODY, message_id="m", at=BEGIN, secrets=[b"k" * 32])


@pytest.fixture
def there() -> Iterator[Receiver]:
    """A receiver that takes everything."""
    with receiver() as state:
        yield state


async def refused(url: str, *, timeout_s: float = 60) -> NotTakenError:
    """Sends a message that is not taken."""
    webhook = HttpWebhook(url, timeout_s=timeout_s)
    try:
        with pytest.raises(NotTakenError) as raised:
            await webhook.post(BODY, HEADERS)
    finally:
        await webhook.close()
    assert "hidden" not in str(raised.value)
    return raised.value


@pytest.mark.parametrize("status", [200, 201, 204])
async def test_success_is_any_2xx(there: Receiver, status: int) -> None:
    """Body and headers come as they were signed, and say who sends."""
    there.answers.append(status)
    webhook = HttpWebhook(there.url, timeout_s=60)

    await webhook.post(BODY, HEADERS)
    await webhook.close()

    there.await_taken(1)
    headers, body = there.came[0]
    assert body == BODY
    assert headers["user-agent"].startswith("outcrop/")
    assert headers["content-type"] == "application/json"


@pytest.mark.parametrize("status", [400, 404, 429, 500, 503])
async def test_a_refusal_is_told_by_its_status(there: Receiver, status: int) -> None:
    """And when the receiver wants to be asked again; its words may hold secrets, and are not read."""
    there.answers.append(status)
    there.headers = {"Retry-After": "17"}

    error = await refused(there.url)

    assert (error.problem, error.retry_after_s, error.is_final) == (f"status {status}", 17.0, False)


@pytest.mark.parametrize("said", ["", "soon", "nan", "-1", "inf", "Wed, 21 Oct 2026 07:28:00 GMT"])
async def test_nonsense_about_the_next_attempt_is_left_aside(there: Receiver, said: str) -> None:
    """Only seconds count."""
    there.answers.append(503)
    there.headers = {"Retry-After": said}

    assert (await refused(there.url)).retry_after_s is None


async def test_gone_is_final(there: Receiver) -> None:
    """410 is how Standard Webhooks lets a receiver leave."""
    there.answers.append(410)

    assert (await refused(there.url)).is_final


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_not_followed(there: Receiver, status: int) -> None:
    """Neither to another host nor to the same: nobody named it."""
    with receiver() as elsewhere:
        there.answers.append(status)
        there.headers = {"Location": elsewhere.url}

        error = await refused(there.url)

        assert error.problem == f"status {status}"
        assert elsewhere.came == []
    assert len(there.came) == 1


@pytest.mark.parametrize("kind", [HANG, DRIP])
async def test_a_receiver_that_does_not_come_to_an_end_is_left(there: Receiver, kind: int) -> None:
    """The limit is of the whole attempt, also when a byte comes now and then."""
    there.answers.append(kind)

    assert (await refused(there.url, timeout_s=0.5)).problem == "no answer within 0.5 s"


async def test_nobody_there_is_told_by_its_kind() -> None:
    """A port on which nobody listens, and a name that nobody has."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]

    assert (await refused(f"http://127.0.0.1:{port}/?token=hidden")).problem == "ConnectError"


async def test_the_environments_proxies_are_not_asked(there: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    """The address is the operator's, and so is the way."""
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    webhook = HttpWebhook(there.url, timeout_s=60)

    await webhook.post(BODY, HEADERS)
    await webhook.close()

    assert len(there.came) == 1
