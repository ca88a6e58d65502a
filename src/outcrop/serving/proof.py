"""Proves that a model generates, and says what was seen: an import is not Completed without it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import structlog

from outcrop.crash_points import CrashPoint, reached
from outcrop.errors import (
    EngineError,
    ModelFailedError,
    ModelNotReadyError,
    ModelTimeoutError,
    NotEnoughMemoryError,
    ProofFailedError,
    ThrottledError,
    UnavailableError,
)
from outcrop.ports import Clock, RunningEngine
from outcrop.records import JsonObject, JsonValue, ModelFacts, ServableModel
from outcrop.serving.bodies import InvokeRequest, ReplyIdentity, Sampling, Schema, answer, engine_request
from outcrop.serving.capabilities import Capabilities, Feature
from outcrop.serving.fleet import Fleet

log = structlog.get_logger()

PROMPT = "Say hello."
MAX_TOKENS = 16
MOST_ENGINES = 3
"""How many engines are tried, when each is killed from outside."""
LOG_LINES = 3
"""How many of the engine's last words a failed load quotes."""


async def prove_model(
    model: ServableModel,
    facts: ModelFacts,
    *,
    fleet: Fleet,
    capabilities: Capabilities,
    clock: Clock,
    load_s: float,
) -> JsonObject:
    """Loads a copy of a model in the fleet, where it stays for its first users, and proves it.

    Args:
        model: the model, published or about to be.
        facts: what the checks learnt of it.
        fleet: where it is loaded.
        capabilities: what the fleet's engines can do.
        clock: for measuring.
        load_s: how long the load may take, in seconds.

    Raises:
        ProofFailedError: the engine refuses the model, or does not generate from it.
        UnavailableError: there is no room for a copy at present.
    """
    wanted = replace(model, memory_bytes=facts.copy_bytes)
    for left in reversed(range(MOST_ENGINES)):
        try:
            async with fleet.copy_of(wanted, hold_s=load_s) as engine:
                reached(CrashPoint.ENGINE_READY)
                evidence = await prove(engine, facts, capabilities=capabilities, clock=clock)
                reached(CrashPoint.MODEL_PROVEN)
                return evidence
        except ModelNotReadyError as error:
            raise ProofFailedError(f"the model was not loaded within {load_s:g} seconds") from error
        except ThrottledError as error:
            raise UnavailableError("the engine", error.message) from error
        except NotEnoughMemoryError as error:
            raise UnavailableError("memory for the model", str(error)) from error
        except EngineError as error:
            if not (error.was_killed and left):
                raise ProofFailedError(_with_last_words(error)) from error
            # That says nothing of the model, at first: memory may have been wanted for something else.
            log.warning("engine_killed", model_arn=model.arn, reason=str(error), tries_left=left)
    raise AssertionError("the last engine's end was raised")


