"""What an engine can do, so that what it cannot is refused by name and never dropped in silence. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum, StrEnum, auto

from outcrop.records import JsonObject


class Feature(StrEnum):
    """Something that a request may ask for and an engine may lack; the value is how a refusal names it."""

    LOGPROBS = "log probabilities"
    LOGPROBS_BY_ID = "log probabilities by token id"
    PROMPT_LOGPROBS = "log probabilities of the prompt"
    RESPONSE_FORMAT = "response formats"
    STRUCTURED_OUTPUTS = "structured outputs"
    TOOLS = "tools"
    TOOL_CHOICE = "being told which tool to use"
    FUNCTIONS = "functions, which tools have replaced"
    REASONING = "the reasoning of earlier turns"
    TEMPLATE_ARGUMENTS = "arguments of the chat template"
    IMAGES = "images"
    SEVERAL_CHOICES = "several choices for one request"
    ECHO = "repeating the prompt in its reply"
    SUFFIX = "suffixes"
    PENALTIES = "frequency and presence penalties"
    REPETITION_PENALTY = "repetition penalties"
    LOGIT_BIAS = "logit biases"
    TOP_K = "top-k sampling"
    MIN_P = "min-p sampling"
    SEED = "seeds"
    GUARDRAILS = "guardrails"


class SamplingDialect(Enum):
    """How an engine is told to sample."""

    OPENAI = auto()
    """By members of the OpenAI API; with a temperature, the engine samples."""
    GENERATION_CONFIG = auto()
    """By transformers' `generation_config`: there, a temperature alone leaves a model greedy that is so by default."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Capabilities:
    """What one kind of engine can do, and how it wants to be asked."""

    engine: str
    """What a refusal calls the engine, such as `transformers serve`."""
    features: frozenset[Feature]
    sampling: SamplingDialect = SamplingDialect.OPENAI
    keeps_stop_text: bool = False
    """Whether replies still hold the stop string that ended them, which OpenAI's never do."""
    takes_content_parts: bool = True
    """Whether a message may be several text parts; otherwise they are joined by line breaks, as vLLM does.

    Parts with an image among them stay parts."""
    takes_text_beside_tool_calls: bool = True
    """Whether a message may both say something and call tools; otherwise it becomes two."""
    is_held_to_calls: bool = False
    """Whether a tool choice is a schema that replies are held to; otherwise it is told as OpenAI has it."""
    tool_members: JsonObject = field(default_factory=dict)
    """What a request with tools says besides, so that the model's own words come back, or calls that were read."""
