//! An application's means of acting as a binding's identity.

use crate::broker::{
    Broker,
    error::Result,
    ports::AccessKey,
    records::{Binding, Identity, Purpose},
};

/// An application's means of acting as an identity.
#[derive(Clone, Debug)]
pub enum Access {
    /// An access key of the binding's user.
    Key(AccessKey),
    /// A role that the application has, or may assume.
    Role {
        /// The role's ARN.
        arn: String,
    },
}

/// Returns the access key or the role of the record's identity; `None` until it is created.
pub async fn access(broker: &Broker, binding: &Binding) -> Result<Option<Access>> {
    Ok(match &binding.identity {
        Some(Identity::User {
            access_key: Some(sealed),
            ..
        }) => {
            let secret = broker.vault.open(&purpose(binding), &sealed.secret).await?;
            Some(Access::Key(AccessKey {
                id: sealed.id.clone(),
                secret,
            }))
        }
        Some(
            Identity::Role {
                role_arn: Some(arn),
                ..
            }
            | Identity::RolePolicy { role_arn: arn, .. },
        ) => Some(Access::Role { arn: arn.clone() }),
        _ => None,
    })
}

/// The purpose of a binding's sealed secrets: they can be opened for this binding alone.
pub fn purpose(binding: &Binding) -> Purpose<'_> {
    Purpose {
        instance_id: &binding.instance_id,
        binding_id: Some(&binding.id),
    }
}
