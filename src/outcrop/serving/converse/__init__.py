"""Converse and ConverseStream (SPEC 3.4, 3.5 and 11) ⇄ chat requests of the engines. Pure.

    Converse's input ── read_request ──▶ ConverseRequest ── (as any chat) ──▶ engine
    events to the caller ◀── Conversation ◀── deltas ◀── the engine's chunks
    output to the caller ◀── whole_output ◀── those events

What imported models cannot do is refused by name (decision 0019).
"""

from outcrop.serving.converse.events import Conversation, Event, whole_output
from outcrop.serving.converse.request import ConverseRequest, read_request

__all__ = ["Conversation", "ConverseRequest", "Event", "read_request", "whole_output"]
