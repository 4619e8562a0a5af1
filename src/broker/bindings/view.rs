//! The contents of a binding, as its application receives them.

use super::{
    credentials, grants,
    service_instance::{Endpoint, ServiceInstance},
};
use crate::{
    broker::{
        Broker,
        error::Result,
        records::{Binding, Lifetime},
    },
    osb::Object,
};

/// The contents of a binding, as its application receives them.
pub struct BindingView {
    /// The credentials, which are secret.
    pub credentials: Object,
    /// The hosts that the application connects to.
    pub endpoints: Vec<Endpoint>,
    /// The validity period of the credentials; absent if they do not expire.
    pub lifetime: Option<Lifetime>,
}

/// Returns the contents of an existing binding.
pub async fn of_binding(
    broker: &Broker,
    service: &ServiceInstance<'_>,
    binding: &Binding,
) -> Result<BindingView> {
    let credentials = match grants::credentials(broker, binding).await? {
        Some(credentials) => credentials,
        None => {
            let means = grants::means(broker, binding).await?;
            credentials::of_template(broker, service, &means)
                .await?
                .credentials
        }
    };

    Ok(with_credentials(service, binding, credentials))
}

/// Returns the contents of a binding with these credentials.
pub fn with_credentials(
    service: &ServiceInstance<'_>,
    binding: &Binding,
    credentials: Object,
) -> BindingView {
    BindingView {
        credentials,
        endpoints: service.endpoints(),
        lifetime: binding.lifetime,
    }
}
