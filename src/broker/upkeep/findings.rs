//! The findings of a sweep.

use serde::Serialize;

use super::retained::RetainedResource;
use crate::broker::{
    ports::{IdentitySummary, StackSummary, UnreadableRecord},
    records::{Instance, InstanceId, Location, Operation},
};

/// The most findings of a kind in one response, because Lambda limits a response to 6 MB.
/// <https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>
pub const MAX_FINDINGS: usize = 1_000;

/// The findings of a sweep.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Findings {
    /// The broker's stacks that no record names.
    pub stacks_without_record: Vec<Located<StackSummary>>,
    /// Stacks that no record names either, with a name of the broker's form but without its tag.
    /// Somebody has removed the tag, or has created the stack. They are never removed.
    pub stacks_without_tag: Vec<Located<StackSummary>>,
    /// The broker's users that no binding's record names.
    pub users_without_binding: Vec<Located<IdentitySummary>>,
    /// The broker's roles that no binding's record names.
    pub roles_without_binding: Vec<Located<IdentitySummary>>,
    /// Instances that platforms have, but whose stack does not exist.
    pub instances_without_stack: Vec<InstanceWithoutStack>,
    /// Resources of stacks that no longer exist, retained because users wanted to keep them. They
    /// cost money until somebody deletes them; the sweep never does.
    pub retained_resources: Vec<Located<RetainedResource>>,
    /// Records in the table that cannot be read.
    pub unreadable_records: Vec<UnreadableRecord>,
    /// Locations that could not be searched completely. The other findings contain nothing from
    /// them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unreachable_locations: Vec<UnreachableLocation>,
    /// The numbers of things that the sweep examined.
    pub looked_at: LookedAt,
}

/// A location that could not be searched.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct UnreachableLocation {
    /// The account, Region and role.
    pub location: Location,
    /// The reason why the location could not be searched.
    pub reason: String,
}

/// An item and its location.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Located<T> {
    /// The item, such as a stack or a user.
    #[serde(flatten)]
    pub item: T,
    /// The location. Absent for the broker's own account and Region.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub location: Option<Location>,
}

/// The numbers of things that a sweep examined.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[allow(missing_docs, reason = "the names say it")]
pub struct LookedAt {
    pub stacks: usize,
    pub users: usize,
    pub roles: usize,
    pub resources: usize,
    pub records: usize,
}

/// An instance whose stack does not exist.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct InstanceWithoutStack {
    /// The id that the platform chose.
    pub instance_id: InstanceId,
    /// The name that the stack had, or was to have.
    pub stack_name: String,
    /// The last operation on the instance.
    pub last_operation: Operation,
}

impl InstanceWithoutStack {
    /// Returns the finding for this instance.
    pub fn of(instance: &Instance) -> Self {
        Self {
            instance_id: instance.id.clone(),
            stack_name: instance.stack_name.clone(),
            last_operation: instance.operation.clone(),
        }
    }
}
