"""What every engine does: the null engine, in this process and over HTTP, and the real ones that are installed."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tests.served import served
from tests.vllm import ENVIRONMENT, OPTIONS, VLLM, needs_vllm

from outcrop import settings
from outcrop.adapters import engine_transformers, engine_vllm
from outcrop.adapters.engine_openai import ProcessEngine
from outcrop.adapters.engine_profile import EngineProfile
from outcrop.adapters.engine_remote import RemoteEngine
from outcrop.adapters.engine_transformers import transformers_profile
from outcrop.adapters.engine_vllm import vllm_profile
from outcrop.errors import EngineError, ModelFailedError, ValidationError
from outcrop.ports import Engine, RunningEngine
from outcrop.records import JsonObject, ModelFacts
from outcrop.serving.bodies import InvokeReply, ReplyIdentity, answer, engine_request, parse
from outcrop.serving.capabilities import Capabilities, Feature
from outcrop.serving.deltas import ChunkReader, StreamEnd
from outcrop.testing import null_engine

pytestmark = pytest.mark.anyio

TRANSFORMERS = settings.find_program("transformers")

FACTS = ModelFacts(
    architecture="llama", is_instruct=True, parameters=1, weight_bytes=1, context_length=256, custom_model_units=1
)
IDENTITY = ReplyIdentity(id="0" * 32, created=0, model="model")


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """An engine with a model loaded, and what it claims to do."""

    kind: str
    engine: Engine
    running: RunningEngine
    capabilities: Capabilities

    async def invoke(self, **members: Any) -> InvokeReply:
        """Sends an InvokeModel body, as the data plane does."""
        request = parse(json.dumps(members).encode())
        asked = engine_request(request, self.capabilities, FACTS)
        return answer(request, await self.running.post(asked.path, asked.body), self.capabilities, IDENTITY)

    @property
    def endless(self) -> int:
        """More tokens than a test would wait for; of vLLM as many as it allows."""
        return 250 if self.kind == "vllm" else 50_000

    async def stream(self, **members: Any) -> tuple[list[str], StreamEnd]:
        """Sends an InvokeModel body for a streamed reply; returns its pieces and its end."""
        request = parse(json.dumps(members).encode())
        asked = engine_request(request, self.capabilities, FACTS)
        reader = ChunkReader(request.sampling.stop if self.capabilities.keeps_stop_text else ())
        pieces: list[str] = []
        async with aclosing(self.running.stream(asked.path, asked.body)) as chunks:
            async for chunk in chunks:
                pieces += [delta.text for delta in reader.read(chunk)]
        return pieces, reader.end()


def process_engine(profile: EngineProfile, folder: Path, **environment: str) -> ProcessEngine:
    """An engine that is started as a process."""
    return ProcessEngine(
        profile,
        run_dir=folder / "run",
        log_dir=folder / "logs",
        environment={**settings.engine_environment(), **environment},
    )


def make(kind: str, folder: Path, url: str) -> tuple[Engine, Capabilities]:
    """Makes an engine of a kind, the remote one for a URL, and says what it claims to do."""
    match kind:
        case "null":
            return null_engine.NullEngine(), null_engine.CAPABILITIES
        case "remote":
            return RemoteEngine(url), null_engine.CAPABILITIES
        case "transformers":
            profile = transformers_profile(TRANSFORMERS, device="cpu")
            return process_engine(profile, folder), engine_transformers.CAPABILITIES
        case _:
            profile = vllm_profile(VLLM, options=OPTIONS)
            return process_engine(profile, folder, **ENVIRONMENT), engine_vllm.CAPABILITIES


KINDS = [
    "null",
    "remote",
    pytest.param(
        "transformers",
        marks=[
            pytest.mark.engine,
            pytest.mark.skipif(TRANSFORMERS is None, reason="outcrop[transformers] is not installed"),
        ],
    ),
    pytest.param(
        "vllm",
        marks=[pytest.mark.engine, needs_vllm],
    ),
]


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    """Async tests run on asyncio, as Outcrop does."""
    return "asyncio"


@pytest.fixture(scope="module", params=KINDS)
async def subject(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, tiny_llama: Path
) -> AsyncIterator[Subject]:
    """An engine of each kind, with the tiny model loaded."""
    async with served(null_engine.app) as url:
        engine, capabilities = make(request.param, tmp_path_factory.mktemp("engine"), url)
        running = await engine.start(str(tiny_llama), label="arn:tiny")
        yield Subject(kind=request.param, engine=engine, running=running, capabilities=capabilities)
        await running.stop()


def generation(reply: InvokeReply) -> str:
    """The text of a reply to a BedrockCompletion."""
    return str(reply.body["generation"])


async def test_it_says_what_it_is(subject: Subject) -> None:
    """Engine and version, for the evidence of an import."""
    assert subject.running.is_alive
    assert subject.running.description


async def test_greedy_generation_is_repeatable(subject: Subject) -> None:
    """The same prompt gives the same text and counts at temperature 0."""
    first, second = [await subject.invoke(prompt="hello", max_gen_len=8, temperature=0) for _ in range(2)]

    assert first == second
    assert generation(first)


async def test_the_limit_is_kept(subject: Subject) -> None:
    """A text of as many tokens as were allowed ends for its length."""
    reply = await subject.invoke(prompt="hello", max_gen_len=3, temperature=0)

    assert reply.output_tokens == 3
    assert reply.body["stop_reason"] == "length"


async def test_counts_are_true(subject: Subject) -> None:
    """The usage adds up, and a longer prompt has more tokens."""
    short = await subject.invoke(prompt="one", max_tokens=2)
    long = await subject.invoke(prompt="one two three", max_tokens=2)
    usage = long.body["usage"]

    assert isinstance(usage, Mapping)
    assert usage["total_tokens"] == long.input_tokens + long.output_tokens
    assert 0 < short.input_tokens < long.input_tokens


async def test_a_chat_is_answered(subject: Subject) -> None:
    """The model's template is applied by the engine, and the prompt counts with it."""
    messages = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "hello"}]
    chat = await subject.invoke(messages=messages, max_tokens=4, temperature=0)
    choices = json.loads(json.dumps(chat.body))["choices"]

    assert choices[0]["message"]["content"]
    assert chat.output_tokens == 4
    assert chat.input_tokens > 1


