"""Whose turn it is: the fake, and SQL on SQLite and on PostgreSQL."""

from dataclasses import replace

import pytest
from tests.contract.catalogs import LATER, OTHER, Catalog
from tests.samples import TENANT, sample_job

from outcrop.arn import Tenant
from outcrop.records import Stage

pytestmark = pytest.mark.anyio


async def add(catalog: Catalog, number: int, tenant: Tenant = TENANT) -> int:
    """Adds a job; returns its turn."""
    made = await catalog.jobs.create(replace(sample_job(number), tenant=tenant))
    assert (await catalog.jobs.get(None, made.id)).turn == made.turn
    return made.turn


async def test_accounts_take_turns(catalog: Catalog) -> None:
    """One that adds fifty jobs is first with the first of them, and last with the last."""
    many = [await add(catalog, number) for number in range(1, 51)]
    few = [await add(catalog, number, OTHER) for number in (51, 52)]

    assert many == list(range(1, 51))
    assert few == [1, 2]


async def test_regions_of_an_account_are_one_account(catalog: Catalog) -> None:
    """More regions are not more turns."""
    first = await add(catalog, 1)

    assert await add(catalog, 2, replace(TENANT, region="eu-central-1")) > first


async def test_who_comes_later_has_no_credit(catalog: Catalog) -> None:
    """Its first turn is after those that were begun: single jobs one after another keep nobody waiting."""
    for number in range(1, 6):
        await add(catalog, number)
    for number in range(1, 4):
        await catalog.jobs.move(sample_job(number).id, Stage.PLAN, allowed_from=frozenset(Stage), at=LATER)

    assert await add(catalog, 6, OTHER) == 4
    assert await add(catalog, 7, OTHER) == 5


async def test_jobs_of_an_account_keep_their_order(catalog: Catalog) -> None:
    """However many of them have ended."""
    turns = [await add(catalog, number) for number in range(1, 4)]
    for number in range(1, 3):
        await catalog.jobs.move(sample_job(number).id, Stage.FAILED, allowed_from=frozenset(Stage), at=LATER)

    assert await add(catalog, 4) > max(turns)
