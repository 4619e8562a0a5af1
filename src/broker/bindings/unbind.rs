//! `DELETE /v2/service_instances/:instance_id/service_bindings/:binding_id`

use super::removal;
use crate::broker::{
    Broker,
    error::{Error, Result},
    mutation::Mutation,
    observation,
    records::{BindingId, InstanceId, Operation, OperationKind},
    waiting::Waiting,
};

/// Deletes a binding in any state: its grants, then its record. The operation stays in progress if
/// the platform polls and AWS takes longer than a request may.
///
/// # Errors
///
/// [`Error::Gone`] where there is no such binding; [`Error::Invalid`] where it is of another
/// service; [`Error::Concurrency`] while its creation runs. An [`Error::Port`] leaves the
/// record: a deletion sent again resumes from there.
pub async fn unbind(
    broker: &Broker,
    instance_id: &InstanceId,
    id: &BindingId,
    service_id: &str,
    waiting: Waiting,
) -> Result<Mutation<()>> {
    let operation = Operation::begin(
        OperationKind::Unbind,
        broker.environment.uuid(),
        broker.environment.now(),
    );

    let binding = broker
        .records
        .begin_unbind(instance_id, id, service_id, &operation)
        .await?;
    let binding = binding
        .filter(|binding| !binding.is_tombstone())
        .ok_or(Error::Gone)?;

    if binding.service_id != *service_id {
        return Err(Error::of_another_service("service binding"));
    }
    observation::observe_plan(broker, &binding.service_id, &binding.plan_id);
    if binding.operation.kind != OperationKind::Unbind {
        return Err(Error::Concurrency);
    }

    let operation = binding.operation.id.clone();
    let released = waiting.result_of(removal::release(broker, binding)).await?;
    Ok(match released {
        Some(()) => Mutation::Done(()),
        None => Mutation::InProgress {
            operation,
            view: (),
        },
    })
}
