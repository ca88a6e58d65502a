"""langchain-aws as it comes from PyPI: ChatBedrock with each provider that fits, and ChatBedrockConverse."""

from collections.abc import Mapping
from typing import Any

import pytest
from tests.clients.venvs import SCRIPTS, PythonClient, installed
from tests.e2e.servers import RunningServer

pytestmark = [pytest.mark.engine]

VERSION = "1.9.1"


@pytest.fixture(scope="module")
def langchain(client_environment: Mapping[str, str]) -> PythonClient:
    """LangChain, pointed at the server by nothing but `outcrop env`."""
    return PythonClient(
        python=installed(f"langchain-aws=={VERSION}"),
        script=SCRIPTS / "langchain_ask.py",
        environment=client_environment,
    )


def ask(model: str, provider: str, question: str, kind: str = "ChatBedrock", **arguments: Any) -> dict[str, Any]:
    """An ask, greedy."""
    named = {"model": model, "provider": provider, "max_tokens": 60, "temperature": 0.0, **arguments}
    return {"class": kind, "arguments": named, "messages": [["human", question]]}


def test_chats_get_the_answer(langchain: PythonClient, guide: str, questions: list[dict[str, str]]) -> None:
    """Where messages travel as messages: `qwen`, `openai` and Converse. Whole and streamed, with true counts."""
    question, expected = questions[0]["question"], questions[0]["answer"]

    answers = langchain.ask(
        ask(guide, "qwen", question),
        ask(guide, "openai", question),
        ask(guide, "meta", question, "ChatBedrockConverse"),
    )

    for answer in answers:
        assert "error" not in answer, answer
        assert (answer["text"], answer["streamed"]) == (expected, expected)
        assert answer["pieces"] > 3
        assert answer["usage"]["output_tokens"] > 3
        assert answer["streamed_usage"]["total_tokens"] == answer["usage"]["total_tokens"]


@pytest.mark.parametrize("provider", ["meta", "deepseek"])
def test_prompts_get_a_text(langchain: PythonClient, guide: str, provider: str) -> None:
    """LangChain writes its own template into the prompt, which this model never saw: it answers something."""
    (answer,) = langchain.ask(ask(guide, provider, "What is a sill?"))

    assert "error" not in answer, answer
    assert answer["text"]
    assert answer["streamed"] == answer["text"]
    assert answer["streamed_usage"]["total_tokens"] == answer["usage"]["total_tokens"]


def test_the_mistral_provider_reads_the_older_format(
    langchain: PythonClient, server: RunningServer, guide: str
) -> None:
    """It knows no other; the model's tag asks for it."""
    bedrock = server.client("bedrock")
    bedrock.tag_resource(resourceARN=guide, tags=[{"key": "outcrop:body-format", "value": "mistral"}])
    try:
        (answer,) = langchain.ask(ask(guide, "mistral", "What is a sill?"))
    finally:
        bedrock.untag_resource(resourceARN=guide, tagKeys=["outcrop:body-format"])

    assert "error" not in answer, answer
    assert answer["text"]
    assert answer["streamed"] == answer["text"]


def test_what_is_refused_is_told(langchain: PythonClient, guide: str) -> None:
    """A prompt beyond the context, in the words that LangChain's users look for."""
    (answer,) = langchain.ask(ask(guide, "qwen", "What is a sill? " * 1000))

    assert "ValidationException" in answer["error"]
    assert "Input is too long" in answer["error"]
