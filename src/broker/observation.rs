//! Facts about an instance for the log. They hold names, never a value of a parameter or an output.

use crate::{
    broker::{
        Broker,
        records::{Attributes, Instance, Operation, OperationState},
    },
    telemetry::{facts, lines},
};

/// Notes the service, plan, organization and space of the request's instance.
pub(super) fn observe(broker: &Broker, attributes: &Attributes) {
    observe_plan(broker, &attributes.service_id, &attributes.plan_id);
    facts::note(|facts| {
        facts.organization_guid = Some(attributes.organization_guid.to_string());
        facts.space_guid = Some(attributes.space_guid.to_string());
    });
}

/// Notes the names of the service and the plan that the request is about, if the catalog has
/// them.
pub(super) fn observe_plan(broker: &Broker, service_id: &str, plan_id: &str) {
    if let Ok(offered) = broker.catalog.find(service_id, plan_id) {
        facts::note(|facts| {
            facts.service = Some(offered.offering.name.to_string());
            facts.plan = Some(offered.plan.name.to_string());
        });
    }
}

/// Notes the time since the operation was accepted or last resumed, if it is still in progress.
pub(super) fn observe_running(broker: &Broker, operation: &Operation) {
    if operation.in_progress() {
        let age = broker
            .environment
            .now()
            .duration_since(operation.started_at);
        facts::note(|facts| facts.in_flight = Some(age));
    }
}

/// Logs the end of the operation. The caller has already written it to the record.
pub(super) fn observe_end(broker: &Broker, instance: &Instance) {
    let (operation, attributes) = (&instance.operation, &instance.attributes);
    let offered = broker
        .catalog
        .find(&attributes.service_id, &attributes.plan_id)
        .ok();

    lines::Operation {
        operation: operation.kind.name(),
        operation_id: &operation.id,
        succeeded: operation.state == OperationState::Succeeded,
        seconds: broker
            .environment
            .now()
            .duration_since(operation.started_at)
            .as_secs(),
        service: offered.map(|offered| &*offered.offering.name),
        plan: offered.map(|offered| &*offered.plan.name),
        instance_id: instance.id.as_str(),
        stack_name: &instance.stack_name,
    }
    .log();
}
