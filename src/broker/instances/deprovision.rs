//! `DELETE /v2/service_instances/:instance_id`

use super::{deletion, engine};
use crate::broker::{
    Broker,
    error::{Error, Result},
    mutation::Mutation,
    observation,
    records::{Instance, InstanceId, Operation, OperationKind, Requester},
    waiting::Waiting,
};

/// Deletes an instance in any state: its bindings' identities, then its stack. Returns the
/// operation id for the platform's polls.
///
/// The deletion halts a running creation. It does not halt a running update, whose changes
/// CloudFormation would undo first.
///
/// # Errors
///
/// - [`Error::AsyncRequired`] if the platform does not poll.
/// - [`Error::Gone`] if the instance does not exist, or this user was refused its id.
/// - [`Error::Invalid`] if the instance is of another service.
/// - [`Error::Concurrency`] while an update runs.
/// - [`Error::Port`] leaves the record. A poll, or a deletion sent again, resumes there.
pub async fn deprovision(
    broker: &Broker,
    id: &InstanceId,
    service_id: &str,
    requester: Option<&Requester>,
    waiting: Waiting,
) -> Result<Mutation<()>> {
    if !waiting.is_polled() {
        let instance = broker
            .records
            .instance(id, broker.environment.now())
            .await?;
        let exists = instance.is_some_and(|instance| !instance.is_tombstone());
        return Err(if exists {
            Error::AsyncRequired
        } else {
            Error::Gone
        });
    }

    let mut instance = begin_deprovision(broker, id, service_id, requester).await?;
    if instance.is_updating() {
        // The update may have ended without a poll that recorded it.
        engine::advance(broker, instance).await?;
        instance = begin_deprovision(broker, id, service_id, requester).await?;
    }
    if instance.is_updating() {
        return Err(Error::Concurrency);
    }

    let operation = instance.operation.id.clone();
    // The record holds the intent: polls finish what this request does not delete in time.
    waiting
        .result_of(deletion::tear_down(broker, instance))
        .await?;
    Ok(Mutation::InProgress {
        operation,
        view: (),
    })
}

async fn begin_deprovision(
    broker: &Broker,
    id: &InstanceId,
    service_id: &str,
    requester: Option<&Requester>,
) -> Result<Instance> {
    if let Some(requester) = requester {
        check_not_refused(broker, id, requester).await?;
    }

    let operation = Operation::begin(
        OperationKind::Deprovision,
        broker.environment.uuid(),
        broker.environment.now(),
    );
    let instance = broker
        .records
        .begin_deprovision(id, service_id, &operation)
        .await?;

    let instance = instance
        .filter(|instance| !instance.is_tombstone())
        .ok_or(Error::Gone)?;
    if instance.attributes.service_id != *service_id {
        return Err(Error::of_another_service("service instance"));
    }

    observation::observe(broker, &instance.attributes);
    Ok(instance)
}

/// Checks that the deletion is not the platform's clean-up after a refused creation. A creation
/// is refused if the id is that of this instance, which belongs to another user.
async fn check_not_refused(broker: &Broker, id: &InstanceId, requester: &Requester) -> Result<()> {
    let now = broker.environment.now();
    if !broker.records.is_refused(id, requester, now).await? {
        return Ok(());
    }
    let instance = broker.records.instance(id, now).await?;
    if !instance.is_some_and(|instance| instance.is_known_to(requester)) {
        tracing::warn!(
            "rejected a deletion by a user who was refused the instance's id; the instance is kept"
        );
        return Err(Error::Gone);
    }
    Ok(())
}
