#!/bin/sh
# Runs once, when the database's volume is new: the two roles and the database, as service/embedded.py makes them.
# The owner migrates; the service's role can do by itself nothing but connect, and gets its rights by migration.
set -eu
psql --no-psqlrc --set ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname postgres \
  --set owner="$OWNER_PASSWORD" --set service="$SERVICE_PASSWORD" <<'SQL'
CREATE ROLE greenlight_owner LOGIN PASSWORD :'owner';
CREATE ROLE greenlight_service LOGIN PASSWORD :'service';
CREATE DATABASE greenlight OWNER greenlight_owner;
SQL
