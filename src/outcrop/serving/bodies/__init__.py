"""InvokeModel bodies: Bedrock's three schemas for imported models ⇄ the OpenAI API of the engines. Pure.

    bytes ── parse ──▶ InvokeRequest ── engine_request ──▶ EngineRequest ──▶ engine
    answer to the caller ◀── InvokeReply ◀── answer ◀── the engine's reply
    events to the caller ◀── ChunkWriter ◀── deltas ◀── the engine's chunks

Which schema applies is decided by the members of the body (SPEC 10.0.2). Members that no schema knows are ignored, as
AWS does (SPEC 10.0.5); members that a schema knows and the engine lacks are refused.
"""

from outcrop.serving.bodies.engine_request import DEFAULT_MAX_TOKENS, EngineRequest, engine_request
from outcrop.serving.bodies.reply import InvokeReply, ReplyIdentity, answer
from outcrop.serving.bodies.request import InvokeRequest, Sampling, parse
from outcrop.serving.bodies.schema import OLDER_FORMATS, Schema
from outcrop.serving.bodies.stream import ChunkWriter, Timings

__all__ = [
    "DEFAULT_MAX_TOKENS",
    "OLDER_FORMATS",
    "ChunkWriter",
    "EngineRequest",
    "InvokeReply",
    "InvokeRequest",
    "ReplyIdentity",
    "Sampling",
    "Schema",
    "Timings",
    "answer",
    "engine_request",
    "parse",
]
