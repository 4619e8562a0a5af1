//! Ports: the interfaces through which the domain uses AWS, time and chance. `crate::aws`
//! implements these traits; tests have in-memory twins of them.

use std::{collections::BTreeMap, fmt, sync::Arc};

use async_trait::async_trait;
use jiff::Timestamp;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{
    Location,
    binding::Binding,
    id::{BindingId, InstanceId},
    instance::Instance,
    operation::Operation,
    requester::{Refused, Requester},
    stack::{OperationEvents, StackStatus},
};

/// A failed call of a port. The effect of the request in AWS is unknown unless the port says more.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{service} {action}: {detail}")]
pub struct PortError {
    /// The AWS service, named as AWS names it.
    pub service: &'static str,
    /// The API action that failed.
    pub action: &'static str,
    /// The kind of error, which determines how callers should react.
    pub kind: PortErrorKind,
    /// The cause, for the log. Holds no secret.
    pub detail: String,
}

impl PortError {
    /// True if the same call may succeed a little later.
    pub fn is_passing(&self) -> bool {
        matches!(
            self.kind,
            PortErrorKind::Throttled | PortErrorKind::Unavailable
        )
    }
}

/// The kind of a port's error, by how callers should react.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PortErrorKind {
    /// AWS throttles the request. Callers should retry later.
    Throttled,
    /// The broker's role, or the deploy role, lacks a permission.
    Denied,
    /// No response in time, or a failure on AWS's side.
    Unavailable,
    /// Something that the broker needs is missing or disabled. The detail says what the operator
    /// has to repair.
    Misconfigured,
    /// The account has reached a quota. Users see the detail, which names the quota.
    Exhausted,
    /// The permissions are longer than IAM accepts for one identity. Neither raising a quota nor
    /// deleting anything helps.
    PolicyTooLong,
    /// Somebody has added something by hand that has to be removed first. Users see the detail,
    /// which says what.
    InUse,
    /// Stored data cannot be read.
    Corrupt,
    /// Any other error. The log has its cause.
    Unexpected,
}

/// The result of a call of a port.
pub type PortResult<T> = Result<T, PortError>;

/// The broker's state: the records of instances and bindings. Reads are strongly consistent unless
/// a method says otherwise. Writes to records are conditional.
#[async_trait]
pub trait Records: Send + Sync {
    /// Inserts the record, unless there is one of this id that does not [give
    /// way](Instance::gives_way_to) to it. Returns the record that was there before.
    async fn insert_instance(
        &self,
        instance: &Instance,
        now: Timestamp,
    ) -> PortResult<Option<Instance>>;

    /// Returns the record, unless it has expired.
    async fn instance(&self, id: &InstanceId, now: Timestamp) -> PortResult<Option<Instance>>;

    /// Counts the instances of the [organization or
    /// space](super::instance::Attributes::quota_owner), without tombstones. The count may miss
    /// recent writes.
    async fn count_instances(&self, owner_guid: &str) -> PortResult<usize>;

    /// Replaces the record and increments its version, if its version is still that of `instance`.
    async fn update_instance(&self, instance: &Instance) -> PortResult<Update>;

    /// Deletes the record, if its version and operation are still those of `instance`.
    async fn delete_instance(&self, instance: &Instance) -> PortResult<Update>;

    /// Writes `operation` into the record, and returns the resulting record or `None` if there is
    /// none. The record stays unchanged if a deletion or an update is running. It also stays
    /// unchanged if it is a tombstone or of another service.
    async fn begin_deprovision(
        &self,
        id: &InstanceId,
        service_id: &str,
        operation: &Operation,
    ) -> PortResult<Option<Instance>>;

    /// Records that the user was refused the id. The instance's record stays unchanged.
    async fn remember_refused(&self, id: &InstanceId, refused: &Refused) -> PortResult<()>;

    /// Deletes the user's refusal of the id, if there is one.
    async fn forget_refused(&self, id: &InstanceId, requester: &Requester) -> PortResult<()>;

    /// True if the user was refused the id and the refusal has not expired.
    async fn is_refused(
        &self,
        id: &InstanceId,
        requester: &Requester,
        now: Timestamp,
    ) -> PortResult<bool>;

    /// Returns the instance's record and the record of one binding, unless they have expired.
    async fn instance_and_binding(
        &self,
        id: &InstanceId,
        binding_id: &BindingId,
        now: Timestamp,
    ) -> PortResult<(Option<Instance>, Option<Binding>)>;

