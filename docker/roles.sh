#!/bin/sh
# Runs once, when the database's volume is new: the roles, the database, and a password for each role that logs in.
# The owner has none: who migrates acts as the owner. Rights come by migration. docs/database.md says more.
set -eu
psql --no-psqlrc --set ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname postgres \
  --command 'CREATE DATABASE greenlight'
psql --no-psqlrc --set ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname greenlight \
  --file "${ROLES:-/greenlight/roles.sql}"
psql --no-psqlrc --set ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname greenlight \
  --set migrator="$MIGRATOR_PASSWORD" --set service="$SERVICE_PASSWORD" <<'SQL'
ALTER DATABASE greenlight OWNER TO greenlight_owner;
ALTER ROLE greenlight_migrator LOGIN PASSWORD :'migrator';
ALTER ROLE greenlight_service LOGIN PASSWORD :'service';
SQL
