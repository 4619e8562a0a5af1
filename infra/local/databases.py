"""Real servers behind AWS::RDS::DBInstance and AWS::RDS::DBCluster of PostgreSQL, MySQL and MariaDB.

ministack keeps the records. Here a database that runs PostgreSQL or MySQL gets a server on 127.0.0.1, with TLS, a
master user as RDS makes it and, if RDS is to manage the password, its secret. A snapshot keeps a copy of the data, from
which a database can be restored. A cluster has one server, which all its instances and its reader endpoint lead to.

Not emulated:

- Servers of other engines, such as SQL Server and Oracle: they are records.
- MySQL: its server is a MariaDB, so that what only MySQL has is missing, such as `caching_sha2_password`, the role
  `rds_superuser_role` and `AWSAuthenticationPlugin`.
- IAM authentication: a member of `rds_iam` cannot log in, neither with a password, as on AWS, nor with a token.
- Engine versions: PostgreSQL is the newest one that is installed, or for versions up to 15 an old one; an upgrade
  changes the record alone. Collations are those of C; MariaDB's character set is utf8mb4.
- Parameters other than `rds.force_ssl` and `require_secure_transport`. Extensions of RDS's own, the schema of Aurora.
- Networks: a security group or a subnet admits anybody. The port of a template is ignored, and DNS names are too.
- Replication: a read replica is a copy of the moment, which can be written to. A restore to a point in time has the
  data of now. A snapshot or a copy interrupts the connections of its source.
- Storage, encryption, maintenance, failover, and time: all is done at once.
- What the RDS API changes: it knows the records alone, but for snapshots, whose data are kept.

A parameter group is followed at once, as RDS follows its two parameters.
"""

from __future__ import annotations

import functools
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ministack.services import cloudformation, rds, secretsmanager
from ministack.services.cloudformation import provisioners, stacks

import database_rules
from database_fleet import Fleet
from database_processes import HOST
from database_rules import Properties, is_true, refuse
from database_secrets import create_secret, delete_secret, generated_password, password_in, secret_text
from database_servers import Server
from database_types import CLUSTER, ENGINES, INSTANCE, DatabaseType, arn_of, is_member, snapshot_arn, with_port

Made = tuple[str, dict[str, str]]

# LocalAws names these places. The functions would inherit the variables, which are not theirs.
TOOLS = Path(os.environ.pop("DATABASE_SERVERS", "/nonexistent"))
AUTHORITY = Path(os.environ.pop("DATABASE_AUTHORITY", f"{tempfile.gettempdir()}/databases.pem"))
FLEET = Fleet(TOOLS, AUTHORITY)

# By the ARN of a database, and of a snapshot.
_servers: dict[str, Server] = {}
_snapshots: dict[str, Path] = {}


# ------------------------------------------------------------------------------------------------ sources of copies


@dataclass(frozen=True)
class Source:
    """The database or snapshot that a new database is a copy of."""

    record: Properties
    server: Server | None = None
    snapshot: Path | None = None

    def inherited(self, kind: DatabaseType, properties: Properties) -> Properties:
        """The properties with those that a copy has from its source."""
        names = {"Engine": "Engine", "EngineVersion": "EngineVersion", "AllocatedStorage": "AllocatedStorage"}
        values = {name: self.record[key] for name, key in names.items() if self.record.get(key)}
        own = {name: value for name, value in properties.items() if value not in (None, "")}
        fixed = {"MasterUsername": self.record["MasterUsername"], kind.database: self.record.get(kind.database, "")}
        return {**values, **own, **fixed}

    @contextmanager
    def data(self) -> Iterator[Path | None]:
        """The data as they are now. A snapshot of an engine without a server has none."""
        if self.server:
            with FLEET.copied(self.server) as data:
                yield data
        else:
            yield self.snapshot


def source_of(kind: DatabaseType, properties: Properties) -> Source | None:
    """The source of a new database, which must be there."""
    if name := properties.get(kind.snapshot):
        record = kind.snapshots.get(name.rpartition(":")[2])
        refuse(None if record else f"{kind.snapshot.removesuffix('Identifier')} {name} not found.")
        return Source(record, snapshot=_snapshots.get(snapshot_arn(record)))
    if name := properties.get(kind.source):
        record = kind.records.get(name.rpartition(":")[2])
        refuse(None if record else f"{kind.noun} {name} not found.")
        if kind is INSTANCE and not (properties.get("RestoreTime") or is_true(properties.get(LATEST))):
            refuse(database_rules.replica_fault(record, properties))
        return Source(record, server=_servers.get(record[kind.arn]))
    return None


LATEST = "UseLatestRestorableTime"


# ------------------------------------------------------------------------------------------------ life of a database


