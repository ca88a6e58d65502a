"""The proof that a model generates."""

from __future__ import annotations

import json
import math
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from outcrop.adapters import engine_transformers, engine_vllm
from outcrop.errors import (
    EngineError,
    ModelFailedError,
    ModelTimeoutError,
    ProofFailedError,
    StorageError,
    UnavailableError,
)
from outcrop.records import JsonObject, ModelFacts, ServableModel
from outcrop.serving.fleet import Fleet, FleetLimits
from outcrop.serving.proof import PROMPT, prove, prove_model
from outcrop.testing import null_engine
from outcrop.testing.null_engine import NullRunningEngine
from outcrop.testing.null_host import NullHost
from outcrop.testing.turned_clock import TurnedClock

pytestmark = pytest.mark.anyio

USAGE = {"prompt_tokens": 3, "completion_tokens": 2}


class ScriptedEngine(NullRunningEngine):
    """An engine that answers what a test tells it, or raises it."""

    def __init__(self, *answers: JsonObject | Exception, clock: TurnedClock | None = None) -> None:
        super().__init__("label")
        self._answers = list(answers)
        self._clock = clock

    async def post(self, path: str, body: JsonObject) -> JsonObject:
        """Gives the next answer."""
        self.posted.append((path, body))
        if self._clock is not None:
            await self._clock.turn(1.5)
        answer = self._answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


def chat_reply(logprobs: list[Any] | None = None) -> JsonObject:
    """A chat reply, with these log probabilities."""
    content = {"content": [{"token": "x", "logprob": value} for value in logprobs or []]}
    message = {"role": "assistant", "content": "hello"}
    choice = {"message": message, "finish_reason": "stop", "logprobs": content if logprobs is not None else None}
    return {"choices": [choice], "usage": USAGE}


def completion_reply(logprobs: list[Any]) -> JsonObject:
    """A completion, with these log probabilities."""
    choice = {"text": "hello", "finish_reason": "stop", "logprobs": {"tokens": [], "token_logprobs": logprobs}}
    return {"choices": [choice], "usage": USAGE}


async def test_the_evidence_says_what_was_seen(clock: TurnedClock, facts: ModelFacts) -> None:
    """Engine, schema, prompt, text, token counts, seconds, and log probabilities where the engine has them."""
    engine = ScriptedEngine(chat_reply([-0.5, -1.25]), clock=clock)

    evidence = await prove(engine, facts, capabilities=engine_vllm.CAPABILITIES, clock=clock)

    assert evidence == {
        "engine": "null engine 1",
        "schema": "OpenAIChatCompletion",
        "prompt": PROMPT,
        "text": "hello",
        "input_tokens": 3,
        "output_tokens": 2,
        "seconds": 1.5,
        "log_probabilities": [-0.5, -1.25],
    }


async def test_a_model_without_a_template_continues_a_text(clock: TurnedClock, facts: ModelFacts) -> None:
    """A base model is proved by a completion, greedily."""
    engine = ScriptedEngine(completion_reply([-0.5]))

    evidence = await prove(
        engine, replace(facts, is_instruct=False), capabilities=engine_vllm.CAPABILITIES, clock=clock
    )

    assert engine.posted == [
        ("/v1/completions", {"prompt": PROMPT, "max_tokens": 16, "temperature": 0, "logprobs": 1}),
    ]
    assert (evidence["schema"], evidence["text"]) == ("OpenAICompletion", "hello")


@pytest.mark.parametrize("logprobs", [[], [math.nan], [-0.5, -math.inf], [None]])
async def test_log_probabilities_must_be_finite(clock: TurnedClock, facts: ModelFacts, logprobs: list[Any]) -> None:
    """A model whose arithmetic breaks down does not pass, though a greedy choice among NaN is a token."""
    with pytest.raises(ProofFailedError, match="not finite"):
        await prove(ScriptedEngine(chat_reply(logprobs)), facts, capabilities=engine_vllm.CAPABILITIES, clock=clock)


