//! The port for the records of instances and bindings.

use async_trait::async_trait;
use jiff::Timestamp;
use serde::Serialize;

use super::{error::PortResult, page::Page};
use crate::broker::records::{
    Binding, BindingId, Instance, InstanceId, Operation, Refused, Requester,
};

/// The broker's state: the records of instances and bindings. Reads are strongly consistent unless
/// a method says otherwise. Writes to records are conditional.
#[async_trait]
pub trait Records: Send + Sync {
    /// Inserts the record, unless there is one of this id that does not [give
    /// way](Instance::gives_way_to) to it. Returns the record that was there before.
    async fn insert_instance(
        &self,
        instance: &Instance,
        now: Timestamp,
    ) -> PortResult<Option<Instance>>;

    /// Returns the record, unless it has expired.
    async fn instance(&self, id: &InstanceId, now: Timestamp) -> PortResult<Option<Instance>>;

    /// Counts the instances of the [organization or
    /// space](crate::broker::records::Attributes::quota_owner), without tombstones. The count may miss
    /// recent writes.
    async fn count_instances(&self, owner_guid: &str) -> PortResult<usize>;

    /// Replaces the record and increments its version, if its version is still that of `instance`.
    async fn update_instance(&self, instance: &Instance) -> PortResult<WriteOutcome>;

    /// Replaces the record like [`Self::update_instance`], and returns it as it is stored. `None`
    /// after a conflict.
    async fn replace_instance(&self, instance: &Instance) -> PortResult<Option<Instance>> {
        Ok(match self.update_instance(instance).await? {
            WriteOutcome::Done => Some(instance.clone().next_version()),
            WriteOutcome::Conflict => None,
        })
    }

    /// Deletes the record, if its version and operation are still those of `instance`.
    async fn delete_instance(&self, instance: &Instance) -> PortResult<WriteOutcome>;

    /// Writes `operation` into the record, and returns the resulting record or `None` if there is
    /// none. The record stays unchanged if a deletion or an update is running. It also stays
    /// unchanged if it is a tombstone or of another service.
    async fn begin_deprovision(
        &self,
        id: &InstanceId,
        service_id: &str,
        operation: &Operation,
    ) -> PortResult<Option<Instance>>;

    /// Records that the user was refused the id. The instance's record stays unchanged.
    async fn remember_refused(&self, id: &InstanceId, refused: &Refused) -> PortResult<()>;

    /// Deletes the user's refusal of the id, if there is one.
    async fn forget_refused(&self, id: &InstanceId, requester: &Requester) -> PortResult<()>;

    /// True if the user was refused the id and the refusal has not expired.
    async fn is_refused(
        &self,
        id: &InstanceId,
        requester: &Requester,
        now: Timestamp,
    ) -> PortResult<bool>;

    /// Returns the instance's record and the record of one binding, unless they have expired.
    async fn instance_and_binding(
        &self,
        id: &InstanceId,
        binding_id: &BindingId,
        now: Timestamp,
    ) -> PortResult<(Option<Instance>, Option<Binding>)>;

    /// Returns all bindings of an instance, including tombstones. Once the deletion of the instance
    /// is recorded, no bindings can be added.
    async fn bindings(&self, id: &InstanceId) -> PortResult<Vec<Binding>>;

    /// Inserts the record, if the instance's version is still that of `instance` and no record of
    /// this id has to stay. A tombstone has to stay for a moment.
    async fn insert_binding(
        &self,
        instance: &Instance,
        binding: &Binding,
        now: Timestamp,
    ) -> PortResult<BindingInsertion>;

    /// Replaces the record and increments its version, if its version is still that of `binding`.
    async fn update_binding(&self, binding: &Binding) -> PortResult<WriteOutcome>;

    /// Replaces the record like [`Self::update_binding`], and returns it as it is stored. `None`
    /// after a conflict.
    async fn replace_binding(&self, binding: &Binding) -> PortResult<Option<Binding>> {
        Ok(match self.update_binding(binding).await? {
            WriteOutcome::Done => Some(binding.clone().next_version()),
            WriteOutcome::Conflict => None,
        })
    }

    /// Writes `operation` into the record, and returns the resulting record or `None` if there is
    /// none. The record stays unchanged if a deletion is running, or if it is a tombstone or of
    /// another service. It also stays unchanged if a request may be working on its creation when
    /// `operation` starts.
    async fn begin_unbind(
        &self,
        instance_id: &InstanceId,
        binding_id: &BindingId,
        service_id: &str,
        operation: &Operation,
    ) -> PortResult<Option<Binding>>;

    /// Returns a page of all records, including tombstones.
    async fn page(&self, next: Option<String>) -> PortResult<Page<ScannedRecord>>;
}

/// A record found in a scan of the table.
#[derive(Clone, Debug)]
pub enum ScannedRecord {
    /// An instance's record.
    Instance(Box<Instance>),
    /// A binding's record.
    Binding(Box<Binding>),
    /// A record of neither, or one whose shape is unknown to this version of the broker.
    Unreadable(UnreadableRecord),
}

/// A record that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct UnreadableRecord {
    /// The record's partition key and sort key.
    pub key: String,
    /// The reason why the record cannot be read.
    pub reason: String,
    /// The names of the stack, user or role that the record seems to be of.
    pub names: Vec<String>,
}

/// The outcome of a conditional write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum WriteOutcome {
    /// The write succeeded.
    Done,
    /// Another request was faster: the record has changed since it was read.
    Conflict,
}

/// The outcome of inserting a binding.
#[derive(Clone, Debug, PartialEq)]
#[must_use]
pub enum BindingInsertion {
    /// The binding was inserted.
    Done,
    /// A record of this id exists: this one.
    Exists(Box<Binding>),
    /// Another request has changed the instance.
    InstanceChanged,
}
