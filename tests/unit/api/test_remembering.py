"""What is still answered while the catalog is away, and for how long."""

from typing import Any

import pytest
from tests.samples import TENANT, sample_model

from outcrop.api.principals import Principals
from outcrop.api.remembering import ASKED_AGAIN_S, KEPT_S, RememberingModels, RememberingTags
from outcrop.arn import ResourceKind
from outcrop.errors import NotFoundError, UnavailableError
from outcrop.records import Principal, Tag
from outcrop.testing.catalog import FakeCatalog
from outcrop.testing.clock import FakeClock
from outcrop.testing.users import FakeUserCatalog

pytestmark = pytest.mark.anyio

MODEL = sample_model(1)


class Away:
    """A catalog that can be away, and counts what it is asked."""

    def __init__(self, real: Any) -> None:
        self.real = real
        self.is_away = False
        self.asked = 0

    def __getattr__(self, name: str) -> Any:
        async def call(*args: Any, **kwargs: Any) -> Any:
            self.asked += 1
            if self.is_away:
                raise UnavailableError("the catalog's database", "gone")
            return await getattr(self.real, name)(*args, **kwargs)

        return call


@pytest.fixture
def clock() -> FakeClock:
    """Time that stands still."""
    return FakeClock()


@pytest.fixture
def catalog() -> FakeCatalog:
    """A catalog with one model."""
    made = FakeCatalog()
    made.model_rows[MODEL.id] = MODEL
    made.tag_rows[MODEL.id] = {"team": "rocks"}
    return made


async def test_a_model_is_answered_for_five_minutes(catalog: FakeCatalog, clock: FakeClock) -> None:
    """As it was confirmed last, by each name that it was asked by; then the outage is told."""
    away = Away(catalog.models)
    models = RememberingModels(away, clock)
    await models.get(TENANT, MODEL.name)
    away.is_away = True

    await clock.sleep(KEPT_S - 1)
    assert await models.get(TENANT, MODEL.name) == MODEL
    with pytest.raises(UnavailableError):
        await models.get(TENANT, MODEL.id)
    await clock.sleep(1)
    with pytest.raises(UnavailableError):
        await models.get(TENANT, MODEL.name)


async def test_a_catalog_that_is_away_is_asked_once_a_second(catalog: FakeCatalog, clock: FakeClock) -> None:
    """Each refusal may take ten seconds: most requests do not wait for one."""
    away = Away(catalog.models)
    models = RememberingModels(away, clock)
    await models.get(TENANT, MODEL.name)
    away.is_away, away.asked = True, 0
    for _ in range(50):
        await models.get(TENANT, MODEL.name)
    assert away.asked == 1

    away.is_away = False
    await clock.sleep(ASKED_AGAIN_S)
    await models.get(TENANT, MODEL.name)
    await models.get(TENANT, MODEL.name)

    assert away.asked == 3


async def test_a_model_that_was_deleted_is_not_remembered(catalog: FakeCatalog, clock: FakeClock) -> None:
    """Neither by this server nor, once it was asked for, by another one."""
    away = Away(catalog.models)
    mine, other = RememberingModels(away, clock), RememberingModels(away, clock)
    for models in (mine, other):
        await models.get(TENANT, MODEL.name)
    await mine.delete(TENANT, MODEL.id)
    with pytest.raises(NotFoundError):
        await other.get(TENANT, MODEL.name)
    away.is_away = True

    for models in (mine, other):
        with pytest.raises(UnavailableError):
            await models.get(TENANT, MODEL.name)


async def test_tags_that_policies_ask_for_are_remembered(catalog: FakeCatalog, clock: FakeClock) -> None:
    """Until they are changed here."""
    away = Away(catalog.tags)
    tags = RememberingTags(away, clock)
    await tags.get(TENANT, ResourceKind.MODEL, MODEL.id)
    away.is_away = True
    assert await tags.get(TENANT, ResourceKind.MODEL, MODEL.id) == (Tag(key="team", value="rocks"),)

    with pytest.raises(UnavailableError):
        await tags.remove(TENANT, ResourceKind.MODEL, MODEL.id, ["team"])
    with pytest.raises(UnavailableError):
        await tags.get(TENANT, ResourceKind.MODEL, MODEL.id)


async def test_users_are_known_for_five_minutes(clock: FakeClock) -> None:
    """A server that never read them knows none but the root, and says that the catalog is away."""
    away = Away(FakeUserCatalog())
    account = "000000000000"
    root = Principal(arn=f"arn:aws:iam::{account}:root", account=account, access_key_id="A", secret_access_key="s")
    principals, late = Principals(away, clock, root=root), Principals(away, clock, root=root)
    await principals.refresh()
    away.is_away = True

    await clock.sleep(KEPT_S - 1)
    assert not await principals.refresh()
    with pytest.raises(UnavailableError):
        await late.refresh()
    await clock.sleep(2)
    with pytest.raises(UnavailableError):
        await principals.refresh()