def create(
    kind: DatabaseType, handle: Callable[..., Made], logical_id: str, asked: Properties, stack_name: str
) -> Made:
    """Creates a database with its server. A member of a cluster shares the cluster's."""
    if asked.get("DBClusterIdentifier") and kind is INSTANCE:
        return create_member(handle, logical_id, asked, stack_name)
    source = source_of(kind, asked)
    refuse(database_rules.creation_fault(asked, copies=source is not None))

    properties = with_port(source.inherited(kind, asked) if source else asked)
    identifier, _ = handle(logical_id, properties, stack_name)
    record = kind.records[identifier]
    try:
        if properties.get("Engine") in ENGINES:
            _servers[record[kind.arn]] = new_server(kind, record, properties, source)
        apply(kind, record, {}, properties)
    except BaseException:
        remove(kind, record)
        kind.records.pop(identifier, None)
        raise
    return identifier, attributes_of(kind, record)


def new_server(kind: DatabaseType, record: Properties, properties: Properties, source: Source | None) -> Server:
    engine, version, master = record["Engine"], str(record["EngineVersion"]), record["MasterUsername"]
    with source.data() if source else nullcontext() as data:
        server = FLEET.create(engine, version, data)
    try:
        if data:
            server.adopt_master(master)
        else:
            server.create_master(master, generated_password(), properties.get(kind.database) or "")
    except BaseException:
        FLEET.remove(server)
        raise
    return server


def create_member(handle: Callable[..., Made], logical_id: str, asked: Properties, stack_name: str) -> Made:
    identifier, _ = handle(logical_id, with_port(asked), stack_name)
    record = rds._instances[identifier]
    point_at(record, server_of(record))
    keep_tags(record, asked)
    return identifier, attributes_of(INSTANCE, record)


def update(
    kind: DatabaseType,
    handle: Callable[..., Made],
    physical_id: str,
    old: Properties,
    new: Properties,
    stack_name: str,
    logical_id: str | None = None,
) -> Made:
    """Updates a database in place, or returns the one that replaces it."""
    record = kind.records.get(physical_id)
    if record and not provisioners._requires_replacement(kind.name, old, new):
        if is_rolling_back(stack_name):
            new = database_rules.with_storage_kept(record, new)
        refuse(database_rules.update_fault(record, new))

    made = handle(physical_id, with_port(old), with_port(new), stack_name, logical_id)
    if made[0] != physical_id or record is None:
        return made
    if is_member(record):
        point_at(record, server_of(record))
        keep_tags(record, new)
    else:
        apply(kind, record, old, new)
    return physical_id, attributes_of(kind, record)


def is_rolling_back(stack_name: str) -> bool:
    return "ROLLBACK" in (cloudformation._stacks.get(stack_name) or {}).get("StackStatus", "")


def apply(kind: DatabaseType, record: Properties, old: Properties, new: Properties) -> None:
    """Brings the secret, the password and the server's rules to what the properties say."""
    server = _servers.get(record[kind.arn])
    if is_true(new.get("ManageMasterUserPassword")):
        if not record.get("MasterUserSecret"):
            record["MasterUserSecret"] = create_secret(kind, record, new)
            set_password(record, server, password_in(record))
    else:
        delete_secret(record)
        password = new.get("MasterUserPassword")
        if password and password != old.get("MasterUserPassword"):
            set_password(record, server, password)
    if server:
        server.require_tls(database_rules.requires_tls(record, new))
        record["_parameters"] = new
    point_at(record, server)
    keep_tags(record, new)


def set_password(record: Properties, server: Server | None, password: str) -> None:
    record["_MasterUserPassword"] = password
    if server:
        server.set_password(password)


def point_at(record: Properties, server: Server | None) -> None:
    """Lets the endpoints of a record lead to the server."""
    if server is None:
        return
    if isinstance(record["Endpoint"], dict):
        record["Endpoint"].update(Address=HOST, Port=server.port)
    else:
        record.update(Endpoint=HOST, ReaderEndpoint=HOST, Port=server.port)


def keep_tags(record: Properties, properties: Properties) -> None:
    """The tags where ListTagsForResource looks for them."""
    tags = [{"Key": tag["Key"], "Value": str(tag["Value"])} for tag in properties.get("Tags") or []]
    rds._tags[arn_of(record)] = tags
    record["TagList"] = tags


def attributes_of(kind: DatabaseType, record: Properties) -> dict[str, str]:
    secret = record.get("MasterUserSecret")
    return {**kind.attributes(record), **({"MasterUserSecret.SecretArn": secret["SecretArn"]} if secret else {})}


def server_of(record: Properties) -> Server | None:
    """The server that an instance or a cluster leads to, if its engine has one."""
    if is_member(record):
        record = rds._clusters.get(record["DBClusterIdentifier"]) or record
    return _servers.get(arn_of(record))


def delete(kind: DatabaseType, handle: Callable[..., None], physical_id: str, *arguments: Any) -> None:
    record = kind.records.get(physical_id)
    if record:
        refuse(database_rules.deletion_fault(record))
    handle(physical_id, *arguments)
    if record:
        remove(kind, record)


