//! Tags of an instance's stack, and of the users and roles of its bindings.
//!
//! They let people find in AWS what belongs to an instance, who owns it, and what it costs.

use catalog::Offered;

use crate::{
    broker::{
        Broker,
        records::{Attributes, INSTANCE_ID_TAG, InstanceId, PLAN_TAG, Tag},
    },
    osb::Object,
};

/// Names in the platform's context object, each with the key of its tag.
/// <https://github.com/cloudfoundry/servicebroker/blob/master/profile.md#context-object>
const NAMES: [(&str, &str); 5] = [
    ("organization_name", "servicebroker:organization-name"),
    ("space_name", "servicebroker:space-name"),
    ("instance_name", "servicebroker:instance-name"),
    ("clusterid", "servicebroker:cluster-id"),
    ("namespace", "servicebroker:namespace"),
];

/// Returns all tags of an instance's stack. CloudFormation passes them on to its resources.
pub fn of_stack(
    broker: &Broker,
    offered: &Offered<'_>,
    id: &InstanceId,
    attributes: &Attributes,
) -> Vec<Tag> {
    of_instance(offered, id, attributes)
        .into_iter()
        .chain(names(&attributes.context.0))
        .chain(broker.operator_tags.iter().cloned())
        .collect()
}

/// Returns the tags that identify an instance. They contain no name that could change.
pub fn of_instance(offered: &Offered<'_>, id: &InstanceId, attributes: &Attributes) -> Vec<Tag> {
    let mut tags = vec![
        Tag::new(INSTANCE_ID_TAG, id.as_str()),
        Tag::new("servicebroker:service", &offered.offering.name),
        Tag::new(PLAN_TAG, &offered.plan.name),
    ];
    tags.extend(attributes.owner_tags());
    tags
}

/// Returns the tags for the names that the platform's context object contains.
pub fn names(context: &Object) -> impl Iterator<Item = Tag> {
    NAMES.into_iter().filter_map(|(name, key)| {
        let value = context.get(name)?.as_str()?;
        // CloudFormation rejects an empty value.
        (!value.is_empty()).then(|| Tag::new(key, value))
    })
}
