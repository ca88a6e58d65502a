"""`outcrop doctor` without a store: whether this machine, its settings and what they name will do."""

from __future__ import annotations

import asyncio
import importlib.metadata
import os
import re
import shutil
import uuid
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path

import httpx

from outcrop.adapters.dialer import unusable
from outcrop.adapters.memory_files import memfd_create
from outcrop.adapters.memory_limits import available_bytes, total_bytes
from outcrop.app.networks import load_networks
from outcrop.doctor.machine import judge_memory, judge_memory_files, judge_packages, judge_space
from outcrop.doctor.outcomes import Outcome, ok, skipped, unknown, wrong
from outcrop.errors import KeyUnavailableError, OutcropError, SettingError, StorageError, UnavailableError
from outcrop.ports import Clock
from outcrop.settings import Settings, engine_environment, find_program

ENGINE_S = 180.0
"""Longest time that an engine's program may take to explain itself: it imports torch for that."""
REMOTE_ENGINE_S = 10.0
_NAME = re.compile(r"[A-Za-z0-9._-]+")


async def examine_machine(settings: Settings, *, environment: Mapping[str, str], clock: Clock) -> list[Outcome]:
    """Returns the outcome of each check. They do not depend on each other, so all of them are made."""
    checks: Sequence[tuple[str, Callable[[], Awaitable[Outcome]]]] = (
        ("packages", _packages),
        ("memory", _memory),
        ("memfd", lambda: _memory_files(settings)),
        ("data", lambda: _data(settings)),
        ("vault", lambda: _vault(settings, environment)),
        ("database", lambda: _database(settings)),
        ("keys", lambda: _keys(settings, clock)),
        ("networks", lambda: _networks(settings)),
        ("engine", lambda: _engine(settings)),
    )
    return [await _guarded(name, check) for name, check in checks]


async def _guarded(name: str, check: Callable[[], Awaitable[Outcome]]) -> Outcome:
    try:
        return await check()
    except SettingError as error:
        return wrong(name, str(error), f"Correct {error.setting}.")
    except (OutcropError, OSError) as error:
        return unknown(name, f"It could not be told: {error}.", "Mend that, and run the command again.")


async def _packages() -> Outcome:
    versions: dict[str, str | None] = {}
    for requirement in importlib.metadata.requires("outcrop") or ():
        found = _NAME.match(requirement)
        if found is None or "extra ==" in requirement:
            continue
        try:
            versions[found[0]] = importlib.metadata.version(found[0])
        except importlib.metadata.PackageNotFoundError:
            versions[found[0]] = None
    return judge_packages(versions)


async def _memory() -> Outcome:
    return judge_memory(total_bytes(), available_bytes())


async def _memory_files(settings: Settings) -> Outcome:
    has_memfd = memfd_create is not None
    if memfd_create is not None:
        try:
            os.close(memfd_create("outcrop-doctor", 0))
        except OSError:
            has_memfd = False
    place = None if settings.plaintext_dir is None else str(settings.plaintext_dir)
    return judge_memory_files(has_memfd=has_memfd, plaintext_dir=place)


async def _data(settings: Settings) -> Outcome:
    return await asyncio.to_thread(_folder, "data", settings.data, "--data")


async def _vault(settings: Settings, environment: Mapping[str, str]) -> Outcome:
    place = settings.vault_place
    if isinstance(place, Path):
        return await asyncio.to_thread(_folder, "vault", place, "--vault")
    from outcrop.app.vaults import open_vault  # noqa: PLC0415  # boto3 takes 0.2 s

    artifact_id = f"doctor-{uuid.uuid4().hex[:12]}"
    try:
        vault = open_vault(place, environment)
        try:
            async with vault.create(artifact_id, "probe", 1) as file:
                await file.write(0, b"x")
            found = bytes(await vault.read(artifact_id, "probe", 0, 1))
        finally:
            await vault.delete(artifact_id)
    except (StorageError, UnavailableError) as error:
        return wrong(
            "vault",
            f"The vault cannot be used: {error}.",
            f"Run `outcrop doctor {place}`; allow s3:PutObject, s3:GetObject, s3:DeleteObject and s3:ListBucket there.",
        )
    if found != b"x":
        return wrong("vault", f"{place} gives back other bytes than were written.", "Use another store for the vault.")
    return ok("vault", f"{place} can be written to, read and deleted from.")


