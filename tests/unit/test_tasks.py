"""Threads that nobody leaves behind."""

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from outcrop.tasks import in_thread

pytestmark = pytest.mark.anyio


async def test_a_cancelled_thread_is_over_when_the_cancellation_is() -> None:
    """What it still did is done before its caller cleans up."""
    began, given_up, done = threading.Event(), threading.Event(), []

    def work() -> None:
        began.set()
        given_up.wait()
        done.append(True)

    with ThreadPoolExecutor(1) as threads:
        task = asyncio.create_task(in_thread(threads, work, give_up=given_up.set))
        await asyncio.to_thread(began.wait)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    assert done == [True]


async def test_work_that_has_not_begun_never_does() -> None:
    """A cancelled caller whose work waits for a thread takes it back."""
    hold, done = threading.Event(), []

    with ThreadPoolExecutor(1) as threads:
        first = asyncio.create_task(in_thread(threads, hold.wait))
        second = asyncio.create_task(in_thread(threads, lambda: done.append(True)))
        await asyncio.sleep(0)
        second.cancel()
        with pytest.raises(asyncio.CancelledError):
            await second
        hold.set()
        await first

    assert done == []
