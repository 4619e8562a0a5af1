//! Names of the resources that the broker creates in AWS.

use database_protocol::UserName;
use uuid::Uuid;

use crate::broker::records::{BindingId, InstanceId, digest};

/// Names of the resources that the broker creates in AWS.
///
/// They follow from the ids alone, so a repeated step finds what the first one created. All begin
/// with the prefix to which the broker's permissions are limited.
#[derive(Clone, Debug)]
pub struct Naming {
    prefix: String,
}

impl Naming {
    /// Creates names that begin with `prefix` and a hyphen.
    pub fn new(prefix: impl Into<String>) -> Self {
        Self {
            prefix: prefix.into(),
        }
    }

    /// True if the name begins with the broker's prefix and a hyphen.
    pub fn is_ours(&self, name: &str) -> bool {
        name.strip_prefix(&self.prefix)
            .is_some_and(|rest| rest.starts_with('-'))
    }

    /// The name of the instance's stack: letters, digits and hyphens, at most 128.
    ///
    /// No two instances of a service share a name. An id that is no UUID in lower case and
    /// with hyphens is replaced by a digest without hyphens, which is no other id's name.
    /// <https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_CreateStack.html>
    pub fn stack(&self, service: &str, instance: &InstanceId) -> String {
        let id = match Uuid::try_parse(instance.as_str()) {
            Ok(uuid) if uuid.hyphenated().to_string() == instance.as_str() => {
                uuid.hyphenated().to_string()
            }
            _ => digest(&[instance.as_str()]).simple().to_string(),
        };
        format!("{}-{}-{id}", self.prefix, service.replace('.', "-"))
    }

    /// The id of the instance that owns a stack of this name. `None` unless the id is a UUID, like
    /// those that platforms generate.
    pub fn instance(&self, stack_name: &str) -> Option<InstanceId> {
        InstanceId::new(self.uuid_of(stack_name, uuid::fmt::Hyphenated::LENGTH)?).ok()
    }

    /// The service in a stack name. Its dots have become hyphens.
    pub fn service<'a>(&self, stack_name: &'a str) -> Option<&'a str> {
        let forms = [uuid::fmt::Hyphenated::LENGTH, uuid::fmt::Simple::LENGTH];
        let id = forms
            .into_iter()
            .find_map(|length| self.uuid_of(stack_name, length))?;
        let rest = stack_name.strip_prefix(&self.prefix)?.strip_suffix(id)?;
        rest.strip_prefix('-')?.strip_suffix('-')
    }

    /// True if the name has the form of an instance's stack name.
    pub fn is_of_instance(&self, stack_name: &str) -> bool {
        let forms = [uuid::fmt::Hyphenated::LENGTH, uuid::fmt::Simple::LENGTH];
        forms
            .into_iter()
            .any(|length| self.uuid_of(stack_name, length).is_some())
    }

    /// The UUID of this length, in characters, at the end of a stack name with the broker's prefix.
    fn uuid_of<'a>(&self, stack_name: &'a str, length: usize) -> Option<&'a str> {
        let (front, id) = stack_name.split_at_checked(stack_name.len().checked_sub(length)?)?;
        (self.is_ours(front) && front.ends_with('-') && Uuid::try_parse(id).is_ok()).then_some(id)
    }

    /// The name of the binding's IAM user, of at most 64 characters.
    ///
    /// It is unique in the account, even if letter case is ignored. A binding's id is unique in its
    /// instance only, so the name also depends on the instance's id.
    /// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html>
    pub fn user(&self, instance: &InstanceId, binding: &BindingId) -> String {
        format!(
            "{}-{}",
            self.prefix,
            digest(&[instance.as_str(), binding.as_str()])
        )
    }

    /// The name of the binding's user in the instance's database. It has no prefix of this broker:
    /// a database belongs to one instance.
    pub fn database_user(&self, instance: &InstanceId, binding: &BindingId) -> UserName {
        let of_instance = digest(&[instance.as_str()]).as_u128();
        let of_binding = digest(&[instance.as_str(), binding.as_str()]).as_u128();
        UserName::from_digests(of_instance, of_binding)
    }
}