async def test_text_ends_before_a_stop_string(subject: Subject) -> None:
    """The stop string is not part of the text, and nothing comes after it."""
    whole = generation(await subject.invoke(prompt="hello", max_gen_len=12, temperature=0))
    stop = whole[3:5]

    reply = await subject.invoke(prompt="hello", max_gen_len=12, temperature=0, stop=[stop])

    assert generation(reply) == whole[: whole.index(stop)]
    assert reply.body["stop_reason"] == "stop"
    assert reply.output_tokens <= 12


ASKS: Mapping[Feature, JsonObject] = {
    Feature.TOP_K: {"top_k": 5},
    Feature.MIN_P: {"min_p": 0.05},
    Feature.REPETITION_PENALTY: {"repetition_penalty": 1.1},
    Feature.SEED: {"seed": 7},
    Feature.PENALTIES: {"frequency_penalty": 0.5, "presence_penalty": 0.5},
    Feature.LOGIT_BIAS: {"logit_bias": {"5": 1}},
    Feature.SEVERAL_CHOICES: {"n": 2},
    Feature.ECHO: {"echo": True},
    Feature.LOGPROBS: {"logprobs": 1},
    Feature.PROMPT_LOGPROBS: {"prompt_logprobs": 1},
    Feature.RESPONSE_FORMAT: {"response_format": {"type": "json_object"}},
    Feature.STRUCTURED_OUTPUTS: {"structured_outputs": {"choice": ["yes", "no"]}},
}