async def test_without_log_probabilities_a_token_is_sampled(clock: TurnedClock, facts: ModelFacts) -> None:
    """Transformers serve gives no log probabilities, but fails to sample from NaN."""
    refusal = ModelFailedError("it failed", original_status=500, resource_name="label")
    engine = ScriptedEngine(chat_reply(), refusal)

    with pytest.raises(ProofFailedError, match=r"no token can be sampled .* null engine 1.* NaN or infinity"):
        await prove(engine, facts, capabilities=engine_transformers.CAPABILITIES, clock=clock)

    assert engine.posted[1][1]["generation_config"] == '{"do_sample": true, "temperature": 1}'


async def test_a_model_that_generates_nothing_is_refused(clock: TurnedClock, facts: ModelFacts) -> None:
    """At least one token must come."""
    nothing = {**chat_reply([-1.0]), "usage": {"prompt_tokens": 3, "completion_tokens": 0}}

    with pytest.raises(ProofFailedError, match="generated nothing on null engine 1"):
        await prove(ScriptedEngine(nothing), facts, capabilities=engine_vllm.CAPABILITIES, clock=clock)


def silent(reply: JsonObject) -> JsonObject:
    """The same without a word."""
    (choice,) = json.loads(json.dumps(reply))["choices"]
    said = {"message": {**choice["message"], "content": ""}} if "message" in choice else {"text": ""}
    return {**reply, "choices": [{**choice, **said}]}


async def test_a_chat_model_that_says_nothing_may_continue_a_text(clock: TurnedClock, facts: ModelFacts) -> None:
    """The evidence is then of the completion."""
    engine = ScriptedEngine(silent(chat_reply([-1.0])), completion_reply([-0.5]))

    evidence = await prove(engine, facts, capabilities=engine_vllm.CAPABILITIES, clock=clock)

    assert engine.posted[1][1]["temperature"] == 0
    assert (evidence["schema"], evidence["text"]) == ("OpenAICompletion", "hello")


async def test_a_base_model_that_says_nothing_may_sample(clock: TurnedClock, facts: ModelFacts) -> None:
    """What follows a bare sentence may well be the end of the text."""
    engine = ScriptedEngine(silent(completion_reply([-1.0])), completion_reply([-0.5]))

    base = replace(facts, is_instruct=False)
    evidence = await prove(engine, base, capabilities=engine_vllm.CAPABILITIES, clock=clock)

    assert (engine.posted[1][1]["temperature"], evidence["text"]) == (1, "hello")


async def test_a_model_that_never_says_a_word_is_refused(clock: TurnedClock, facts: ModelFacts) -> None:
    """Tokens alone prove nothing: all of them may be padding, as those of weights that are all zero."""
    engine = ScriptedEngine(silent(chat_reply([-1.0])), silent(completion_reply([-0.5])))

    with pytest.raises(ProofFailedError, match="generated no text on null engine 1"):
        await prove(engine, facts, capabilities=engine_vllm.CAPABILITIES, clock=clock)


async def test_thoughts_are_words(clock: TurnedClock, facts: ModelFacts) -> None:
    """A reasoning model has not come to its answer after so few tokens."""
    (choice,) = json.loads(json.dumps(chat_reply([-1.0])))["choices"]
    thinking = {**choice, "message": {"role": "assistant", "content": None, "reasoning_content": "hm"}}

    evidence = await prove(
        ScriptedEngine({"choices": [thinking], "usage": USAGE}),
        facts,
        capabilities=engine_vllm.CAPABILITIES,
        clock=clock,
    )

    assert evidence["text"] == "hm"


async def test_a_model_that_takes_too_long_is_refused(clock: TurnedClock, facts: ModelFacts) -> None:
    """The reason is the engine's."""
    engine = ScriptedEngine(ModelTimeoutError("The model did not answer in time."))

    with pytest.raises(ProofFailedError, match="did not answer in time"):
        await prove(engine, facts, capabilities=engine_vllm.CAPABILITIES, clock=clock)


# --- in a fleet ---