async def prove(engine: RunningEngine, facts: ModelFacts, *, capabilities: Capabilities, clock: Clock) -> JsonObject:
    """Generates greedily from a short prompt and returns the evidence. Raises ProofFailedError, EngineError.

    Where the engine offers log probabilities they must be finite. Where it does not, a second request samples one
    token: sampling from NaN or infinity fails, while the greedy choice among them is a token like any other.
    A model that says nothing gets a second chance, since some begin with their end where a prompt does not suit them.
    """
    subject = _Subject(engine, facts, capabilities)
    schema = Schema.CHAT if facts.is_instruct else Schema.COMPLETION
    has_logprobs = Feature.LOGPROBS in capabilities.features
    began = clock.monotonic()
    greedy = await subject.generate(schema, MAX_TOKENS, temperature=0, has_logprobs=has_logprobs)
    seconds = clock.monotonic() - began
    if has_logprobs:
        _require_finite(greedy.logprobs)
    else:
        await subject.require_sampling(schema)
    if not greedy.text:
        greedy = await subject.second_chance(greedy)
    return {
        "engine": engine.description,
        "schema": str(greedy.schema),
        "prompt": PROMPT,
        "text": greedy.text,
        "input_tokens": greedy.input_tokens,
        "output_tokens": greedy.output_tokens,
        "seconds": round(seconds, 3),
        "log_probabilities": [round(value, 6) for value in greedy.logprobs] if has_logprobs else None,
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class _Generated:
    schema: Schema
    text: str
    """What was said, or thought: a reasoning model may not come to its answer."""
    input_tokens: int
    output_tokens: int
    logprobs: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class _Subject:
    engine: RunningEngine
    facts: ModelFacts
    capabilities: Capabilities

    async def generate(
        self, schema: Schema, max_tokens: int, *, temperature: float, has_logprobs: bool = False
    ) -> _Generated:
        """Generates once. Raises ProofFailedError, EngineError."""
        try:
            return await self._ask(schema, max_tokens, temperature, has_logprobs=has_logprobs)
        except (ModelFailedError, ModelTimeoutError) as error:
            raise ProofFailedError(
                f"the model does not generate on {self.engine.description}: {error.message}"
            ) from error

    async def require_sampling(self, schema: Schema) -> None:
        """Samples a token. Raises ProofFailedError, EngineError."""
        try:
            await self._ask(schema, 1, 1, has_logprobs=False)
        except ModelFailedError as error:
            raise ProofFailedError(
                f"no token can be sampled from the model on {self.engine.description}, though the likeliest can be "
                f"told: its weights hold NaN or infinity, or lead to them ({error.message})"
            ) from error
        except ModelTimeoutError as error:
            raise ProofFailedError(
                f"the model does not sample on {self.engine.description}: {error.message}"
            ) from error

    async def second_chance(self, silent: _Generated) -> _Generated:
        """Lets a chat model continue the text, and any other model sample. Raises ProofFailedError, EngineError."""
        is_chat = silent.schema is Schema.CHAT
        has_logprobs = Feature.LOGPROBS in self.capabilities.features
        again = await self.generate(
            Schema.COMPLETION, MAX_TOKENS, temperature=0 if is_chat else 1, has_logprobs=has_logprobs
        )
        if not again.text:
            raise ProofFailedError(
                f"the model generated no text on {self.engine.description}: of {silent.output_tokens} and of "
                f"{again.output_tokens} tokens, all were special ones, such as padding or the end of the text"
            )
        return again

    async def _ask(self, schema: Schema, max_tokens: int, temperature: float, *, has_logprobs: bool) -> _Generated:
        options: dict[str, JsonValue] = {"logprobs": True if schema is Schema.CHAT else 1} if has_logprobs else {}
        request = _request(schema, Sampling(max_tokens=max_tokens, temperature=temperature), options)
        asked = engine_request(request, self.capabilities, self.facts)
        reply = await self.engine.post(asked.path, asked.body)
        # Reading it as every user's reply is read proves that the reply is whole.
        read = answer(request, reply, self.capabilities, ReplyIdentity(id="0" * 32, created=0, model="proof"))
        if read.output_tokens < 1:
            raise ProofFailedError(f"the model generated nothing on {self.engine.description}")
        is_chat = schema is Schema.CHAT
        places = [("message", "reasoning_content"), ("message", "content")] if is_chat else [("text",)]
        return _Generated(
            schema=schema,
            text="".join(said for place in places if isinstance(said := _at(reply, "choices", 0, *place), str)),
            input_tokens=read.input_tokens,
            output_tokens=read.output_tokens,
            logprobs=tuple(_logprobs(reply, is_chat=is_chat)),
        )


def _request(schema: Schema, sampling: Sampling, options: JsonObject) -> InvokeRequest:
    if schema is Schema.CHAT:
        messages = ({"role": "user", "content": PROMPT},)
        return InvokeRequest(schema=schema, messages=messages, sampling=sampling, options=options)
    return InvokeRequest(schema=schema, prompt=PROMPT, sampling=sampling, options=options)


def _require_finite(logprobs: Sequence[float]) -> None:
    if not logprobs or not all(map(math.isfinite, logprobs)):
        raise ProofFailedError("the model's log probabilities are not finite: its weights hold NaN or infinity")


def _logprobs(reply: JsonObject, *, is_chat: bool) -> Iterator[float]:
    """Yields the log probability of each token, NaN for what is none."""
    found = _at(reply, "choices", 0, "logprobs", "content" if is_chat else "token_logprobs")
    for item in found if isinstance(found, list | tuple) else ():
        value = _at(item, "logprob") if is_chat else item
        yield float(value) if isinstance(value, int | float) else math.nan


def _at(value: JsonValue, *path: str | int) -> JsonValue:
    """Returns what lies at a path of a JSON value, or None."""
    for step in path:
        if isinstance(value, Mapping) and isinstance(step, str):
            value = value.get(step)
        elif isinstance(value, list | tuple) and isinstance(step, int) and step < len(value):
            value = value[step]
        else:
            return None
    return value


def _with_last_words(error: EngineError) -> str:
    lines = [line for line in error.log_tail.splitlines() if line.strip()][-LOG_LINES:]
    return f"{error}: {' / '.join(lines)}" if lines else str(error)
