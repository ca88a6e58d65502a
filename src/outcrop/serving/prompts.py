"""The tokenizers of the models that are asked, read from their sealed artifacts; a few are kept. Needs no engine."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Protocol

from outcrop.records import ServableModel

if TYPE_CHECKING:
    from outcrop.artifact.prompts import Count, Prompt, PromptCounter

MOST_KEPT = 4
"""Tokenizers in memory; one of 128,000 tokens takes some 50 MB."""
LETTERS_AT_ONCE = 4000
"""What is counted in less than a millisecond, and so without a thread."""


class OpenedArtifact(Protocol):
    """An artifact that can be read: serving/unsealing.py has the real one."""

    @property
    def files(self) -> Sequence[tuple[str, int]]:
        """Path within the model, and plaintext size in bytes, of each file."""
        ...

    async def read(self, path: str) -> bytes:
        """Returns the plaintext of a file that is small."""
        ...


class Prompts:
    """Counts the tokens of prompts."""

    def __init__(self, open_artifact: Callable[[ServableModel], Awaitable[OpenedArtifact]]) -> None:
        self._open_artifact = open_artifact
        self._kept: OrderedDict[str, PromptCounter] = OrderedDict()
        self._loading = asyncio.Lock()

    async def count(self, model: ServableModel, prompt: Prompt) -> Count:
        """Counts a prompt's tokens as the model's engine would.

        Raises:
            IntegrityError, KeyUnavailableError, StorageError, UnavailableError: the model's files cannot be read.
        """
        counter = await self._counter(model)
        if prompt.letters <= LETTERS_AT_ONCE:
            return counter.count(prompt)
        return await asyncio.to_thread(counter.count, prompt)

    async def refusal(self, model: ServableModel, prompt: Prompt) -> str:
        """Returns why the model's chat template refuses a conversation; empty where it does not. Raises as `count`."""
        if not prompt.messages:
            return ""
        counter = await self._counter(model)
        return await asyncio.to_thread(counter.refusal, prompt)

    async def takes_tools(self, model: ServableModel) -> bool:
        """Whether the model's chat template tells it of tools. Raises as `count` does."""
        return (await self._counter(model)).takes_tools

    async def takes_images(self, model: ServableModel) -> bool:
        """Whether the model sees. Raises as `count` does."""
        return (await self._counter(model)).takes_images

    async def _counter(self, model: ServableModel) -> PromptCounter:
        found = self._kept.get(model.arn)
        if found is not None:
            self._kept.move_to_end(model.arn)
            return found
        async with self._loading:
            if model.arn not in self._kept:
                self._kept[model.arn] = await self._load(model)
                if len(self._kept) > MOST_KEPT:
                    self._kept.popitem(last=False)
            return self._kept[model.arn]

    async def _load(self, model: ServableModel) -> PromptCounter:
        # Imported here: 50 ms of Jinja and tokenizers that only those pay who count.
        from outcrop.artifact.prompts import FILES, PromptCounter  # noqa: PLC0415

        artifact = await self._open_artifact(model)
        contents = {path: await artifact.read(path) for path, _ in artifact.files if path in FILES}
        return await asyncio.to_thread(PromptCounter, contents)