    /// Returns all bindings of an instance, including tombstones. Once the deletion of the instance
    /// is recorded, no bindings can be added.
    async fn bindings(&self, id: &InstanceId) -> PortResult<Vec<Binding>>;

    /// Inserts the record, if the instance's version is still that of `instance` and no record of
    /// this id has to stay. A tombstone has to stay for a moment.
    async fn insert_binding(
        &self,
        instance: &Instance,
        binding: &Binding,
        now: Timestamp,
    ) -> PortResult<InsertBinding>;

    /// Replaces the record and increments its version, if its version is still that of `binding`.
    async fn update_binding(&self, binding: &Binding) -> PortResult<Update>;

    /// Writes `operation` into the record, and returns the resulting record or `None` if there is
    /// none. The record stays unchanged if a deletion is running, or if it is a tombstone or of
    /// another service. It also stays unchanged if a request may be working on its creation when
    /// `operation` starts.
    async fn begin_unbind(
        &self,
        instance_id: &InstanceId,
        binding_id: &BindingId,
        service_id: &str,
        operation: &Operation,
    ) -> PortResult<Option<Binding>>;

    /// Returns a page of all records, including tombstones.
    async fn page(&self, next: Option<String>) -> PortResult<Page<ScannedRecord>>;
}

/// A page of a list.
#[derive(Clone, Debug)]
pub struct Page<T> {
    /// The items, in no particular order.
    pub items: Vec<T>,
    /// The token that requests the next page. Absent on the last page.
    pub next: Option<String>,
}

/// A record found in a scan of the table.
#[derive(Clone, Debug)]
pub enum ScannedRecord {
    /// An instance's record.
    Instance(Box<Instance>),
    /// A binding's record.
    Binding(Box<Binding>),
    /// A record of neither, or one whose shape is unknown to this version of the broker.
    Unreadable(UnreadableRecord),
}

/// A record that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct UnreadableRecord {
    /// The record's partition key and sort key.
    pub key: String,
    /// The reason why the record cannot be read.
    pub reason: String,
    /// The names of the stack, user or role that the record seems to be of.
    pub names: Vec<String>,
}

/// The outcome of a conditional write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Update {
    /// The write succeeded.
    Done,
    /// Another request was faster: the record has changed since it was read.
    Conflict,
}

/// The outcome of inserting a binding.
#[derive(Clone, Debug, PartialEq)]
#[must_use]
pub enum InsertBinding {
    /// The binding was inserted.
    Done,
    /// A record of this id exists: this one.
    Exists(Box<Binding>),
    /// Another request has changed the instance.
    InstanceChanged,
}

/// The accounts and Regions that hold instances.
#[async_trait]
pub trait Sites: Send + Sync {
    /// Returns the ports that reach a location. Without a location, they reach the broker's own
    /// account and Region.
    async fn at(&self, location: Option<&Location>) -> Site;
}

/// The ports for the AWS resources of instances and bindings in one account and Region.
#[derive(Clone)]
pub struct Site {
    /// CloudFormation stacks: one per instance.
    pub stacks: Arc<dyn Stacks>,
    /// IAM users: at most one per binding.
    pub identities: Arc<dyn Identities>,
    /// IAM roles that bindings create, or add a policy to.
    pub roles: Arc<dyn Roles>,
    /// Secrets of instances.
    pub secrets: Arc<dyn Secrets>,
    /// Functions that create credentials.
    pub functions: Arc<dyn Functions>,
    /// Resources that stacks have created.
    pub resources: Arc<dyn Resources>,
}

