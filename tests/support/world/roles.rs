//! The twin of IAM, for roles.

use super::*;

/// A role as the twin of IAM keeps it.
#[derive(Clone, Debug, PartialEq)]
pub struct FakeRole {
    pub arn: String,
    /// Null where it is not the broker's.
    pub trust_policy: Value,
    pub tags: Vec<Tag>,
    /// The inline ones, by name.
    pub policies: BTreeMap<String, Value>,
}

#[async_trait]
impl Roles for World {
    async fn find(&self, name: &str) -> PortResult<Option<Role>> {
        self.call("roles.find", |state| {
            state.account.roles.get(name).map(|role| Role {
                name: name.to_owned(),
                arn: role.arn.clone(),
                tags: role
                    .tags
                    .iter()
                    .map(|tag| (tag.key.to_string(), tag.value.clone()))
                    .collect(),
            })
        })
        .await
    }

    async fn create(&self, role: &NewRole) -> PortResult<String> {
        self.call("roles.create", |state| {
            let created = state
                .account
                .roles
                .entry(role.name.clone())
                .or_insert_with(|| FakeRole {
                    arn: format!("arn:aws:iam::000000000000:role/osb/{}", role.name),
                    trust_policy: serde_json::from_str(&role.trust_policy)
                        .expect("a policy is JSON"),
                    tags: role.tags.clone(),
                    policies: BTreeMap::new(),
                });
            created.arn.clone()
        })
        .await
    }

    async fn put_policy(&self, role_name: &str, policy_name: &str, policy: &str) -> PortResult<()> {
        self.call("roles.put_policy", |state| {
            let role = state
                .account
                .roles
                .get_mut(role_name)
                .ok_or_else(|| iam_error("PutRolePolicy", "NoSuchEntity"))?;
            let policy = serde_json::from_str(policy).expect("a policy is JSON");
            role.policies.insert(policy_name.to_owned(), policy);
            Ok(())
        })
        .await?
    }

    async fn delete_policy(&self, role_name: &str, policy_name: &str) -> PortResult<()> {
        self.call("roles.delete_policy", |state| {
            if let Some(role) = state.account.roles.get_mut(role_name) {
                role.policies.remove(policy_name);
            }
        })
        .await
    }

    async fn delete(&self, role_name: &str) -> PortResult<()> {
        self.call("roles.delete", |state| {
            if state
                .account
                .roles
                .get(role_name)
                .is_some_and(|role| !role.policies.is_empty())
            {
                return Err(iam_error("DeleteRole", "DeleteConflict"));
            }
            state.account.roles.remove(role_name);
            Ok(())
        })
        .await?
    }

    async fn page(&self, next: Option<String>) -> PortResult<Page<IdentitySummary>> {
        self.call("roles.page", |state| {
            // Those below the broker's path.
            let ours = state
                .account
                .roles
                .iter()
                .filter(|(_, role)| !role.trust_policy.is_null());

            page_of(
                ours.map(|(name, _)| IdentitySummary {
                    name: name.clone(),
                    created_at: None,
                }),
                next,
            )
        })
        .await
    }
}
