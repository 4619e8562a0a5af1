//! What a deleted instance's stack has left in the account because its user wanted to keep it.

use serde::Serialize;

use super::ports::StackResource;

/// A resource whose stack does not exist any more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RetainedResource {
    /// The resource, with its stack's name and its instance's id.
    #[serde(flatten)]
    pub resource: StackResource,
    /// How AWS charges for it.
    pub cost: CostClass,
}

/// How AWS charges for a resource that nobody uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CostClass {
    /// By the hour, whether it is used or not.
    Hourly,
    /// By the month, whether it is used or not.
    Monthly,
    /// By what is stored in it.
    Storage,
    /// Nothing while nobody uses it.
    Usage,
}

/// Services that charge for what exists: the third part of an ARN, the beginning of the last one,
/// and how they charge.
/// <https://aws.amazon.com/pricing/>
const CHARGES: [(&str, &str, CostClass); 11] = [
    ("kinesis", "stream/", CostClass::Hourly),
    ("kms", "key/", CostClass::Monthly),
    ("secretsmanager", "secret:", CostClass::Monthly),
    ("route53", "hostedzone/", CostClass::Monthly),
    ("s3", "", CostClass::Storage),
    // A table with provisioned capacity; one on demand costs its storage. The ARN does not tell
    // them apart.
    ("dynamodb", "table/", CostClass::Hourly),
    ("logs", "log-group:", CostClass::Storage),
    ("codecommit", "", CostClass::Storage),
    ("rekognition", "collection/", CostClass::Storage),
    ("events", "archive/", CostClass::Storage),
    ("geo", "geofence-collection/", CostClass::Storage),
];

impl RetainedResource {
    /// The resource with its cost class.
    pub fn new(resource: StackResource) -> Self {
        let cost = CostClass::of(&resource.arn);
        Self { resource, cost }
    }
}

impl CostClass {
    /// The class of the resource of this ARN.
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