/// CloudFormation: one stack per instance.
#[async_trait]
pub trait Stacks: Send + Sync {
    /// Requests the creation of the stack.
    async fn create(&self, stack: &NewStack<'_>) -> PortResult<CreateStack>;

    /// Requests an update of the stack.
    async fn update(&self, update: &StackUpdate<'_>) -> PortResult<UpdateStack>;

    /// Returns the current state of the stack with this name or id. Returns `None` if it does not
    /// exist, or no longer.
    async fn describe(&self, stack: &str) -> PortResult<Option<Stack>>;

    /// Returns the events of the operation that was requested with this token. Returns `None` if
    /// the stack does not exist, or no longer.
    async fn events(&self, stack: &str, token: &str) -> PortResult<Option<OperationEvents>>;

    /// Requests the deletion of the stack with this name or id. A missing stack counts as deleted.
    async fn delete(&self, stack: &str, token: &str) -> PortResult<DeleteStack>;

    /// Returns a page of all stacks of the account in the Region, whoever created them.
    async fn page(&self, next: Option<String>) -> PortResult<Page<StackSummary>>;
}

/// A stack in a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct StackSummary {
    /// The name, unique in the account and Region.
    pub name: String,
    /// The stack's ARN.
    pub id: String,
    /// The status, named as CloudFormation names it.
    pub status: String,
    /// The instance's id from the tag that the broker sets. Absent if the stack has no such tag.
    pub instance_id: Option<String>,
    /// The time of the stack's creation, if AWS reports it.
    pub created_at: Option<Timestamp>,
}

/// A stack to create.
pub struct NewStack<'a> {
    /// The name: at most 128 letters, digits and hyphens.
    pub name: &'a str,
    /// The template: at most 51,200 bytes.
    pub template_body: &'a str,
    /// Values by parameter name. A parameter that is left out gets the template's default.
    pub parameters: BTreeMap<String, ParameterValue>,
    /// The stack's tags. CloudFormation also passes them on to the stack's resources.
    pub tags: Vec<Tag>,
    /// The idempotency token: CloudFormation takes a repeated request with it as the same request.
    pub token: &'a str,
}

/// An update of a stack.
pub struct StackUpdate<'a> {
    /// The stack's name or id.
    pub stack: &'a str,
    /// The new template: at most 51,200 bytes. Absent if the stack keeps its template.
    pub template_body: Option<&'a str>,
    /// Values by parameter name. A parameter that is left out gets the template's default.
    pub parameters: BTreeMap<String, ParameterValue>,
    /// The tags, which replace those of the stack.
    pub tags: Vec<Tag>,
    /// The token that distinguishes the events of this update from others.
    pub token: &'a str,
}

/// The value of a stack parameter. It has no `Debug` because it may be secret.
#[derive(Clone, PartialEq, Eq)]
pub enum ParameterValue {
    /// A new value.
    Given(String),
    /// The value that the stack already has.
    Previous,
}

/// The outcome of the request to create a stack.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub enum CreateStack {
    /// CloudFormation is creating the stack.
    Accepted,
    /// A stack of this name exists. It may come from this same request, sent twice, or from
    /// somebody else.
    Exists,
    /// CloudFormation has rejected the request, for this reason. Nothing was created.
    Rejected(String),
}

/// The outcome of the request to update a stack.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub enum UpdateStack {
    /// CloudFormation is updating the stack, or has already done so.
    Accepted,
    /// The stack already is as requested.
    NoChange,
    /// CloudFormation has rejected the request, for this reason. Nothing was changed.
    Rejected(String),
}

/// The outcome of the request to delete a stack.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub enum DeleteStack {
    /// CloudFormation is deleting the stack, or has already done so.
    Accepted,
    /// CloudFormation has rejected the request, for this reason. Nothing was deleted.
    Rejected(String),
}

/// A stack as CloudFormation describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stack {
    /// The ARN. It is never reused, unlike the name.
    pub id: String,
    /// The status that CloudFormation reports.
    pub status: StackStatus,
    /// The values of the template's parameters, by name. Values of `NoEcho` parameters are masked.
    pub parameters: BTreeMap<String, String>,
    /// The tags' values, by key.
    pub tags: BTreeMap<String, String>,
    /// The outputs' values, by name. Empty until the stack is complete.
    pub outputs: BTreeMap<String, String>,
}

/// Key of the tag with the id of the instance to which something in AWS belongs.
pub const INSTANCE_ID_TAG: &str = "servicebroker:instance-id";
/// Key of the tag with the GUID of an organization. It is an instance's organization, or the one
/// whose instances may use something in AWS.
pub const ORGANIZATION_TAG: &str = "servicebroker:organization-guid";
/// Key of the tag with the GUID of a space. It is an instance's space, or the one whose instances
/// may use something in AWS.
pub const SPACE_TAG: &str = "servicebroker:space-guid";
/// Key of the tag with the name of the plan of a stack's instance.
pub const PLAN_TAG: &str = "servicebroker:plan";

impl Stack {
    /// True if the stack's tag names this instance.
    pub fn is_of(&self, instance: &InstanceId) -> bool {
        let expected = Tag::new(INSTANCE_ID_TAG, instance.as_str());
        self.tags.get(INSTANCE_ID_TAG) == Some(&expected.value)
    }
}

