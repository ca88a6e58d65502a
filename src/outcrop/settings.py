"""The settings: one table of names, types, defaults and helps, and the only reader of the environment.

Each setting is a flag of the command line (`--hold-s`) and an environment variable (`OUTCROP_HOLD_S`); the flag wins.
A value that cannot work stops start-up with the setting's name. The commands make their flags from this table.
"""

from __future__ import annotations

import dataclasses
import ipaddress
import os
import shutil
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from outcrop import setting_values as read
from outcrop.errors import SettingError
from outcrop.setting_values import CallRate

Value = TypeVar("Value")

DEFAULT_DATA = Path(".outcrop")


def _setting(
    default: Value,
    help_text: str,
    parse: Callable[[str], Value],
    *,
    flag: str | None = None,
    variable: str | None = None,
) -> Any:
    """Declares a setting: a dataclass field that knows how it is read and explained."""
    return field(default=default, metadata={"help": help_text, "parse": parse, "flag": flag, "variable": variable})


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Every setting of the server and its commands, checked."""

    data: Path = _setting(DEFAULT_DATA, "Folder for the catalog, keys, sealed models and logs.", read.folder)
    host: str = _setting("127.0.0.1", "Address to listen on.", read.text)
    port: int = _setting(8025, "Port to listen on; 0 takes a free one.", read.port)
    database: str | None = _setting(
        None,
        "PostgreSQL database for the catalog and the jobs, postgresql://…; default: SQLite files in the data folder.",
        read.database,
        variable="OUTCROP_DATABASE_URL",
    )
    vault: Path | str | None = _setting(
        None,
        "Folder for the sealed models, or s3://BUCKET/PREFIX; default: `vault` in the data folder.",
        read.vault,
        variable="OUTCROP_VAULT_URL",
    )
    buckets: Path | None = _setting(
        None, "Folder whose sub-folders are the S3 buckets; without it, buckets are read over S3.", read.existing_folder
    )
    engine: str = _setting("transformers", "Inference engine: transformers, vllm, or the URL of one.", read.engine)
    engine_command: str = _setting(
        "",
        "Program that starts the engine; default: `transformers` or `vllm` beside this Python, then on PATH.",
        read.text,
    )
    engine_options: str = _setting(
        "", "More options for `vllm serve`, as in a shell: `--dtype float32 --enforce-eager` for CPUs.", read.text
    )
    engine_cache_mib: int = _setting(
        4096, "How much may be kept of what engines compile for models, in MiB; 0 keeps nothing.", read.at_least(0, int)
    )
    engine_start_s: float = _setting(
        600.0, "Longest time that an engine may take to load a model, in seconds.", read.at_least(1, float)
    )
    engine_request_s: float = _setting(
        300.0, "Longest time that an engine may take to answer a request, in seconds.", read.at_least(1, float)
    )
    tls_cert: Path | None = _setting(
        None, "Certificate chain, PEM: with it and --tls-key the server speaks HTTPS only.", read.existing_file
    )
    tls_key: Path | None = _setting(None, "Private key of the certificate, PEM.", read.existing_file)
    auth: str = _setting("sigv4", "sigv4, or none: trust everybody (loopback only).", read.choice("sigv4", "none"))
    roles: str = _setting(
        "",
        "Whose credentials read the source: sts assumes each roleArn, ambient means the server's own for all of them; "
        "default: ambient with --buckets, and for a store without an STS (AWS_ENDPOINT_URL_STS); else sts.",
        read.choice("sts", "ambient"),
    )
    role_session_s: int = _setting(
        3600, "How long a session of a role lasts before it is renewed, in seconds.", read.within(900, 43_200)
    )
    role_external_id: str = _setting(
        "{job_arn}",
        "ExternalId that roles are assumed with; {account}, {region}, {job_id}, {job_arn} are the job's. Empty: none.",
        read.template("account", "region", "job_id", "job_arn"),
    )
    role_source_identity: str = _setting(
        "",
        "SourceIdentity that roles are assumed with, with the same words in braces; default: none.",
        read.template("account", "region", "job_id", "job_arn"),
    )
    role_session_policy: str = _setting(
        "source",
        "source narrows each session of a role to the job's bucket and prefix; none leaves it all that the role may.",
        read.choice("source", "none"),
    )
    keys: str = _setting(
        "local",
        "Where keys are: local means a keyring in the data folder; kms means AWS KMS, found the AWS way.",
        read.choice("local", "kms"),
    )
    kms_key: str = _setting(
        "",
        "With --keys kms: the key of imports that name none, as key ARN, key id, alias ARN or alias name.",
        read.text,
    )
    networks: Path | None = _setting(
        None,
        "File that says what the subnets and security groups of vpcConfig mean here (docs/networks.md); without it, "
        "imports that name any are refused.",
        read.existing_file,
    )
    profile: str = _setting(
        "outcrop",
        "outcrop imports what the engine can run; bedrock imports what AWS documents.",
        read.choice("outcrop", "bedrock"),
    )
    account: str = _setting("000000000000", "Account id of the root principal.", read.account)
    region: str = _setting("us-east-1", "Region that `outcrop env` prints, and of unsigned requests.", read.text)
    quota_jobs: int | None = _setting(
        None,
        "Import jobs that an account may have in progress in a region; default: 1 in the bedrock profile, else any.",
        read.at_least(0, int),
    )
    quota_models: int | None = _setting(
        None,
        "Imported models that an account may have in a region; default: 3 in the bedrock profile, else any.",
        read.at_least(0, int),
    )
    throttle: tuple[CallRate, ...] = _setting(
        tuple[CallRate, ...](),
        "Calls a second that an account may make, by operation, with a burst after a colon: "
        "`CreateModelImportJob=1,InvokeModel=50:100,*=20`; default: any.",
        read.call_rates,
    )
    audit_log: str = _setting(
        "",
        "File for the audit log, one JSON line a call; default: `audit.jsonl` in the data folder; `none` keeps none.",
        read.text,
    )
    worker: bool = _setting(
        default=True,
        help_text="Whether this server also works on import jobs.",
        parse=lambda text: text == "1",
        flag="--worker/--no-worker",
    )
    concurrent_imports: int = _setting(2, "Import jobs that one worker runs at once.", read.at_least(1, int))
    all_imports: int | None = _setting(
        None, "Import jobs that all workers of a database together run at once; default: any.", read.at_least(1, int)
    )
    share_mib: int = _setting(
        2048, "An import of more MiB than this is copied in shares of this size, by all workers.", read.at_least(1, int)
    )
    worker_name: str = _setting(
        "",
        "What this process is called in the progress of its imports; default: the machine's name and a number.",
        read.text,
    )
    most_attempts: int = _setting(
        10,
        "How often a stage of an import may be begun before the import fails: its worker died each time.",
        read.at_least(1, int),
    )
    copy_memory_mib: int = _setting(
        256, "Memory for bytes on their way while importing, in MiB.", read.at_least(32, int)
    )
    outage_s: float = _setting(
        600.0, "How long an import waits for a store that is away before it fails, in seconds.", read.at_least(0, float)
    )
    hold_s: float = _setting(
        45.0,
        "How long a request to a cold model waits before ModelNotReadyException, in seconds.",
        read.at_least(0, float),
    )
    idle_s: float = _setting(
        300.0, "A copy without requests for this long is unloaded, in seconds.", read.at_least(1, float)
    )
    max_copies: int = _setting(3, "Models that may be loaded at once.", read.at_least(1, int))
    memory_mib: int | None = _setting(
        None,
        "Memory for the copies of all models together, in MiB; default: what the accelerators have, or the machine.",
        read.at_least(1, int),
    )
    keep_warm: str = _setting(
        "", "Models that stay loaded, and are loaded at the start: names or ARNs, with commas between.", read.text
    )
    max_requests: int = _setting(
        512, "Requests that one model may have at once; more get ThrottlingException.", read.at_least(1, int)
    )
    max_waiting: int = _setting(
        1000, "Requests that may wait for models to load at once; more get ThrottlingException.", read.at_least(0, int)
    )
    plaintext_dir: Path | None = _setting(
        None,
        "Folder that may hold plaintext weights while an engine loads them, where the platform has no memfd.",
        read.existing_folder,
    )
    webhook_url: str = _setting(
        "", "Where the end of each import job is POSTed, as a signed JSON event: an http(s) URL.", read.webhook_url
    )
    webhook_secret: str = _setting(
        "",
        "What events are signed with: `whsec_` and base64 of 24 to 64 bytes; several, with spaces between, while a new "
        "one takes an old one's place. Better given by its variable: other users of the machine see flags.",
        read.webhook_secrets,
    )
    webhook_timeout_s: float = _setting(
        10.0, "Longest time that the receiver of an event may take to answer, in seconds.", read.at_least(0.1, float)
    )
    webhook_give_up_s: float = _setting(
        86400.0, "How long an event is sent again before it is given up, in seconds.", read.at_least(0, float)
    )
    metrics_port: int | None = _setting(
        None, "Port on loopback where a worker serves its metrics; a server has them at /metrics.", read.port
    )
    log_format: str = _setting("text", "text or json.", read.choice("text", "json"))
    log_level: str = _setting(
        "info", "debug, info, warning or error.", read.choice("debug", "info", "warning", "error")
    )

    def __post_init__(self) -> None:
        if (self.tls_cert is None) != (self.tls_key is None):
            missing = "--tls-cert" if self.tls_cert is None else "--tls-key"
            raise SettingError(missing, "is missing: a certificate and its key go together")
        if (self.keys == "kms") != bool(self.kms_key):
            raise SettingError("--kms-key", "is missing" if self.keys == "kms" else "goes with --keys kms")
        if bool(self.webhook_url) != bool(self.webhook_secret):
            missing = "--webhook-secret" if self.webhook_url else "--webhook-url"
            raise SettingError(missing, "is missing: events are signed, and a signature goes with an address")
        if self.auth == "none" and not is_loopback(self.host):
            raise SettingError("--auth", f"none is allowed on a loopback address only, and --host is {self.host}")

    @property
    def scheme(self) -> str:
        """How the server is spoken to."""
        return "http" if self.tls_cert is None else "https"

    @property
    def kept_warm(self) -> frozenset[str]:
        """The names and ARNs of the models that stay loaded."""
        return frozenset(name.strip() for name in self.keep_warm.split(",") if name.strip())

    @property
    def vault_place(self) -> Path | str:
        """Where sealed models lie: a folder, or an `s3://` address."""
        return self.vault or self.data / "vault"

    @property
    def keyring_file(self) -> Path:
        """Where the local keyring lies."""
        return self.data / "keys" / "keyring.json"

    @property
    def audit_path(self) -> Path | None:
        """Where the audit log is written; None where none is."""
        if self.audit_log == "none":
            return None
        return read.folder(self.audit_log) if self.audit_log else self.data / "audit.jsonl"

    @property
    def catalog_url(self) -> str:
        """URL of the catalog's database."""
        return self.database or f"sqlite:///{self.data / 'catalog.sqlite'}"

    @property
    def jobs_url(self) -> str:
        """URL of the database with the job engine's own tables."""
        return self.database or f"sqlite:///{self.data / 'jobs.sqlite'}"


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingInfo:
    """A setting as help texts and documentation show it."""

    name: str
    flag: str
    variable: str
    default: Any
    help_text: str