@pytest.fixture
async def fleet(host: NullHost, clock: TurnedClock) -> AsyncIterator[Fleet]:
    """A fleet with room for one copy."""
    made = Fleet(host, clock, FleetLimits(max_copies=1))
    yield made
    await made.close()


async def test_the_copy_that_was_proved_stays_for_its_users(
    fleet: Fleet, host: NullHost, clock: TurnedClock, facts: ModelFacts, models: list[ServableModel]
) -> None:
    """The first request after an import finds the model loaded."""
    evidence = await prove_model(
        models[0], facts, fleet=fleet, capabilities=null_engine.CAPABILITIES, clock=clock, load_s=600
    )
    async with fleet.copy_of(models[0], hold_s=0):
        pass

    assert evidence["output_tokens"] == 16
    assert len(host.started) == 1


@pytest.mark.parametrize(
    ("failure", "kind", "message"),
    [
        (
            EngineError("it ended with status 1", log_tail="a\nb\n\nc\nValueError: bad model\n"),
            ProofFailedError,
            "it ended with status 1: b / c / ValueError: bad model",
        ),
        (EngineError("it ended"), ProofFailedError, "it ended"),
        (StorageError("no memory"), StorageError, "no memory"),
    ],
)
async def test_a_load_that_fails_is_told_with_its_cause(
    fleet: Fleet,
    host: NullHost,
    clock: TurnedClock,
    facts: ModelFacts,
    models: list[ServableModel],
    failure: Exception,
    kind: type[Exception],
    message: str,
) -> None:
    """An engine's refusal is the import's failure, with the engine's last words; other errors are not the model's."""
    host.failure = failure

    with pytest.raises(kind) as caught:
        await prove_model(models[0], facts, fleet=fleet, capabilities=null_engine.CAPABILITIES, clock=clock, load_s=600)

    assert str(caught.value) == message


@pytest.mark.parametrize(("kills", "is_proven"), [(1, True), (2, True), (3, False)])
async def test_an_engine_that_was_killed_is_started_again(
    fleet: Fleet,
    host: NullHost,
    clock: TurnedClock,
    facts: ModelFacts,
    models: list[ServableModel],
    kills: int,
    *,
    is_proven: bool,
) -> None:
    """That somebody or the kernel killed it says nothing of the model; when all of them are killed, it does."""
    start = host.start

    async def killed_at_first(model: ServableModel) -> NullRunningEngine:
        is_killed = len(host.started) < kills
        host.failure = EngineError("it ended with status 137", was_killed=True) if is_killed else None
        return await start(model)

    host.start = killed_at_first  # type: ignore[method-assign]

    async def proven() -> JsonObject:
        return await prove_model(
            models[0], facts, fleet=fleet, capabilities=null_engine.CAPABILITIES, clock=clock, load_s=600
        )

    if is_proven:
        assert (await proven())["output_tokens"] == 16
        assert len(host.started) == kills + 1
    else:
        with pytest.raises(ProofFailedError, match="it ended with status 137"):
            await proven()
        assert len(host.started) == kills


async def test_a_load_that_takes_too_long_is_told(
    fleet: Fleet, host: NullHost, clock: TurnedClock, facts: ModelFacts, models: list[ServableModel]
) -> None:
    """The import fails with the time that it waited."""
    host.hold_up()

    with pytest.raises(ProofFailedError, match="not loaded within 0 seconds"):
        await prove_model(models[0], facts, fleet=fleet, capabilities=null_engine.CAPABILITIES, clock=clock, load_s=0)


async def test_no_room_for_a_proof_is_no_fault_of_the_model(
    fleet: Fleet, clock: TurnedClock, facts: ModelFacts, models: list[ServableModel]
) -> None:
    """An import waits, as for anything that is away, while every copy is in use."""
    async with fleet.copy_of(models[0]):
        with pytest.raises(UnavailableError, match="All 1 model copies are in use"):
            await prove_model(
                models[1], facts, fleet=fleet, capabilities=null_engine.CAPABILITIES, clock=clock, load_s=0
            )
