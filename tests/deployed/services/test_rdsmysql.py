"""What applications do with Amazon RDS for MySQL, and what they cannot."""

from __future__ import annotations

from database_case import IAM_SCOPES, MYSQL_CHANGED, DatabaseTestCase, PlansOfRds


class RdsMysqlTest(PlansOfRds, DatabaseTestCase):
    service = "rdsmysql"
    # gp3 is the storage with the most options.
    unchanged = (*DatabaseTestCase.unchanged, "StorageType")
    not_here = IAM_SCOPES
    changed = {**MYSQL_CHANGED, "EngineVersion": "8.4.7"}
