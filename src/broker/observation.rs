//! Facts about an instance for the log. They hold names, never a value of a parameter or an output.

use super::{
    Broker,
    instance::{Attributes, Instance},
    operation::{Operation, OperationState},
};
use crate::telemetry::{facts, lines};

impl Broker {
    /// Notes the service, plan, organization and space of the request's instance.
    pub(super) fn observe(&self, attributes: &Attributes) {
        self.observe_plan(&attributes.service_id, &attributes.plan_id);
        facts::note(|facts| {
            facts.organization_guid = Some(attributes.organization_guid.clone());
            facts.space_guid = Some(attributes.space_guid.clone());
        });
    }

    /// Notes the names of the service and the plan that the request is about, if the catalog has
    /// them.
    pub(super) fn observe_plan(&self, service_id: &str, plan_id: &str) {
        if let Ok(offered) = self.catalog.find(service_id, plan_id) {
            facts::note(|facts| {
                facts.service = Some(offered.offering.name.to_string());
                facts.plan = Some(offered.plan.name.to_string());
            });
        }
    }

    /// Notes the time since the operation was accepted or last resumed, if it is still in progress.
    pub(super) fn observe_running(&self, operation: &Operation) {
        if operation.in_progress() {
            let age = self.environment.now().duration_since(operation.started_at);
            facts::note(|facts| facts.in_flight = Some(age));
        }
    }

    /// Logs the end of the operation. The caller has already written it to the record.
    pub(super) fn observe_end(&self, instance: &Instance) {
        let (operation, attributes) = (&instance.operation, &instance.attributes);
        let offered = self
            .catalog
            .find(&attributes.service_id, &attributes.plan_id)
            .ok();

        lines::Operation {
            operation: operation.kind.name(),
            operation_id: &operation.id,
            succeeded: operation.state == OperationState::Succeeded,
            seconds: self
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
}
