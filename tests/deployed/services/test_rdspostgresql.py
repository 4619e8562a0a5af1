"""What applications do with Amazon RDS for PostgreSQL, and what they cannot."""

from __future__ import annotations

from database_case import POSTGRESQL_CHANGED, DatabaseTestCase, PlansOfRds


class RdsPostgresqlTest(PlansOfRds, DatabaseTestCase):
    service = "rdspostgresql"
    # gp3 is the storage with the most options.
    unchanged = (*DatabaseTestCase.unchanged, "StorageType")
    changed = POSTGRESQL_CHANGED