def setting_infos() -> list[SettingInfo]:
    """Returns every setting, in the order of the table."""
    return [
        SettingInfo(
            name=item.name,
            flag=item.metadata["flag"] or "--" + item.name.replace("_", "-"),
            variable=item.metadata["variable"] or "OUTCROP_" + item.name.upper(),
            default=item.default,
            help_text=item.metadata["help"],
        )
        for item in dataclasses.fields(Settings)
    ]


def load(flags: Mapping[str, Any] | None = None, environment: Mapping[str, str] | None = None) -> Settings:
    """Reads the settings: flags that were given, then the environment, then defaults.

    Args:
        flags: values by setting name, as text or already of the setting's type; None means not given.
        environment: the environment to read; default: the process's.

    Raises:
        SettingError: a value cannot work; the error names the flag or variable that held it.
    """
    given = flags or {}
    variables = os.environ if environment is None else environment
    values: dict[str, Any] = {"data": DEFAULT_DATA.absolute()}
    for item, info in zip(dataclasses.fields(Settings), setting_infos(), strict=True):
        value, origin = given.get(item.name), info.flag
        if value is None:
            value, origin = variables.get(info.variable), info.variable
        if value is None:
            continue
        if isinstance(value, bool) or isinstance(item.default, bool):
            values[item.name] = value if isinstance(value, bool) else _boolean(origin, value)
            continue
        try:
            values[item.name] = item.metadata["parse"](str(value))
        except ValueError as error:
            raise SettingError(origin, str(error)) from error
    return Settings(**values)


