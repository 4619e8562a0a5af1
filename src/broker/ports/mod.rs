//! Ports: the interfaces through which the domain uses AWS, time and chance.
//!
//! Each file has one port and the types that only this port mentions. Its adapter is the file of
//! the same name in `src/aws`; tests have in-memory twins. `tests/contract` holds adapters and twins
//! to the same promises.

mod aws_ports;
mod database_users;
mod environment;
mod error;
mod functions;
mod override_records;
mod page;
mod platform_secrets;
mod records;
mod resources;
mod roles;
mod secrets;
mod stacks;
mod users;
mod vault;

pub use self::{
    aws_ports::{AwsPorts, AwsPortsFactory},
    database_users::DatabaseUsers,
    environment::Environment,
    error::{PortError, PortErrorKind, PortResult},
    functions::{Functions, Invocation},
    override_records::OverrideRecords,
    page::Page,
    platform_secrets::{PlatformSecret, PlatformSecrets},
    records::{BindingInsertion, Records, ScannedRecord, UnreadableRecord, WriteOutcome},
    resources::{Resources, StackResource},
    roles::{NewRole, Role, Roles},
    secrets::Secrets,
    stacks::{
        NewStack, ParameterValue, Stack, StackCreation, StackDeletion, StackSummary, StackUpdate,
        Stacks, UpdatedStack,
    },
    users::{AccessKey, IdentitySummary, NewUser, UserCreation, Users},
    vault::Vault,
};
