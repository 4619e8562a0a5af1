//! The twin of IAM, for users.

use super::*;

/// A user as the twin of IAM keeps it.
#[derive(Clone, Debug, PartialEq)]
pub struct FakeUser {
    /// Null where it has none.
    pub policy: Value,
    pub tags: Vec<Tag>,
    pub access_keys: Vec<String>,
}

/// IAM's answer where something does not exist, or is still in use. Its kinds are those of the
/// adapter, as the contract tests prove.
pub(super) fn iam_error(action: &'static str, code: &str) -> PortError {
    let kind = match code {
        "NoSuchEntity" => PortErrorKind::Unavailable,
        "LimitExceeded" => PortErrorKind::Exhausted,
        _ => PortErrorKind::InUse,
    };
    PortError {
        service: "IAM",
        action,
        kind,
        detail: code.into(),
    }
}

#[async_trait]
impl Users for World {
    async fn create_user(&self, user: &NewUser) -> PortResult<UserCreation> {
        self.call("users.create_user", |state| {
            if state.account.users.contains_key(&user.name) {
                return UserCreation::Exists;
            }
            let created = FakeUser {
                policy: Value::Null,
                tags: user.tags.clone(),
                access_keys: Vec::new(),
            };
            state.account.users.insert(user.name.clone(), created);
            UserCreation::Created
        })
        .await
    }

    async fn put_policy(&self, user_name: &str, policy: &str) -> PortResult<()> {
        self.call("users.put_policy", |state| {
            let user = state
                .account
                .users
                .get_mut(user_name)
                .ok_or_else(|| iam_error("PutUserPolicy", "NoSuchEntity"))?;
            user.policy = serde_json::from_str(policy).expect("a policy is JSON");
            Ok(())
        })
        .await?
    }

    async fn create_access_key(&self, user_name: &str) -> PortResult<AccessKey> {
        let id = format!("AKIA{:016X}", self.uuid().as_u128());
        self.call("users.create_access_key", |state| {
            let user = state
                .account
                .users
                .get_mut(user_name)
                .ok_or_else(|| iam_error("CreateAccessKey", "NoSuchEntity"))?;

            if user.access_keys.len() == 2 {
                return Err(iam_error("CreateAccessKey", "LimitExceeded"));
            }

            user.access_keys.push(id.clone());
            Ok(AccessKey {
                secret: secret_of(&id).into(),
                id,
            })
        })
        .await?
    }

    async fn access_keys(&self, user_name: &str) -> PortResult<Vec<String>> {
        self.call("users.access_keys", |state| {
            state
                .account
                .users
                .get(user_name)
                .map(|user| user.access_keys.clone())
                .unwrap_or_default()
        })
        .await
    }

    async fn delete_access_key(&self, user_name: &str, id: &str) -> PortResult<()> {
        self.call("users.delete_access_key", |state| {
            if let Some(user) = state.account.users.get_mut(user_name) {
                user.access_keys.retain(|key| key != id);
            }
        })
        .await
    }

    async fn delete_policy(&self, user_name: &str) -> PortResult<()> {
        self.call("users.delete_policy", |state| {
            if let Some(user) = state.account.users.get_mut(user_name) {
                user.policy = Value::Null;
            }
        })
        .await
    }

    async fn page(&self, next: Option<String>) -> PortResult<Page<IdentitySummary>> {
        self.call("users.page", |state| {
            let names = state.account.users.keys().cloned();
            page_of(
                names.map(|name| IdentitySummary {
                    name,
                    created_at: None,
                }),
                next,
            )
        })
        .await
    }

    async fn delete_user(&self, user_name: &str) -> PortResult<()> {
        self.call("users.delete_user", |state| {
            match state.account.users.get(user_name) {
                Some(FakeUser {
                    policy: Value::Null,
                    access_keys,
                    ..
                }) if access_keys.is_empty() => {
                    state.account.users.remove(user_name);
                    Ok(())
                }
                Some(_) => Err(iam_error("DeleteUser", "DeleteConflict")),
                None => Ok(()),
            }
        })
        .await?
    }
}

/// The user that a binding has created, if it has one.
pub fn user_of(binding: &Binding) -> Option<&UserGrant> {
    binding.grants.iter().find_map(|grant| match grant {
        Grant::User(user) => Some(user),
        _ => None,
    })
}

/// The secret of an access key.
pub fn secret_of(access_key_id: &str) -> String {
    format!("secret-of-{access_key_id}")
}
