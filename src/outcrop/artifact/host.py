"""Where a model is to run: what the engine knows, and how much memory there is. Values only; adapters find them out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """The engine and the machine that a model is judged for; whatever is not known is not judged by."""

    architectures: Callable[[], frozenset[str]] = frozenset
    """Class names of all architectures that the engine runs; none where that is not known."""
    engine: str = "this server's engine"
    """How the engine is called in messages."""
    memory_bytes: int | None = None
    """Memory that processes of this machine, or of this container, may take at most."""
    accelerator_bytes: int | None = None
    """Memory of all accelerators together; None where there is none, and the engine runs on processors."""
    splits_weights: bool = True
    """Whether the engine keeps in the machine's memory what the accelerators do not hold."""
    must_run: bool = False
    """Whether the model is about to run here, as in an import: then what this host lacks is an error."""


ANYWHERE = Host()
"""Nothing is known."""
