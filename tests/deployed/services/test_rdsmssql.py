"""What applications do with Amazon RDS for SQL Server, and what they cannot."""

from __future__ import annotations

from database_case import MasterSecretTestCase, PlansOfRds


class RdsMssqlTest(PlansOfRds, MasterSecretTestCase):
    service = "rdsmssql"
    # gp3 is the storage with the most options.
    unchanged = (*MasterSecretTestCase.unchanged, "StorageType")
    # The edition stays, and needs the larger class.
    growing = (*MasterSecretTestCase.growing, "InstanceClass")
    changed = {
        "Edition": "sqlserver-ee",
        "EngineVersion": "16.00.4215.2.v1",
        "InstanceClass": "db.m6i.xlarge",
        "Collation": "Latin1_General_CI_AS",
        "TimeZone": "UTC",
        "LogExports": "error",
        "MaxDegreeOfParallelism": "4",
        "CostThresholdForParallelism": "50",
        "OptimizeForAdHocWorkloads": "true",
    }
