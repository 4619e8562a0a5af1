//! `dashboard_url` and `metadata` of an instance.

use crate::broker::{Broker, mutation::Mutation, records::Instance};

/// Properties of an instance that platforms show their users besides the requested ones.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InstanceView {
    /// The stack's page in the AWS console; absent in partitions without a public console.
    pub dashboard_url: Option<String>,
    /// Metadata to search for: valid label names and values on Kubernetes and Cloud Foundry.
    pub labels: [(&'static str, String); 2],
    /// Metadata to read.
    pub attributes: [(&'static str, String); 1],
}

/// Returns the dashboard URL and the metadata of an instance. They are complete in the first
/// response, when the stack does not exist yet (OSBAPI, Provisioning: `dashboard_url`).
pub fn view(broker: &Broker, instance: &Instance) -> InstanceView {
    let place = broker.place_of(instance.location.as_ref());
    InstanceView {
        dashboard_url: place.dashboard_url(&instance.stack_name),
        labels: [
            ("aws-account-id", place.account_id),
            ("aws-region", place.region),
        ],
        attributes: [("aws-cloudformation-stack", instance.stack_name.clone())],
    }
}

/// The response to a request whose operation runs.
pub fn in_progress(broker: &Broker, instance: Instance) -> Mutation<InstanceView> {
    Mutation::InProgress {
        view: view(broker, &instance),
        operation: instance.operation.id,
    }
}
