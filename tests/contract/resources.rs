//! [`Resources`]

use aws_service_broker::broker::ports::{Resources, StackResource};

use super::all;

macro_rules! tests {
    ($new:expr) => {
        crate::contract::promises! { resources, $new;
            resource_of_an_instance_is_listed
        }
    };
}
pub(crate) use tests;

/// Resources, and a way to create one.
pub trait CreatingResources: Resources {
    /// Creates a stack with a resource, both with an instance's tag, and returns the resource.
    async fn create(&self) -> StackResource;
}

pub async fn resource_of_an_instance_is_listed(resources: &impl CreatingResources) {
    let (one, two) = (resources.create().await, resources.create().await);
    let listed = all(async |next| resources.page(next).await).await;
    for created in [one, two] {
        assert!(listed.contains(&created), "{created:?}: {listed:?}");
    }
}
