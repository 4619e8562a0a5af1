//! [`Resources`]

use aws_service_broker::broker::{
    ports::{Resources, StackResource},
    records::INSTANCE_ID_TAG,
};

use super::all;

macro_rules! tests {
    ($new:expr) => {
        crate::contract::promises! { resources, $new;
            resource_of_an_instance_is_listed
            tags_of_a_resource_are_those_that_it_has
        }
    };
}
pub(crate) use tests;

/// Resources, and a way to create one.
pub trait CreatingResources: Resources {
    /// Creates a stack with a resource, both with an instance's tag, and returns the resource.
    async fn create(&self) -> StackResource;
}

pub async fn tags_of_a_resource_are_those_that_it_has(resources: &impl CreatingResources) {
    let created = resources.create().await;
    let tags = resources.tags(&created.arn).await.expect("tags");
    assert_eq!(tags.get(INSTANCE_ID_TAG), Some(&created.instance_id));

    let missing = resources.tags(&format!("{}-missing", created.arn)).await;
    assert!(missing.expect("no tags").is_empty());
}

pub async fn resource_of_an_instance_is_listed(resources: &impl CreatingResources) {
    let (one, two) = (resources.create().await, resources.create().await);
    let listed = all(async |next| resources.page(next).await).await;
    for created in [one, two] {
        assert!(listed.contains(&created), "{created:?}: {listed:?}");
    }
}
