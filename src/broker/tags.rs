//! Tags of an instance's stack.

use catalog::Offered;

use crate::broker::records::{Attributes, INSTANCE_ID_TAG, InstanceId, PLAN_TAG, Tag};

/// Returns the tags of an instance's stack. They let people find in AWS what belongs to an
/// instance, and who owns it.
pub fn tags(offered: &Offered<'_>, id: &InstanceId, attributes: &Attributes) -> Vec<Tag> {
    let mut tags = vec![
        Tag::new(INSTANCE_ID_TAG, id.as_str()),
        Tag::new("servicebroker:service", &offered.offering.name),
        Tag::new(PLAN_TAG, &offered.plan.name),
    ];
    tags.extend(attributes.owner_tags());
    tags
}
