"""What applications do with Amazon RDS for Oracle, and what they cannot."""

from __future__ import annotations

from database_case import MasterSecretTestCase, PlansOfRds


class RdsOracleTest(PlansOfRds, MasterSecretTestCase):
    service = "rdsoracle"
    # gp3 is the storage with the most options.
    unchanged = (*MasterSecretTestCase.unchanged, "StorageType")
    # The edition stays, and needs its licence.
    growing = (*MasterSecretTestCase.growing, "LicenseModel")
    changed = {
        "Edition": "oracle-ee",
        "LicenseModel": "bring-your-own-license",
        "EngineVersion": "19.0.0.0.ru-2025-10.rur-2025-10.r1",
        "DatabaseName": "ORDERS",
        "CharacterSet": "WE8ISO8859P15",
        "NationalCharacterSet": "UTF8",
        "InstanceClass": "db.m5.xlarge",
        "LogExports": "alert",
        "OpenCursors": "500",
        "Processes": "300",
        "NetworkEncryption": "tls",
    }