async def test_it_can_do_what_it_claims_and_nothing_else_is_asked_of_it(subject: Subject) -> None:
    """Every feature of the profile is accepted and answered; every other is refused before the engine is asked."""
    for feature, ask in ASKS.items():
        if feature not in subject.capabilities.features:
            with pytest.raises(
                ValidationError, match=rf"the engine \({subject.capabilities.engine}\) does not support"
            ):
                await subject.invoke(prompt="hello", max_tokens=6, temperature=0.8, **ask)
            continue
        reply = await subject.invoke(prompt="hello", max_tokens=6, temperature=0.8, **ask)
        choices = json.loads(json.dumps(reply.body))["choices"]

        assert len(choices) == (2 if feature is Feature.SEVERAL_CHOICES else 1), feature
        assert all(choices[0][member] for member in {"logprobs", "prompt_logprobs"} & set(ask)), feature
        if feature is Feature.STRUCTURED_OUTPUTS:
            assert choices[0]["text"] in ("yes", "no")
        if feature is Feature.ECHO:
            assert choices[0]["text"].startswith("hello")


async def test_tools_are_taken_in_chats(subject: Subject) -> None:
    """Whole and streamed; what the model says of them comes back as its words, since it calls none of them."""
    tool = {"type": "function", "function": {"name": "look", "parameters": {"type": "object"}}}
    ask = {"messages": [{"role": "user", "content": "hello"}], "tools": [tool], "max_tokens": 4, "temperature": 0}
    if Feature.TOOLS not in subject.capabilities.features:
        with pytest.raises(ValidationError, match="does not support tools"):
            await subject.invoke(**ask)
        return

    whole = json.loads(json.dumps((await subject.invoke(**ask)).body))
    pieces, end = await subject.stream(**ask)

    assert whole["choices"][0]["message"]["content"] == "".join(pieces)
    assert end.output_tokens == 4


async def test_log_probabilities_stand_under_their_token_s_id(subject: Subject) -> None:
    """SPEC 10.1.3: one object of one id for each token, where the engine has them."""
    if Feature.LOGPROBS_BY_ID not in subject.capabilities.features:
        with pytest.raises(ValidationError, match="return_logprobs"):
            await subject.invoke(prompt="hello", return_logprobs=True)
        return
    reply = await subject.invoke(prompt="hello", max_gen_len=4, temperature=0, return_logprobs=True)
    logprobs = reply.body["logprobs"]

    assert isinstance(logprobs, list)
    assert len(logprobs) == 4
    assert all(len(token) == 1 and next(iter(token)).isdigit() for token in logprobs)


async def test_a_temperature_samples(subject: Subject) -> None:
    """Different seeds give different texts, the same seed the same: the temperature is not ignored."""
    if subject.kind in ("null", "remote"):
        pytest.skip("the null engine does not sample")
    texts = [
        generation(await subject.invoke(prompt="hello", max_gen_len=12, temperature=1.5, seed=seed))
        for seed in (1, 2, 1)
    ]

    assert texts[0] != texts[1]
    assert texts[0] == texts[2]


async def test_a_stream_tells_what_the_whole_reply_tells(subject: Subject) -> None:
    """The pieces are the text, the end and the counts those of the whole reply, in both kinds of prompt."""
    for ask in ({"prompt": "hello"}, {"messages": [{"role": "user", "content": "hello"}]}):
        members: dict[str, Any] = {**ask, "max_tokens": 8, "temperature": 0}
        whole = json.loads(json.dumps((await subject.invoke(**members)).body))
        pieces, end = await subject.stream(**members)
        choice = whole["choices"][0]

        assert "".join(pieces) == choice.get("text", choice.get("message", {}).get("content"))
        assert len(pieces) > 1
        assert end.choices[0].finish_reason == choice["finish_reason"]
        assert (end.input_tokens, end.output_tokens) == (
            whole["usage"]["prompt_tokens"],
            whole["usage"]["completion_tokens"],
        )


async def test_a_stream_ends_before_a_stop_string(subject: Subject) -> None:
    """Also where the stop string spans two tokens, nothing of it is streamed."""
    whole = generation(await subject.invoke(prompt="hello", max_gen_len=12, temperature=0))
    stop = whole[3:5]

    pieces, end = await subject.stream(prompt="hello", max_gen_len=12, temperature=0, stop=[stop])

    assert "".join(pieces) == whole[: whole.index(stop)]
    assert end.choices[0].finish_reason == "stop"


