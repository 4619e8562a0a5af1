//! [`Roles`] with IAM.

use async_trait::async_trait;
use aws_sdk_iam::operation::{
    create_role::CreateRoleError, delete_role::DeleteRoleError,
    delete_role_policy::DeleteRolePolicyError, get_role::GetRoleError,
    put_role_policy::PutRolePolicyError,
};

use super::{DELETION_NOT_VISIBLE, Iam, NOT_VISIBLE, SERVICE, found, summary, tags, waiting_for};
use crate::broker::ports::{IdentitySummary, NewRole, Page, PortResult, Role, Roles};

#[async_trait]
impl Roles for Iam {
    async fn find(&self, name: &str) -> PortResult<Option<Role>> {
        let read = self.client().get_role().role_name(name).send().await;
        let read = found(read, "GetRole", GetRoleError::is_no_such_entity_exception)?;
        let role = read.and_then(|read| read.role);

        Ok(role.map(|role| {
            let tags = role
                .tags
                .unwrap_or_default()
                .into_iter()
                .map(|tag| (tag.key, tag.value))
                .collect();
            Role {
                name: role.role_name,
                arn: role.arn,
                tags,
            }
        }))
    }

    async fn create(&self, role: &NewRole) -> PortResult<String> {
        let created = self
            .client()
            .create_role()
            .role_name(&role.name)
            .path(&self.path)
            .permissions_boundary(self.service_roles.boundary(&role.service))
            .assume_role_policy_document(&role.trust_policy)
            .set_tags(Some(tags("CreateRole", &role.tags)?))
            .send()
            .await;

        let existing = match created {
            Ok(created) => created.role.map(|role| role.arn),
            Err(error)
                if error
                    .as_service_error()
                    .is_some_and(CreateRoleError::is_entity_already_exists_exception) =>
            {
                self.find(&role.name).await?.map(|role| role.arn)
            }
            Err(error) => return Err(SERVICE.failed("CreateRole")(error)),
        };

        existing.ok_or_else(|| SERVICE.unexpected("CreateRole", "the role does not exist"))
    }

    async fn put_policy(&self, role_name: &str, policy_name: &str, policy: &str) -> PortResult<()> {
        self.client()
            .put_role_policy()
            .role_name(role_name)
            .policy_name(policy_name)
            .policy_document(policy)
            .customize()
            .config_override(waiting_for::<PutRolePolicyError>(NOT_VISIBLE))
            .send()
            .await
            .map_err(SERVICE.failed("PutRolePolicy"))?;
        Ok(())
    }

    async fn delete_policy(&self, role_name: &str, policy_name: &str) -> PortResult<()> {
        let deleted = self
            .client()
            .delete_role_policy()
            .role_name(role_name)
            .policy_name(policy_name)
            .send()
            .await;
        found(
            deleted,
            "DeleteRolePolicy",
            DeleteRolePolicyError::is_no_such_entity_exception,
        )
        .map(drop)
    }

    async fn delete(&self, role_name: &str) -> PortResult<()> {
        let deleted = self
            .client()
            .delete_role()
            .role_name(role_name)
            .customize()
            .config_override(waiting_for::<DeleteRoleError>(DELETION_NOT_VISIBLE))
            .send()
            .await;

        found(
            deleted,
            "DeleteRole",
            DeleteRoleError::is_no_such_entity_exception,
        )
        .map(drop)
    }

    async fn page(&self, next: Option<String>) -> PortResult<Page<IdentitySummary>> {
        let page = self
            .client()
            .list_roles()
            .path_prefix(&self.path)
            .set_marker(next)
            .send()
            .await;
        let page = page.map_err(SERVICE.failed("ListRoles"))?;

        let roles = page
            .roles
            .into_iter()
            .map(|role| summary(role.role_name, role.create_date));
        Ok(Page {
            items: roles.collect(),
            next: page.marker.filter(|_| page.is_truncated),
        })
    }
}
