"""Greenlight beside its peers, on one PostgreSQL, in one run: `make bench`."""