async def test_a_stream_that_is_left_frees_the_engine(subject: Subject) -> None:
    """What nobody reads any more is not generated to its end, which would take these engines very long."""
    for _ in range(3):
        async with aclosing(
            subject.running.stream("/v1/completions", {"prompt": "hello", "max_tokens": subject.endless})
        ) as left:
            await anext(left)

    reply = await subject.invoke(prompt="hello", max_gen_len=3, temperature=0)
    assert reply.output_tokens == 3


async def test_a_request_that_is_left_frees_the_engine(subject: Subject) -> None:
    """The same for a request for a whole reply: it is cancelled, and the next is answered."""
    left = asyncio.create_task(
        subject.running.post("/v1/completions", {"prompt": "hello", "max_tokens": subject.endless})
    )
    await asyncio.sleep(0.2)
    left.cancel()
    await asyncio.wait({left})

    reply = await subject.invoke(prompt="hello", max_gen_len=3, temperature=0)
    assert reply.output_tokens == 3


async def test_streams_at_the_same_time_are_not_mixed_up(subject: Subject) -> None:
    """Each gets the pieces of its own reply."""
    prompts = ["a", "bb bb", "c c c", "d d d d"]
    alone = [await subject.stream(prompt=prompt, max_gen_len=5, temperature=0) for prompt in prompts]

    together = await asyncio.gather(
        *(subject.stream(prompt=prompt, max_gen_len=5, temperature=0) for prompt in prompts)
    )

    assert ["".join(pieces) for pieces, _ in together] == ["".join(pieces) for pieces, _ in alone]
    assert [end for _, end in together] == [end for _, end in alone]


async def test_requests_at_the_same_time_are_not_mixed_up(subject: Subject) -> None:
    """Each gets the answer to its own prompt."""
    prompts = ["a", "bb bb", "c c c", "d d d d"]
    alone = [await subject.invoke(prompt=prompt, max_gen_len=5, temperature=0) for prompt in prompts]

    together = await asyncio.gather(
        *(subject.invoke(prompt=prompt, max_gen_len=5, temperature=0) for prompt in prompts)
    )

    assert [reply.input_tokens for reply in together] == [reply.input_tokens for reply in alone]
    assert [generation(reply) for reply in together] == [generation(reply) for reply in alone]


@pytest.mark.parametrize(("path", "body", "status"), [("/v1/none", {}, 404), ("/v1/completions", {"prompt": 5}, 400)])
async def test_a_refusal_has_the_engine_s_status(subject: Subject, path: str, body: JsonObject, status: int) -> None:
    """What the engine refuses is a ModelFailedError, and the engine goes on."""
    with pytest.raises(ModelFailedError) as caught:
        await subject.running.post(path, body)

    with pytest.raises(ModelFailedError) as streamed:
        await anext(subject.running.stream(path, body))

    assert streamed.value.original_status == status
    assert caught.value.original_status == status
    assert caught.value.resource_name == "arn:tiny"
    assert subject.running.is_alive


async def test_a_folder_without_a_model_is_refused(subject: Subject, tmp_path: Path) -> None:
    """An engine that cannot load what it is given does not start."""
    if subject.kind == "remote":
        pytest.skip("an engine that somebody else runs is not given the folder")

    with pytest.raises(EngineError):
        await subject.engine.start(str(tmp_path), label="arn:empty")


async def test_a_stopped_engine_answers_no_more(subject: Subject) -> None:
    """Stopping twice does no harm. It is the last test of each engine."""
    await subject.running.stop()
    await subject.running.stop()

    assert not subject.running.is_alive
    with pytest.raises(EngineError):
        await subject.running.post("/v1/completions", {"prompt": "x"})
    with pytest.raises(EngineError):
        await anext(subject.running.stream("/v1/completions", {"prompt": "x"}))
