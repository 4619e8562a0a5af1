//! Resources that a deleted instance's stack has left in the account because its user wanted to
//! keep them.

use serde::Serialize;

use crate::broker::ports::StackResource;

/// A resource whose stack no longer exists.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RetainedResource {
    /// The resource, with its stack's name and its instance's id.
    #[serde(flatten)]
    pub resource: StackResource,
    /// The way in which AWS charges for the resource.
    pub cost: CostClass,
}

/// The way in which AWS charges for a resource that nobody uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CostClass {
    /// Charged by the hour, used or not.
    Hourly,
    /// Charged by the month, used or not.
    Monthly,
    /// Charged by the amount of stored data.
    Storage,
    /// Not charged while nobody uses it.
    Usage,
}

/// Services that charge for existing resources: the service in the ARN, the prefix of the ARN's
/// last part, and the cost class.
/// <https://aws.amazon.com/pricing/>
const CHARGES: [(&str, &str, CostClass); 15] = [
    ("kinesis", "stream/", CostClass::Hourly),
    ("kms", "key/", CostClass::Monthly),
    ("secretsmanager", "secret:", CostClass::Monthly),
    ("route53", "hostedzone/", CostClass::Monthly),
    ("s3", "", CostClass::Storage),
    // Hourly if the table has provisioned capacity; one on demand costs only its storage. The ARN
    // does not distinguish them.
    ("dynamodb", "table/", CostClass::Hourly),
    ("logs", "log-group:", CostClass::Storage),
    ("codecommit", "", CostClass::Storage),
    ("rekognition", "collection/", CostClass::Storage),
    ("events", "archive/", CostClass::Storage),
    ("geo", "geofence-collection/", CostClass::Storage),
    ("rds", "db:", CostClass::Hourly),
    ("rds", "cluster:", CostClass::Hourly),
    ("rds", "snapshot:", CostClass::Storage),
    ("rds", "cluster-snapshot:", CostClass::Storage),
];

impl RetainedResource {
    /// Returns the resource with its cost class.
    pub fn new(resource: StackResource) -> Self {
        let cost = CostClass::of(&resource.arn);
        Self { resource, cost }
    }
}

impl CostClass {
    /// Returns the cost class of the resource with this ARN.
    pub fn of(arn: &str) -> Self {
        let parts: Vec<_> = arn.splitn(6, ':').collect();
        let [_, _, service, _, _, resource] = parts[..] else {
            return Self::Usage;
        };
        let charge = CHARGES
            .iter()
            .find(|(name, kind, _)| *name == service && resource.starts_with(kind));
        charge.map_or(Self::Usage, |(_, _, class)| *class)
    }
}
