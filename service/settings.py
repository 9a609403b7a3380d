"""What an operator may set, by environment variable; nothing needs to be set to try the service."""

from pathlib import Path

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """The environment of a process."""

    model_config = SettingsConfigDict(env_file=None, extra="ignore")

    #: PostgreSQL as the restricted service role; without it an embedded PostgreSQL 18 is used.
    database_url: SecretStr | None = Field(None, validation_alias="DATABASE_URL")
    #: The same database as its owner, for migrations alone.
    migration_database_url: SecretStr | None = Field(None, validation_alias="MIGRATION_DATABASE_URL")
    #: Where the embedded PostgreSQL keeps its data.
    data: Path = Field(Path(".data"), validation_alias="GREENLIGHT_DATA")
