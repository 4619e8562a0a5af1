"""What applications do with Amazon RDS for MariaDB, and what they cannot."""

from __future__ import annotations

from database_case import IAM_SCOPES, MYSQL_CHANGED, DatabaseTestCase, PlansOfRds


class RdsMariadbTest(PlansOfRds, DatabaseTestCase):
    service = "rdsmariadb"
    # gp3 is the storage with the most options.
    unchanged = (*DatabaseTestCase.unchanged, "StorageType")
    not_here = IAM_SCOPES
    changed = {**MYSQL_CHANGED, "EngineVersion": "11.8.3", "EventScheduler": "true"}
