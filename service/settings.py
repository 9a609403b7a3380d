"""What an operator may set, by environment variable; nothing needs to be set to try the service."""

from datetime import timedelta
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit, urlunsplit

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from service.oidc import Oidc
from service.rates import Limits


class Settings(BaseSettings):
    """The environment of a process."""

    model_config = SettingsConfigDict(env_file=None, env_ignore_empty=True, extra="ignore")

    #: PostgreSQL as the restricted service role; without it an embedded PostgreSQL 18 is used.
    database_url: SecretStr | None = Field(None, validation_alias="DATABASE_URL")
    #: The same database as its owner, for migrations alone.
    migration_database_url: SecretStr | None = Field(None, validation_alias="MIGRATION_DATABASE_URL")
    #: Where the embedded PostgreSQL keeps its data.
    data: Path = Field(Path(".data"), validation_alias="GREENLIGHT_DATA")
    #: The OpenID Connect provider whose signed tokens are believed; none without it.
    oidc_issuer: str | None = Field(None, validation_alias="OIDC_ISSUER")
    #: What its tokens must be made out to.
    oidc_audience: str | None = Field(None, validation_alias="OIDC_AUDIENCE")
    #: Where its keys are; without it, its discovery document says so.
    oidc_jwks_url: str | None = Field(None, validation_alias="OIDC_JWKS_URL")
    #: How long its tokens may last.
    oidc_token_hours: float = Field(24, gt=0, le=24 * 366, validation_alias="OIDC_TOKEN_HOURS")
    #: Whose word of a client's address is taken: proxies, as uvicorn takes them. Nobody's without it.
    forwarded_allow_ips: str | None = Field(None, validation_alias="FORWARDED_ALLOW_IPS")
    #: Of one token or key, by each process; 0 for as many as come.
    requests_a_second: int = Field(600, ge=0, validation_alias="GREENLIGHT_REQUESTS_A_SECOND")
    #: Of one address to bear a valid token, told by each process; 0 for as many as come.
    failures_a_minute: int = Field(30, ge=0, validation_alias="GREENLIGHT_FAILURES_A_MINUTE")

    @property
    def oidc(self) -> Oidc | None:
        """The provider, if there is one."""
        if self.oidc_issuer is None:
            return None
        lasts = timedelta(hours=self.oidc_token_hours)
        return Oidc(self.oidc_issuer, self.oidc_audience or "", self.oidc_jwks_url, lasts)

    @property
    def limits(self) -> Limits:
        """How often requests may come."""
        return Limits(self.requests_a_second or None, self.failures_a_minute or None)

    @field_validator("database_url", "migration_database_url", mode="after")
    @classmethod
    def _is_of_postgresql(cls, url: SecretStr | None) -> SecretStr | None:
        """As libpq writes it; `postgres://` is another way to say the same."""
        if url is None:
            return None
        try:
            parts = urlsplit(url.get_secret_value())
            sound = parts.scheme in ("postgresql", "postgres") and parts.port != 0 and parts.path.strip("/") != ""
        except ValueError:
            sound = False
        if not sound:
            raise ValueError("send it as postgresql://user:password@host:5432/database")
        return SecretStr(urlunsplit(parts._replace(scheme="postgresql")))

    @model_validator(mode="after")
    def _provider_is_whole(self) -> Self:
        if self.oidc_issuer is not None and not self.oidc_audience:
            raise ValueError("OIDC_ISSUER needs OIDC_AUDIENCE: whom its tokens must be made out to")
        _ = self.oidc  # refuses an address that anybody could answer for
        return self