def _folder(name: str, folder: Path, flag: str) -> Outcome:
    """Writes, syncs and removes a small file; of a folder that is not there yet, in the nearest one that is."""
    there = next(place for place in (folder, *folder.parents) if place.exists())
    probe = there / f".outcrop-doctor-{uuid.uuid4().hex}"
    try:
        descriptor = os.open(probe, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            os.write(descriptor, b"x")
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
            probe.unlink()
    except OSError as error:
        return wrong(name, f"{there} cannot be written to: {error.strerror}.", f"Let {flag} name a folder of your own.")
    return judge_space(
        name, str(folder) if there == folder else f"{folder} (to be made)", shutil.disk_usage(there).free
    )


async def _database(settings: Settings) -> Outcome:
    if settings.database is None and not (settings.data / "catalog.sqlite").exists():
        return skipped("database", "There is none yet: the first start makes SQLite files in the data folder.")
    import sqlalchemy as sa  # noqa: PLC0415  # with the catalog, 0.3 s

    from outcrop.adapters.catalog_sql import Database  # noqa: PLC0415

    database = Database(settings.catalog_url)
    try:
        await database.read(lambda connection: connection.execute(sa.text("SELECT 1")).scalar_one())
    except UnavailableError as error:
        return wrong(
            "database",
            f"The database cannot be used: {error}.",
            "Start it, or correct --database (postgresql://USER:PASSWORD@HOST/DATABASE).",
        )
    finally:
        database.close()
    kind = "PostgreSQL" if settings.database else "SQLite, in the data folder"
    return ok("database", f"The catalog's database answers ({kind}).")


async def _keys(settings: Settings, clock: Clock) -> Outcome:
    if settings.keys == "local" and not settings.keyring_file.exists():
        return skipped("keys", "There is no keyring yet: the first start makes it in the data folder.")
    if settings.keys == "local" and settings.keyring_file.stat().st_mode & 0o077:
        return wrong("keys", f"{settings.keyring_file} can be read by others.", f"`chmod 600 {settings.keyring_file}`.")
    from outcrop.app.keys import open_keys  # noqa: PLC0415  # boto3 takes 0.2 s
    from outcrop.arn import Tenant  # noqa: PLC0415

    keys = await open_keys(settings, clock, None)
    own = Tenant(account=settings.account, region=settings.region)
    try:
        arn = await keys.resolve(None, own)
        key = await keys.generate_data_key(arn, {"outcrop": "doctor"})
        opened = await keys.unwrap(arn, key.wrapped, {"outcrop": "doctor"})
    except (KeyUnavailableError, UnavailableError) as error:
        return wrong(
            "keys",
            f"The service's key cannot be used: {error}",
            "Allow kms:DescribeKey, kms:GenerateDataKey and kms:Decrypt on it, or name another with --kms-key.",
        )
    if opened != key.plaintext:
        return wrong("keys", f"{arn} unwraps another key than it wrapped.", "Use another key service.")
    return ok("keys", f"{arn} wraps and unwraps.")


async def _networks(settings: Settings) -> Outcome:
    known = load_networks(settings.networks)
    if known is None:
        return skipped("networks", "There is no networks file, so imports with a vpcConfig are refused.")
    reasons = {subnet.id: unusable(subnet) for subnet in known.subnets.values()}
    lacking = [f"{name} ({reason})" for name, reason in reasons.items() if reason is not None]
    if lacking:
        return wrong(
            "networks",
            f"Of no use on this machine: {', '.join(lacking)}.",
            "Give this machine the address or device, or correct the subnet in the networks file.",
        )
    return ok("networks", f"All {len(reasons)} subnets of the networks file can be used on this machine.")


async def _engine(settings: Settings) -> Outcome:
    if settings.engine.startswith(("http://", "https://")):
        return await _remote_engine(settings.engine)
    command = settings.engine_command or find_program(settings.engine)
    if command is None or not await asyncio.to_thread(Path(command).is_file):
        missing = command or settings.engine
        return wrong("engine", f"{missing} is not installed.", _INSTALL[settings.engine])
    process = await asyncio.create_subprocess_exec(
        command,
        *("serve", "--help"),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
        env=engine_environment(),
    )
    try:
        async with asyncio.timeout(ENGINE_S):
            _, told = await process.communicate()
    except TimeoutError:
        process.kill()
        await process.wait()
        return unknown(
            "engine", f"{command} takes over {ENGINE_S:.0f} s to start.", f"Try it: `{command} serve --help`."
        )
    if process.returncode != 0:
        last = (told.decode(errors="replace").strip().splitlines() or ["it says nothing"])[-1]
        return wrong("engine", f"{command} does not start: {last[:300]}", f"{_INSTALL[settings.engine]}")
    return ok("engine", f"{command} starts.")


async def _remote_engine(url: str) -> Outcome:
    try:
        async with httpx.AsyncClient(timeout=REMOTE_ENGINE_S) as client:
            answer = await client.get(f"{url.rstrip('/')}/v1/models")
            answer.raise_for_status()
            names = [str(item["id"]) for item in answer.json()["data"]]
    except (httpx.HTTPError, ValueError, KeyError, TypeError) as error:
        return wrong(
            "engine",
            f"No engine answers at {url}/v1/models: {type(error).__name__}.",
            "Start it, or correct --engine.",
        )
    return ok("engine", f"The engine at {url} answers, and serves {', '.join(names) or 'no model yet'}.")


_INSTALL = {
    "transformers": "Install it: `pip install 'outcrop[transformers]'`.",
    "vllm": "Install it: `pip install vllm`, or name its program with --engine-command.",
}