def remove(kind: DatabaseType, record: Properties) -> None:
    """Removes what a record has beside it."""
    delete_secret(record)
    rds._tags.pop(record[kind.arn], None)
    if server := _servers.pop(record[kind.arn], None):
        FLEET.remove(server)


# ------------------------------------------------------------------------------------------------ rotation


def rotate_secret(data: dict[str, Any]) -> Any:
    """Rotates a secret. RDS sets a new password for the master user whose secret it manages."""
    _, secret = secretsmanager._resolve(data.get("SecretId"))
    for record in [*rds._instances.values(), *rds._clusters.values()]:
        managed = record.get("MasterUserSecret")
        if managed and secret and managed["SecretArn"] == secret["ARN"]:
            secretsmanager.put_secret_value_in_process(secret["ARN"], secret_text(record["MasterUsername"]))
            set_password(record, server_of(record), password_in(record))
            version, _ = secretsmanager._find_stage_version(secret, "AWSCURRENT")
            return secretsmanager.json_response({"ARN": secret["ARN"], "Name": secret["Name"], "VersionId": version})
    return ROTATE_SECRET(data)


ROTATE_SECRET = secretsmanager._rotate_secret


# ------------------------------------------------------------------------------------------------ snapshots


def with_data(snap: Callable[[str, Properties], Properties]) -> Callable[[str, Properties], Properties]:
    """Keeps the data of a database with the record of its snapshot, and its tags if it is to copy them."""

    @functools.wraps(snap)
    def handler(identifier: str, record: Properties) -> Properties:
        snapshot = snap(identifier, record)
        arn = snapshot_arn(snapshot)
        if server := server_of(record):
            _snapshots[arn] = FLEET.keep(server)
        tags = list(record.get("TagList") or []) if record.get("CopyTagsToSnapshot") else []
        tags = [tag for tag in tags if not tag["Key"].startswith("aws:")]
        rds._tags[arn] = snapshot["TagList"] = tags
        if "DatabaseName" in record:
            snapshot["DatabaseName"] = record["DatabaseName"]
        return snapshot

    return handler


def before_deletion(kind: DatabaseType, snap: Callable[..., None]) -> Callable[..., None]:
    """No snapshot of a database that will not be deleted."""

    @functools.wraps(snap)
    def handler(physical_id: str, properties: Properties) -> None:
        if record := kind.records.get(physical_id):
            refuse(database_rules.deletion_fault(record))
        snap(physical_id, properties)

    return handler


# ------------------------------------------------------------------------------------------------ groups


def strict_subnets(handle: Callable[..., Made]) -> Callable[..., Made]:
    """A subnet group that RDS accepts."""

    @functools.wraps(handle)
    def handler(*arguments: Any) -> Made:
        *_, properties = (each for each in arguments if isinstance(each, dict))
        refuse(database_rules.subnet_group_fault(properties))
        return handle(*arguments)

    return handler


def followed(handle: Callable[..., Made]) -> Callable[..., Made]:
    """The update of a parameter group, which the servers that use it follow at once."""

    @functools.wraps(handle)
    def handler(*arguments: Any) -> Made:
        made = handle(*arguments)
        for record in [*rds._instances.values(), *rds._clusters.values()]:
            server = None if is_member(record) else server_of(record)
            if server and server.requires_tls != (
                required := database_rules.requires_tls(record, record["_parameters"])
            ):
                server.require_tls(required)
        return made

    return handler


def on_worker_thread(runs: Callable[[str], bool]) -> Callable[[str], bool]:
    """A server takes its time, which requests should not wait for."""

    @functools.wraps(runs)
    def runs_on_worker_thread(resource_type: str) -> bool:
        return resource_type in (INSTANCE.name, CLUSTER.name) or runs(resource_type)

    return runs_on_worker_thread


def register() -> None:
    """Replaces the handlers where ministack itself looks for them, too: it replaces resources by calling them."""
    FLEET.open()
    handlers = provisioners._RESOURCE_HANDLERS
    for kind, word in ((INSTANCE, "instance"), (CLUSTER, "cluster")):
        for step, replacement in (("create", create), ("update", update), ("delete", delete)):
            name = f"_rds_db_{word}_{step}"
            handler = functools.partial(replacement, kind, getattr(provisioners, name))
            setattr(provisioners, name, handler)
            handlers[kind.name][step] = handler
        handlers[kind.name]["snapshot"] = before_deletion(kind, handlers[kind.name]["snapshot"])

    for step in ("create", "update"):
        group = handlers["AWS::RDS::DBSubnetGroup"]
        group[step] = strict_subnets(group[step])
    for group in (handlers["AWS::RDS::DBParameterGroup"], handlers["AWS::RDS::DBClusterParameterGroup"]):
        group["update"] = followed(group["update"])

    rds._create_snapshot_internal = with_data(rds._create_snapshot_internal)
    rds._create_cluster_snapshot_internal = with_data(rds._create_cluster_snapshot_internal)
    secretsmanager._rotate_secret = rotate_secret
    stacks._runs_on_worker_thread = on_worker_thread(stacks._runs_on_worker_thread)
