"""Settings: the environment (prefix `IM_`) and `.env`, checked once at start. A wrong one is named with the accepted form."""

from __future__ import annotations

import ipaddress
from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

import limits
from pydantic import Field, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from imcore.double_texting import DoubleTexting
from imcore.errors import IMError

MIN_SECRET_BYTES = 32


class WrongSettingsError(IMError):
    """A setting cannot be used; the text names it and the accepted form."""

    code = "wrong_settings"


class Settings(BaseSettings):
    """One attribute a setting; the documentation of each is docs/settings.md. Empty values count as not set."""

    model_config = SettingsConfigDict(env_prefix="IM_", env_file=".env", env_ignore_empty=True, extra="ignore", frozen=True)

    data_dir: Path = Path("imcore-data")
    database_url: str = ""
    redis_url: str | None = None

    llm: str | None = None
    llm_model: str | None = None
    llm_base_url: str | None = None
    llm_api_key: str | None = None
    llm_client: Literal["lean", "chat-openai"] = "lean"
    llm_fallback_models: Annotated[tuple[str, ...], NoDecode] = ()
    llm_timeout_s: float = Field(default=60, gt=0)
    llm_first_token_timeout_s: float = Field(default=20, gt=0)
    llm_max_retries: int = Field(default=2, ge=0, le=10)

    system_prompt: str = "You are a helpful assistant."
    history_messages: int = Field(default=20, ge=1, le=200)
    history_tokens: int = Field(default=4000, ge=1)
    reply_mode: Literal["stream", "whole"] = "stream"
    double_texting: DoubleTexting = DoubleTexting.QUEUE

    jwt_secret: str | None = None
    jwt_jwks_url: str | None = None
    jwt_algorithms: Annotated[tuple[str, ...], NoDecode] = ()
    jwt_audience: str | None = None
    jwt_issuer: str | None = None
    guest_access: bool | None = None

    rate_limit: str = "60/minute"
    max_message_chars: int = Field(default=8000, ge=1, le=100_000)
    max_connections_per_user: int = Field(default=10, ge=1)
    max_pending_replies_per_user: int = Field(default=20, ge=0)
    max_queue_depth: int = Field(default=10_000, ge=1)
    allowed_origins: Annotated[tuple[str, ...], NoDecode] = ()

    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"] = "INFO"
    log_format: Literal["json", "console"] = "json"
    log_file: Path | None = None

    @field_validator("llm_fallback_models", "jwt_algorithms", "allowed_origins", mode="before")
    @classmethod
    def _comma_separated(cls, value: object) -> object:
        return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value

    @field_validator("log_level", mode="before")
    @classmethod
    def _upper(cls, value: object) -> object:
        return value.upper() if isinstance(value, str) else value

    @field_validator("redis_url")
    @classmethod
    def _redis_scheme(cls, url: str | None) -> str | None:
        _check_scheme(url, ("redis", "rediss", "sentinel"), "redis://host:6379/0, rediss://… or sentinel://host:26379;…")
        return url

    @field_validator("database_url")
    @classmethod
    def _database_scheme(cls, url: str) -> str:
        schemes = ("sqlite", "postgresql", "postgres", "mysql", "mariadb")
        _check_scheme(url, schemes, "sqlite:///file.db, postgresql://user@host/name or mysql://user@host/name")
        return url

    @field_validator("llm_base_url", "jwt_jwks_url")
    @classmethod
    def _http_scheme(cls, url: str | None) -> str | None:
        _check_scheme(url, ("http", "https"), "http://… or https://…")
        return url

    @field_validator("rate_limit")
    @classmethod
    def _rate(cls, rate: str) -> str:
        if rate != "off":
            try:
                limits.parse_many(rate)
            except ValueError:
                raise ValueError("accepted are forms such as 60/minute, 5/second;1000/day or off") from None
        return rate

    @field_validator("jwt_secret")
    @classmethod
    def _long_secret(cls, secret: str | None) -> str | None:
        if secret is not None and len(secret.encode()) < MIN_SECRET_BYTES:
            raise ValueError(f"at least {MIN_SECRET_BYTES} bytes are needed, for example from `openssl rand -hex 32`")
        return secret

    @model_validator(mode="after")
    def _one_key(self) -> Self:
        if self.jwt_secret and self.jwt_jwks_url:
            raise ValueError("IM_JWT_SECRET, IM_JWT_JWKS_URL: only one of them can be set")
        if not self.embedded and not (self.jwt_secret or self.jwt_jwks_url):
            raise ValueError("IM_JWT_SECRET: needed with IM_REDIS_URL (at least 32 bytes, the same in every process), or IM_JWT_JWKS_URL")
        return self

    @property
    def max_pending(self) -> int | None:
        """Of one user's replies; None for no limit."""
        return self.max_pending_replies_per_user or None

    @property
    def embedded(self) -> bool:
        """Whether replies are written in the API's own process."""
        return self.redis_url is None

    @property
    def store_url(self) -> str:
        """The database, the embedded one in the data directory if none is set."""
        return self.database_url or f"sqlite:///{self.data_dir / 'imcore.db'}"

    def guest_access_on(self, host: str) -> bool:
        """On where it is set, else in embedded mode on a loopback address only."""
        return self.guest_access if self.guest_access is not None else self.embedded and _is_loopback(host)


def load_settings() -> Settings:
    """Read the environment and `.env`.

    Raises:
        WrongSettingsError: one line a wrong setting.
    """
    try:
        return Settings()
    except ValidationError as error:
        raise WrongSettingsError("\n".join(_line(problem["loc"], problem["msg"]) for problem in error.errors())) from None


def _line(loc: tuple[int | str, ...], message: str) -> str:
    message = message.removeprefix("Value error, ")
    return f"IM_{str(loc[0]).upper()}: {message}" if loc else message


def _check_scheme(url: str | None, schemes: tuple[str, ...], accepted: str) -> None:
    if url and urlsplit(url).scheme.split("+")[0] not in schemes:
        raise ValueError(f"accepted are {accepted}")


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