/// A tag of something in AWS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tag {
    /// The key: at most 128 characters.
    pub key: &'static str,
    /// The value: at most 256 of the characters that AWS allows everywhere.
    pub value: String,
}

impl Tag {
    /// Creates a tag that people can search for. Its value is that of [`tag_value`]; records hold
    /// the full text.
    pub fn new(key: &'static str, value: &str) -> Self {
        Self {
            key,
            value: tag_value(value),
        }
    }
}

/// Returns the text as a tag's value. Characters that not every AWS service allows become `_`. The
/// value is cut after 256 characters.
/// <https://docs.aws.amazon.com/tag-editor/latest/userguide/best-practices-and-strats.html>
pub fn tag_value(text: &str) -> String {
    let allowed = |c: char| c.is_ascii_alphanumeric() || " _.:/=+-@".contains(c);
    text.chars()
        .take(256)
        .map(|c| if allowed(c) { c } else { '_' })
        .collect()
}

/// IAM users: at most one per binding. Each method is one call, so that the domain decides on their
/// order.
#[async_trait]
pub trait Identities: Send + Sync {
    /// Creates the user, without any permission.
    async fn create_user(&self, user: &NewUser) -> PortResult<CreateUser>;

    /// Sets the user's policy. It replaces the one that the user has.
    async fn put_policy(&self, user_name: &str, policy: &str) -> PortResult<()>;

    /// Creates another access key for the user.
    async fn create_access_key(&self, user_name: &str) -> PortResult<AccessKey>;

    /// Returns the ids of the user's access keys. Empty if the user does not exist.
    async fn access_keys(&self, user_name: &str) -> PortResult<Vec<String>>;

    /// Deletes an access key. A missing key counts as deleted.
    async fn delete_access_key(&self, user_name: &str, id: &str) -> PortResult<()>;

    /// Deletes the user's policy, if it has one.
    async fn delete_policy(&self, user_name: &str) -> PortResult<()>;

    /// Deletes the user, which must have neither keys nor a policy. A missing user counts as
    /// deleted.
    async fn delete_user(&self, user_name: &str) -> PortResult<()>;

    /// Returns a page of all users below the broker's path.
    async fn page(&self, next: Option<String>) -> PortResult<Page<IdentitySummary>>;
}

/// A user or a role in a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct IdentitySummary {
    /// The name, unique among the account's users or roles.
    pub name: String,
    /// The time of creation, if AWS reports it.
    pub created_at: Option<Timestamp>,
}

/// An IAM user to create.
#[derive(Debug)]
pub struct NewUser {
    /// The name: at most 64 characters.
    pub name: String,
    /// The user's tags.
    pub tags: Vec<Tag>,
}

/// The outcome of the request to create a user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum CreateUser {
    /// The user was created.
    Created,
    /// A user of this name exists. An earlier attempt has created it, because names follow from
    /// ids.
    Exists,
}

/// An access key. AWS shows its secret only once.
#[derive(Clone, Debug)]
pub struct AccessKey {
    /// The access key id, which is not secret.
    pub id: String,
    /// The secret access key.
    pub secret: SecretString,
}

/// IAM roles that a binding creates, or adds a policy to. Each method is one call.
#[async_trait]
pub trait Roles: Send + Sync {
    /// Returns the role of this name, whoever created it.
    async fn find(&self, name: &str) -> PortResult<Option<Role>>;

    /// Creates the role, without any permission, and returns its ARN. If it exists, an earlier
    /// attempt has created it.
    async fn create(&self, role: &NewRole) -> PortResult<String>;

    /// Sets the role's inline policy of this name. It replaces an existing one of this name.
    async fn put_policy(&self, role_name: &str, policy_name: &str, policy: &str) -> PortResult<()>;

    /// Deletes the role's inline policy of this name, if it has one.
    async fn delete_policy(&self, role_name: &str, policy_name: &str) -> PortResult<()>;

    /// Deletes the role, which must have no policy. A missing role counts as deleted.
    async fn delete(&self, role_name: &str) -> PortResult<()>;

    /// Returns a page of all roles below the broker's path.
    async fn page(&self, next: Option<String>) -> PortResult<Page<IdentitySummary>>;
}

