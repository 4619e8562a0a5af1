"""What applications do with Amazon Aurora MySQL, and what they cannot."""

from __future__ import annotations

from database_case import AURORA_CHANGED, IAM_SCOPES, MYSQL_CHANGED, DatabaseTestCase, PlansOfAurora


class AuroraMysqlTest(PlansOfAurora, DatabaseTestCase):
    service = "auroramysql"
    not_here = IAM_SCOPES
    changed = {
        **MYSQL_CHANGED,
        **AURORA_CHANGED,
        "EngineVersion": "8.4.mysql_aurora.8.4.8",
        "LogExports": "audit",
        "AuditEvents": "CONNECT",
        "TimeZone": "Europe/Berlin",
    }
