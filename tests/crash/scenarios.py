"""What clients and operators do while a kill comes, what they do after the restart, and what must be true then."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import sqlalchemy as sa
from botocore.exceptions import ClientError
from tests.crash.worlds import BY_NETWORK, World, rows

from outcrop.adapters.catalog_sql.tables import webhook_deliveries
from outcrop.crash_points import CrashPoint
from outcrop.records import DeliveryState

Act = Callable[[World], None]
Command = Callable[[World], tuple[str, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """One thing that is done."""

    name: str
    given: Act | None = None
    """Done beforehand, beside a server that nobody kills."""
    act: Act
    """Done beside the process that is killed; any call may be cut off. Afterwards all is done, unless it was killed."""
    command: Command | None = None
    """What is killed, where it is not a server."""
    tells: bool = False
    """Whether somebody is told of the ends of jobs, who must have been at the end."""
    divides: bool = False
    """Whether the copy is divided into shares."""
    is_networked: bool = False
    """Whether the source is an S3 that imports reach by a network."""
    stops: bool = False
    """Whether `act` ends the server."""
    finish: Act
    """Done after the restart, as whoever was cut off would: also right when everything had been done."""
    jobs: Mapping[str, str] = field(default_factory=dict)
    """Every job there is at the end, and its status."""
    models: tuple[str, ...] = ()
    """Every model there is at the end."""
    also: frozenset[tuple[CrashPoint, str]] = frozenset()
    """Occasions that are tried here too, though an earlier scenario comes to them: what follows is different."""


def _import(name: str, source: str = "good") -> Act:
    def act(world: World) -> None:
        world.ended(world.import_model(name, source))

    return act


def _import_by_network(world: World) -> None:
    world.ended(world.import_model("first", "good", vpcConfig=BY_NETWORK))


def _import_two(world: World) -> None:
    _import("first")(world)
    _import("second")(world)


def _nothing(_world: World) -> None:
    """The start is all."""


def _told(world: World) -> None:
    """Imports what is refused, and waits until its end was told, and that is known."""
    arn = world.import_model("no", "refused")
    world.ended(arn)
    there = world.receiver
    assert there is not None
    waiting = sa.select(webhook_deliveries.c.job_id).where(webhook_deliveries.c.state == DeliveryState.WAITING)
    world.await_that(lambda: not rows(world.catalog_url, waiting))
    assert [event["resources"] for event in there.taken[:1]] == [[arn]]
    assert len({headers["webhook-id"] for headers, _ in there.came}) == 1


def _stop_meanwhile(world: World) -> None:
    """Stops the server while an engine loads the model."""
    world.import_model("slow", "waiting")
    world.await_that(lambda: "copy_loading" in world.log.read_text())
    world.servers[-1].end(signal.SIGTERM)


def _go_on(world: World) -> None:
    """Lets the engine load the model, at last."""
    (world.data / "go").touch()
    world.ended(world.import_model("slow", "waiting"))


def _delete(world: World) -> None:
    world.client("bedrock").delete_imported_model(modelIdentifier="first")


def _deleted(world: World) -> None:
    """Deletes again, as a client does that had no answer: what is gone is told to be gone."""
    try:
        _delete(world)
    except ClientError as error:
        assert error.response["Error"]["Code"] == "ResourceNotFoundException"  # noqa: PT017  # both ends are right


def _import_again(world: World) -> None:
    """Deletes, and takes the name for another import: nothing of the old one is in its way."""
    _deleted(world)
    world.ended(world.import_model("first", "good", attempt=2))


def _tag(world: World) -> None:
    bedrock = world.client("bedrock")
    arn = bedrock.get_imported_model(modelIdentifier="first")["modelArn"]
    bedrock.tag_resource(resourceARN=arn, tags=[{"key": "a", "value": "1"}, {"key": "b", "value": "2"}])
    bedrock.untag_resource(resourceARN=arn, tagKeys=["a"])


def _tagged(world: World) -> None:
    _tag(world)
    bedrock = world.client("bedrock")
    arn = bedrock.get_imported_model(modelIdentifier="first")["modelArn"]
    assert bedrock.list_tags_for_resource(resourceARN=arn)["tags"] == [{"key": "b", "value": "2"}]


def _rotate(world: World) -> tuple[str, ...]:
    keyring = json.loads((world.data / "keys" / "keyring.json").read_text())
    return ("keys", "rotate", keyring["service_key"])


def _ended_well(world: World, command: tuple[str, ...]) -> None:
    assert world.fork(*command).ended() == 0, world.log.read_text()


def _commands(name: str, *before: tuple[str, ...], command: tuple[str, ...], listed: bool) -> Scenario:
    """A command that changes users: what it did is there after a kill, and done again it says so or does it."""

    def given(world: World) -> None:
        for each in before:
            assert world.fork(*each).ended() == 0, world.log.read_text()

    def finish(world: World) -> None:
        world.fork(*command).ended()
        (world.folder / "users").unlink(missing_ok=True)
        assert world.fork("access", "list", log=world.folder / "users").ended() == 0
        assert ("ci" in (world.folder / "users").read_text().split()) is listed

    return Scenario(name=name, given=given, act=_nothing, command=lambda _: command, finish=finish)


FIRST = {"first-job": "Completed"}
TWO = {**FIRST, "second-job": "Completed"}
MADE = ("access", "create", "ci", "--policy", "read")

SCENARIOS = (
    Scenario(name="start", act=_nothing, finish=_import("first"), jobs=FIRST, models=("first",)),
    Scenario(
        name="import", given=_nothing, act=_import("first"), finish=_import("first"), jobs=FIRST, models=("first",)
    ),
    Scenario(
        name="refused",
        given=_nothing,
        act=_import("no", "refused"),
        finish=_import("no", "refused"),
        jobs={"no-job": "Failed"},
        also=frozenset({(CrashPoint.STEP_DONE, "prove"), (CrashPoint.STEP_RECORDED, "prove")}),
    ),
    Scenario(
        name="divided",
        given=_nothing,
        act=_import("first"),
        divides=True,
        finish=_import("first"),
        jobs=FIRST,
        models=("first",),
        also=frozenset(
            {
                (CrashPoint.COPY_BEGUN, ""),
                (CrashPoint.PARTS_RECORDED, ""),
                (CrashPoint.UPLOAD_WHOLE, ""),
                (CrashPoint.WORKFLOW_DONE, ""),
                (CrashPoint.STEP_RECORDED, "prepare"),
            }
        ),
    ),
    Scenario(
        name="by-network",
        given=_nothing,
        act=_import_by_network,
        is_networked=True,
        finish=_import_by_network,
        jobs=FIRST,
        models=("first",),
    ),
    Scenario(
        name="told",
        given=_nothing,
        act=_told,
        tells=True,
        finish=_told,
        jobs={"no-job": "Failed"},
        also=frozenset({(CrashPoint.JOB_MOVED, "Failed"), (CrashPoint.COPIES_RETIRED, "")}),
    ),
    Scenario(
        name="stopped",
        given=_nothing,
        act=_stop_meanwhile,
        stops=True,
        finish=_go_on,
        jobs={"slow-job": "Completed"},
        models=("slow",),
    ),
    Scenario(
        name="shared",
        given=_import("first"),
        act=_import("second"),
        finish=_import("second"),
        jobs=TWO,
        models=("first", "second"),
        also=frozenset(
            {
                (CrashPoint.JOB_NOTED, "wrapped_key"),
                (CrashPoint.STEP_DONE, "share"),
                (CrashPoint.STEP_RECORDED, "share"),
                (CrashPoint.MODEL_PUBLISHED, ""),
            }
        ),
    ),
    Scenario(name="delete-one-of-two", given=_import_two, act=_delete, finish=_deleted, jobs=TWO, models=("second",)),
    Scenario(
        name="delete-last",
        given=_import("first"),
        act=_delete,
        finish=_import_again,
        jobs={**FIRST, "first-job-2": "Completed"},
        models=("first",),
        also=frozenset(
            (point, "")
            for point in CrashPoint
            if point.name.startswith(
                ("DOOMED", "MODEL_DELETED", "COPIES_RETIRED", "MARKER_DEL", "UPLOADS_", "OBJECTS_")
            )
        ),
    ),
    Scenario(
        name="rotate",
        given=_import_two,
        act=_nothing,
        command=_rotate,
        finish=lambda world: _ended_well(world, _rotate(world)),
        jobs=TWO,
        models=("first", "second"),
    ),
    Scenario(name="tags", given=_import("first"), act=_tag, finish=_tagged, jobs=FIRST, models=("first",)),
    _commands("user-made", command=MADE, listed=True),
    _commands("user-changed", MADE, command=("access", "policy", "ci", "invoke"), listed=True),
    _commands("user-deleted", MADE, command=("access", "delete", "ci"), listed=False),
)