/// An IAM role.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Role {
    /// The name, unique in the account.
    pub name: String,
    /// The ARN, which includes the role's path.
    pub arn: String,
    /// The tags' values, by key.
    pub tags: BTreeMap<String, String>,
}

/// An IAM role to create.
#[derive(Debug)]
pub struct NewRole {
    /// The name: at most 64 characters.
    pub name: String,
    /// The policy document that says who may assume the role.
    pub trust_policy: String,
    /// The role's tags.
    pub tags: Vec<Tag>,
}

/// SSM, Secrets Manager and Cognito: secrets of instances, stored there by their stacks.
#[async_trait]
pub trait Secrets: Send + Sync {
    /// Returns the decrypted value of a parameter of SSM's Parameter Store, or `None` if there is
    /// none.
    async fn parameter(&self, name: &str) -> PortResult<Option<SecretString>>;

    /// Returns the current text of a secret of Secrets Manager, or `None` if there is none.
    async fn secret(&self, arn: &str) -> PortResult<Option<SecretString>>;

    /// Returns the secret of an app client of a Cognito user pool, or `None` if there is none.
    async fn client_secret(
        &self,
        user_pool_id: &str,
        client_id: &str,
    ) -> PortResult<Option<SecretString>>;
}

/// Lambda: functions of instances that create credentials.
#[async_trait]
pub trait Functions: Send + Sync {
    /// Invokes the function of this name or ARN with a JSON text, and waits for its response.
    async fn invoke(&self, name: &str, payload: &SecretString) -> PortResult<Invocation>;
}

/// The outcome of a function's invocation.
#[derive(Clone, Debug)]
#[must_use]
pub enum Invocation {
    /// The function's response: a JSON text, which may be secret.
    Answered(SecretString),
    /// The function has failed.
    Failed {
        /// The function's error message, without its stack trace.
        message: String,
    },
    /// There is no such function.
    Missing,
}

/// Resource Groups Tagging: resources that the stacks of instances have created.
#[async_trait]
pub trait Resources: Send + Sync {
    /// Returns a page of all resources with an instance's tag, of any broker. AWS adds and removes
    /// resources with some delay.
    async fn page(&self, next: Option<String>) -> PortResult<Page<StackResource>>;
}

/// A resource that a stack has created.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct StackResource {
    /// The resource's ARN.
    pub arn: String,
    /// The name of the resource's stack, which may no longer exist.
    pub stack_name: String,
    /// The instance's id, in the form of a tag's value.
    pub instance_id: String,
}

/// KMS: encryption of secrets at rest.
#[async_trait]
pub trait Vault: Send + Sync {
    /// Encrypts `plain` for `purpose`.
    async fn seal(&self, purpose: &Purpose<'_>, plain: &SecretString) -> PortResult<Sealed>;

    /// Decrypts a text that was sealed for the same `purpose`, and rejects any other.
    async fn open(&self, purpose: &Purpose<'_>, sealed: &Sealed) -> PortResult<SecretString>;
}

/// The owner of a sealed text. The text can be opened only with the same purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Purpose<'a> {
    /// The id of the instance.
    pub instance_id: &'a InstanceId,
    /// The id of the binding. Absent if the text belongs to the instance itself.
    pub binding_id: Option<&'a BindingId>,
}

/// An encrypted text in Base64.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Sealed(pub String);

impl fmt::Debug for Sealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sealed({} bytes)", self.0.len())
    }
}

/// The clock, and the source of random ids.
pub trait Environment: Send + Sync {
    /// Returns the current time in whole seconds, the precision of records.
    fn now(&self) -> Timestamp;

    /// Returns a random UUID (version 4).
    fn uuid(&self) -> Uuid;

    /// Returns the version that a new record starts with. It is random. A delayed request must not
    /// mistake a later record of the same id for the one that it has read.
    fn first_version(&self) -> u64 {
        let (high, low) = self.uuid().as_u64_pair();
        (high ^ low) >> 32
    }
}

/// Secrets Manager: the credentials with which platforms authenticate.
#[async_trait]
pub trait PlatformSecrets: Send + Sync {
    /// Returns all credentials that are currently accepted.
    async fn read(&self) -> PortResult<Vec<PlatformSecret>>;
}

/// A user name and a password for HTTP Basic authentication.
#[derive(Clone, Debug)]
pub struct PlatformSecret {
    /// The user name, which is not secret.
    pub username: String,
    /// The password.
    pub password: SecretString,
}
