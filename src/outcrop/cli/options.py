"""What commands have in common: flags made from the settings, and exit statuses."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from outcrop.settings import SettingInfo, setting_infos

Command = TypeVar("Command", bound=Callable[..., Any])

EXIT_NO = 1
EXIT_UNKNOWN = 2

CLIENT_SETTINGS = ("data", "account", "region")
"""What a command that talks to a server needs to know of its settings."""

CATALOG_SETTINGS = ("data", "database", "account", "region")
"""What a command that changes the catalog, beside a server or without one, needs to know."""

WORKER_SETTINGS = (
    *("data", "database", "vault", "buckets", "networks", "keys", "kms_key", "account", "region", "profile"),
    *("roles", "role_session_s", "role_external_id", "role_source_identity", "role_session_policy"),
    *("engine", "engine_command", "engine_options", "engine_start_s", "engine_request_s", "plaintext_dir"),
    *("concurrent_imports", "all_imports", "share_mib", "most_attempts", "worker_name", "copy_memory_mib", "outage_s"),
    *("log_format", "log_level"),
    "metrics_port",
    *("webhook_url", "webhook_secret", "webhook_timeout_s", "webhook_give_up_s"),
)
"""What an import depends on: a server and its workers agree in these."""


def setting_flags(*names: str) -> Callable[[Command], Command]:
    """Adds the flags of settings to a command; without names, of all of them."""

    def add(command: Command) -> Command:
        for info in reversed(setting_infos()):
            if not names or info.name in names:
                command = _flag(info)(command)
        return command

    return add


def _flag(info: SettingInfo) -> Callable[[Command], Command]:
    default = "" if info.default in (None, "") else f"; default: {info.default}"
    return click.option(
        info.flag,
        info.name,
        default=None,
        metavar=None if "/" in info.flag else "VALUE",
        help=f"{info.help_text}  [{info.variable}{default}]",
    )
