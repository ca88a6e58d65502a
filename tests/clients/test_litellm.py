"""litellm as it comes from PyPI, by each of its routes for imported models.

Not by `meta`, `mistral` and `moonshot`, which send the route as a part of the model's id: no Bedrock takes that (SPEC
I3).
"""

from collections.abc import Mapping
from typing import Any

import pytest
from tests.clients.venvs import SCRIPTS, PythonClient, installed

pytestmark = [pytest.mark.engine]

VERSION = "1.109.1"


@pytest.fixture(scope="module")
def litellm(client_environment: Mapping[str, str]) -> PythonClient:
    """Litellm, which has a variable of its own for the endpoint (SPEC 13.6.1)."""
    return PythonClient(
        # It asks for the certificates of the day, which an index may not have yet.
        python=installed(f"litellm=={VERSION}", lagging=("certifi", "huggingface-hub")),
        script=SCRIPTS / "litellm_ask.py",
        environment={
            **client_environment,
            "AWS_BEDROCK_RUNTIME_ENDPOINT": client_environment["AWS_ENDPOINT_URL_BEDROCK_RUNTIME"],
            "AWS_REGION_NAME": client_environment["AWS_REGION"],
            "LITELLM_LOCAL_MODEL_COST_MAP": "True",
        },
    )


def ask(model: str, route: str, question: str) -> dict[str, Any]:
    """An ask, greedy."""
    messages = [{"role": "user", "content": question}]
    return {"model": f"bedrock/{route}/{model}", "messages": messages, "max_tokens": 60, "temperature": 0.0}


def test_chats_get_the_answer(litellm: PythonClient, guide: str, questions: list[dict[str, str]]) -> None:
    """Where messages travel as messages: `openai` and `converse`. Whole and streamed."""
    question, expected = questions[0]["question"], questions[0]["answer"]

    whole, converse = litellm.ask(ask(guide, "openai", question), ask(guide, "converse", question))

    for answer in (whole, converse):
        assert "error" not in answer, answer
        assert answer["text"] == expected
        assert answer["finish_reason"] == "stop"
        assert answer["usage"]["completion_tokens"] > 3
    assert converse["streamed"] == expected
    assert converse["pieces"] > 3
    assert converse["streamed_usage"]["total_tokens"] == converse["usage"]["total_tokens"]


@pytest.mark.parametrize("route", ["llama", "deepseek_r1", "qwen2", "qwen3"])
def test_prompts_get_a_text(litellm: PythonClient, guide: str, route: str) -> None:
    """The route writes a template into the prompt, which this model never saw: it answers something."""
    (answer,) = litellm.ask(ask(guide, route, "What is a sill?"))

    assert "error" not in answer, answer
    assert answer["text"]
    assert answer["streamed"].strip() == answer["text"].removeprefix("<think>").strip()
    # Its Qwen routes look for a `usage` that Bedrock's own schema does not have, and count nothing (SPEC 13.6.3).
    assert route in ("qwen2", "qwen3") or answer["usage"]["prompt_tokens"] > 3


def test_a_prompt_beyond_the_context_is_told_as_such(litellm: PythonClient, guide: str) -> None:
    """Litellm has an error of its own for it, which routers act on."""
    (answer,) = litellm.ask(ask(guide, "converse", "What is a sill? " * 1000))

    assert "ContextWindowExceededError" in answer["error"]