def upstream_environment() -> dict[str, str]:
    """Returns the AWS variables of the process: how stores and services outside are found and reached."""
    return {
        name: value for name, value in os.environ.items() if name.startswith("AWS_") or name == "REQUESTS_CA_BUNDLE"
    }


def engine_environment() -> dict[str, str]:
    """Returns what an engine process may see of the environment: how to run, never who we are.

    An allow-list, since a deny-list would forget the next secret: no AWS, Outcrop or hub credential passes.
    """
    allowed = ("PATH", "LANG", "LC_ALL", "TZ", "TMPDIR", "LD_LIBRARY_PATH", "CUDA_VISIBLE_DEVICES")
    prefixes = ("NVIDIA_", "CUDA_", "OMP_", "VLLM_CPU_", "NCCL_")
    return {name: value for name, value in os.environ.items() if name in allowed or name.startswith(prefixes)}


def find_program(name: str) -> str | None:
    """Returns the path of a program: beside this Python first, so that a virtual environment need not be active."""
    beside = Path(sys.executable).parent / name
    return str(beside) if beside.is_file() else shutil.which(name)


def is_loopback(host: str) -> bool:
    """Says whether an address is reachable from this machine only."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _boolean(origin: str, text: str) -> bool:
    if text.lower() in ("1", "true", "yes", "on"):
        return True
    if text.lower() in ("0", "false", "no", "off"):
        return False
    raise SettingError(origin, f"expected true or false, not {text!r}")
