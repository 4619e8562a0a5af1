"""What applications do with Amazon Aurora PostgreSQL, and what they cannot."""

from __future__ import annotations

from database_case import AURORA_CHANGED, POSTGRESQL_CHANGED, DatabaseTestCase, PlansOfAurora


class AuroraPostgresqlTest(PlansOfAurora, DatabaseTestCase):
    service = "aurorapostgresql"
    changed = {**POSTGRESQL_CHANGED, **AURORA_CHANGED, "LogExports": "postgresql"}
    changed_in = {"production": {"LogExports": ""}}
