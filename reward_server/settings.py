"""The server's settings: the only reader of the environment (prefix REWARD_SERVER_)."""

from __future__ import annotations

import ipaddress
import os
import tempfile
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import BeforeValidator, Field, SecretStr, ValidationError, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from reward_server.errors import ConfigError
from reward_server.wire import MAX_ITEMS
from sandbox.config import Level
from sandbox.languages import LANGUAGES, named

PREFIX = "REWARD_SERVER_"
MIB = 1 << 20
MAX_TMPDIR_BYTES = 70


def _cores() -> int:
    return len(os.sched_getaffinity(0))


def _listed(value: Any) -> Any:
    """The parts of a text with commas; anything else as it is."""
    if isinstance(value, str):
        return tuple(part.strip() for part in value.split(",") if part.strip())
    return value


Listed = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_listed)]


class Settings(BaseSettings):
    """Built once at start and passed on as an argument."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="forbid")

    role: Literal["server", "code-worker"] = Field(
        default="server", description="code-worker: only runs programs, for the servers that name it in code_workers"
    )
    host: str = Field(default="127.0.0.1", description="address to listen on")
    port: int = Field(default=8080, ge=0, le=65535, description="0 takes a free one")
    workers: int = Field(
        default=1,
        ge=1,
        le=256,
        description="processes that answer requests; check workers, sandbox slots and questions are shared out",
    )
    api_key: SecretStr | None = Field(default=None, min_length=1, description="bearer key asked for on /v1 routes")
    insecure: bool = Field(default=False, description="allow a public address without a key")

    max_body_bytes: int = Field(default=64 * MIB, ge=1024)
    max_completion_chars: int = Field(default=MIB, ge=1, description="a longer completion is scored 0 and flagged")
    max_pending_items: int = Field(default=16_384, ge=MAX_ITEMS, description="over all requests; more are answered 429")
    max_pending_programs: int = Field(
        default=4096, ge=1, description="submissions in work or waiting, over all requests; more are answered 429"
    )
    idempotency_bytes: int = Field(default=64 * MIB, ge=0, description="memory for answers kept for retries")

    profiles_dir: Path | None = Field(default=None, description="a folder with profiles (*.toml) of your own")
    check_workers: int = Field(default_factory=_cores, ge=1, description="processes that run answer checks")
    check_timeout_seconds: float = Field(
        default=5.0, ge=0.01, le=3600, description="of one check of one item, then it is killed"
    )
    check_memory_bytes: int = Field(default=1024 * MIB, ge=64 * MIB, description="address space of a worker")
    check_worker_tasks: int = Field(default=20_000, ge=0, description="a worker is replaced after so many; 0: never")

    sandbox_slots: int = Field(default_factory=_cores, ge=1, description="programs that run at the same time")
    sandbox_allow_unsafe: bool = Field(
        default=False, description="run code below the isolation floor; say so in answers"
    )
    sandbox_python: Path | None = Field(default=None, description="interpreter for Python programs; chosen when absent")
    sandbox_namespaces: bool | None = Field(
        default=None, description="absent: where the kernel lets us; true: no program is run without them; false: never"
    )
    sandbox_runtime: str | None = Field(
        default=None, description="gVisor's runsc, or its path: each slot lives inside it; see docs/sandbox.md"
    )
    sandbox_runtime_flags: Listed = Field(default=(), description="of runsc, such as --platform=kvm; commas between")
    sandbox_cgroup: bool = Field(default=True, description="use control groups where some can be made")
    sandbox_cgroup_parent: Path | None = Field(default=None, description="a delegated group of version 2 for them")
    sandbox_languages: Listed = Field(default=(), description="names with commas between; none: all that the host has")
    sandbox_try_languages: bool = Field(
        default=True, description="try them at the start, in the background; else when first asked for"
    )
    sandbox_cache_dir: Path | None = Field(default=None, description="of compiled programs; chosen when absent")
    sandbox_cache_bytes: int = Field(default=1024 * MIB, ge=256 * MIB, description="of compiled programs")
    sandbox_toolchain_dir: Path | None = Field(default=None, description="what `sandbox prepare` has made")
    sandbox_base_uid: int = Field(
        default=60_000,
        ge=1,
        le=2**31,
        description="as root programs run as this user and those after it; see docs/sandbox.md",
    )
    sandbox_floor: Level = Field(default=Level.BASE, description="isolation below which no program is run")
    code_workers: Listed = Field(
        default=(),
        description="http://HOST:PORT, with commas between; every address of a HOST; none: programs run here",
    )
    worker_key: SecretStr | None = Field(default=None, min_length=1, description="shared by servers and code workers")
    worker_probe_seconds: float = Field(default=2.0, ge=0.1, le=60, description="between two looks at a code worker")
    worker_wait_seconds: float = Field(
        default=5.0, ge=0, le=600, description="a run waits so long for a code worker to come back"
    )
    judge_url: str | None = Field(
        default=None, description="http(s)://HOST:PORT of an OpenAI-compatible endpoint, for `external_judge`"
    )
    judge_model: str | None = Field(
        default=None, min_length=1, validate_default=True, description="the model that the endpoint is asked for"
    )
    judge_api_key: SecretStr | None = Field(default=None, min_length=1, description="bearer key of the endpoint")
    judge_timeout_seconds: float = Field(default=60.0, gt=0, le=3600, description="of one attempt, to the last byte")
    judge_deadline_seconds: float = Field(
        default=180.0, gt=0, le=3600, description="of a question with all attempts and the pauses between them"
    )
    judge_attempts: int = Field(
        default=3, ge=1, le=10, description="of a question that meets a lost connection, a time-out, 429 or 5xx"
    )
    judge_concurrency: int = Field(
        default=32, ge=1, le=4096, description="questions at a time; shared out among `workers`"
    )
    drain_notice_seconds: float = Field(
        default=0.0, ge=0, le=600, description="on SIGTERM /readyz says 503 for so long before the port is closed"
    )
    drain_seconds: float = Field(default=30.0, ge=0, description="on SIGTERM requests in flight may take so long")

    @field_validator("sandbox_languages")
    @classmethod
    def _known_languages(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        strangers = [name for name in names if named(name) is None]
        if strangers:
            raise ValueError(f"expected names among {', '.join(LANGUAGES)}, got {', '.join(strangers)}")
        return names

    @field_validator("judge_url")
    @classmethod
    def _base_of_an_endpoint(cls, url: str | None) -> str | None:
        """Without the /v1 that such addresses often end in. Errors do not quote it: it may hold a password."""
        if url is None:
            return None
        if "@" in url:
            raise ValueError(f"expected an address without a user or a password: the key goes to {PREFIX}JUDGE_API_KEY")
        try:
            parts = urlsplit(url)
            good = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
        except ValueError:
            good = None
        if not good or parts.query or parts.fragment or not url.isprintable() or " " in url:
            raise ValueError("expected http://HOST:PORT or https://HOST, and perhaps a path")
        return url.rstrip("/").removesuffix("/v1")

    @field_validator("judge_api_key")
    @classmethod
    def _fit_for_a_header(cls, key: SecretStr | None) -> SecretStr | None:
        """Keys read from files often end in a line break."""
        text = key.get_secret_value() if key is not None else "none"
        if not (text.isascii() and text.isprintable()) or " " in text:
            raise ValueError("expected a key of ASCII characters, without spaces or line breaks")
        return key

    @field_validator("judge_model")
    @classmethod
    def _model_with_an_endpoint(cls, model: str | None, info: ValidationInfo) -> str | None:
        url = info.data.get("judge_url", ...)  # absent where it is wrong itself
        if url is not ... and (model is None) != (url is None):
            raise ValueError(f"expected {PREFIX}JUDGE_URL and {PREFIX}JUDGE_MODEL together, got one of them")
        return model

    def share_of_a_worker(self) -> Settings:
        """The settings of one of the `workers` processes."""
        return self.model_copy(
            update={
                "check_workers": max(1, self.check_workers // self.workers),
                "sandbox_slots": max(1, self.sandbox_slots // self.workers),
                "judge_concurrency": max(1, self.judge_concurrency // self.workers),
            }
        )

    def refuse_open_door(self) -> None:
        """Stop a server that anybody on the network could use as an oracle or to run code."""
        name, key = ("WORKER_KEY", self.worker_key) if self.role == "code-worker" else ("API_KEY", self.api_key)
        if key is None and not self.insecure and not _is_loopback(self.host):
            raise ConfigError(
                f"refusing to listen on {self.host} without a key: set {PREFIX}{name}, "
                "or pass --insecure where the network itself keeps strangers out"
            )


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _require_room_for_sockets() -> None:
    """Processes of ours talk over sockets in TMPDIR, whose names the kernel limits to 107 bytes."""
    folder = tempfile.gettempdir()
    if len(os.fsencode(folder)) > MAX_TMPDIR_BYTES:
        raise ConfigError(f"TMPDIR is too long for sockets in it: at most {MAX_TMPDIR_BYTES} bytes, not {folder}")


def load_settings(**overrides: Any) -> Settings:
    """Settings from defaults, then the environment, then `overrides` that are not None.

    pydantic-settings ignores a misspelt variable silently, so strangers are refused here.
    """
    _require_room_for_sockets()
    known = {PREFIX + name.upper() for name in Settings.model_fields}
    strangers = sorted(name for name in os.environ if name.upper().startswith(PREFIX) and name.upper() not in known)
    if strangers:
        raise ConfigError(f"unknown variables {', '.join(strangers)}; known are {', '.join(sorted(known))}")
    try:
        return Settings(**{name: value for name, value in overrides.items() if value is not None})
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise ConfigError(f"setting {where} ({PREFIX}{where.upper()}): {first['msg']}") from error
