//! `dashboard_url` and `metadata` of an instance.

use super::{Broker, instance::Instance};

/// What platforms show their users of an instance besides what they asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InstanceView {
    /// The stack's page in the AWS console, where the partition has a public one.
    pub dashboard_url: Option<String>,
    /// To search for: names and values that are labels on Kubernetes and Cloud Foundry as well.
    pub labels: [(&'static str, String); 2],
    /// To read.
    pub attributes: [(&'static str, String); 1],
}

impl Broker {
    /// The same from the first answer on, when the stack does not exist yet (OSBAPI, Provisioning:
    /// `dashboard_url`).
    pub fn view(&self, instance: &Instance) -> InstanceView {
        let place = self.place_of(instance.location.as_ref());
        InstanceView {
            dashboard_url: place.dashboard_url(&instance.stack_name),
            labels: [
                ("aws-account-id", place.account_id),
                ("aws-region", place.region),
            ],
            attributes: [("aws-cloudformation-stack", instance.stack_name.clone())],
        }
    }
}
