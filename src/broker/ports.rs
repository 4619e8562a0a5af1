//! What the domain needs of the world. `crate::aws` implements these traits; tests have in-memory
//! twins of them.

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

/// A port did not do what it was asked for. What became of the request in AWS is unknown unless the
/// port says more.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{service} {action}: {detail}")]
pub struct PortError {
    /// As AWS names it.
    pub service: &'static str,
    /// The API's action.
    pub action: &'static str,
    /// What is to be done about it.
    pub kind: PortErrorKind,
    /// For the log: what happened. Holds no secret.
    pub detail: String,
}

impl PortError {
    /// Whether the same call may succeed a little later.
    pub fn is_passing(&self) -> bool {
        matches!(
            self.kind,
            PortErrorKind::Throttled | PortErrorKind::Unavailable
        )
    }
}

/// What is to be done about a port's error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PortErrorKind {
    /// Send the request again, later.
    Throttled,
    /// The broker's role, or the deploy role, lacks a permission.
    Denied,
    /// No answer in time, or a failure on AWS's side.
    Unavailable,
    /// What the broker needs is not there, or is switched off: the detail says what the operator
    /// has to repair.
    Misconfigured,
    /// The account has reached a quota. The detail, which users see, says which.
    Exhausted,
    /// The permissions are longer than IAM takes of one identity. No quota can be raised, and
    /// nothing deleted, to help.
    PolicyTooLong,
    /// Somebody has added to it by hand what has to go first. The detail, which users see, says
    /// what.
    InUse,
    /// What is stored cannot be read.
    Corrupt,
    /// Anything else: the log says what.
    Unexpected,
}

/// The result of asking a port.
pub type PortResult<T> = Result<T, PortError>;

/// The state: instances and bindings. Reads are strongly consistent, writes conditional.
#[async_trait]
pub trait Records: Send + Sync {
    /// Inserts the record, unless there is one of this id that does not [give
    /// way](Instance::gives_way_to) to it; and returns the one that was there.
    async fn insert_instance(
        &self,
        instance: &Instance,
        now: Timestamp,
    ) -> PortResult<Option<Instance>>;

    /// The record, unless it has expired.
    async fn instance(&self, id: &InstanceId, now: Timestamp) -> PortResult<Option<Instance>>;

    /// How many instances the [organization or space](super::instance::Attributes::quota_owner)
    /// has, tombstones not among them. What was written a moment ago may be missing.
    async fn count_instances(&self, owner_guid: &str) -> PortResult<usize>;

    /// Replaces the record if its version is still that of `instance`, and counts the version up.
    async fn update_instance(&self, instance: &Instance) -> PortResult<Update>;

    /// Removes the record if it is still of this version and operation.
    async fn delete_instance(&self, instance: &Instance) -> PortResult<Update>;

    /// Puts `operation` into the record, unless a deletion or an update runs already, or it is a
    /// tombstone or of another service; and returns the record as it is then. Nothing where there
    /// is none.
    async fn begin_deprovision(
        &self,
        id: &InstanceId,
        service_id: &str,
        operation: &Operation,
    ) -> PortResult<Option<Instance>>;

    /// Remembers that the user was refused the id. The instance's record stays as it is.
    async fn remember_refused(&self, id: &InstanceId, refused: &Refused) -> PortResult<()>;

    /// Forgets that the user was refused the id.
    async fn forget_refused(&self, id: &InstanceId, requester: &Requester) -> PortResult<()>;

    /// True if the user was refused the id, and that has not expired.
    async fn is_refused(
        &self,
        id: &InstanceId,
        requester: &Requester,
        now: Timestamp,
    ) -> PortResult<bool>;

    /// The record and that of one binding.
    async fn instance_and_binding(
        &self,
        id: &InstanceId,
        binding_id: &BindingId,
        now: Timestamp,
    ) -> PortResult<(Option<Instance>, Option<Binding>)>;

    /// All bindings of an instance, tombstones among them. After the intent to delete the instance,
    /// no others can come.
    async fn bindings(&self, id: &InstanceId) -> PortResult<Vec<Binding>>;

    /// Inserts the record unless there is one of this id that has to stay, a tombstone for a
    /// moment, and only if the instance's is still of this version.
    async fn insert_binding(
        &self,
        instance: &Instance,
        binding: &Binding,
        now: Timestamp,
    ) -> PortResult<InsertBinding>;

    /// Replaces the record if its version is still that of `binding`, and counts the version up.
    async fn update_binding(&self, binding: &Binding) -> PortResult<Update>;

    /// Puts `operation` into the record, unless a deletion runs already, or a request may be at
    /// work on its creation at the time that `operation` starts, it is a tombstone or of another
    /// service; and returns the record as it is then. Nothing where there is none.
    async fn begin_unbind(
        &self,
        instance_id: &InstanceId,
        binding_id: &BindingId,
        service_id: &str,
        operation: &Operation,
    ) -> PortResult<Option<Binding>>;

    /// A page of all records there are, tombstones among them.
    async fn page(&self, next: Option<String>) -> PortResult<Page<ScannedRecord>>;
}

/// A part of a list.
#[derive(Clone, Debug)]
pub struct Page<T> {
    /// In no order.
    pub items: Vec<T>,
    /// What to ask for the next page with; nothing after the last one.
    pub next: Option<String>,
}

/// A record as it is found in the table.
#[derive(Clone, Debug)]
pub enum ScannedRecord {
    /// Of an instance.
    Instance(Box<Instance>),
    /// Of a binding.
    Binding(Box<Binding>),
    /// Of neither, or not of a shape that this version of the broker knows.
    Unreadable(UnreadableRecord),
}

/// A record that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct UnreadableRecord {
    /// Its partition and sort key.
    pub key: String,
    /// Why not.
    pub reason: String,
    /// What it seems to be the record of.
    pub names: Vec<String>,
}

/// What became of a conditional write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Update {
    /// It was done.
    Done,
    /// Another request was there first: the record is not what it was.
    Conflict,
}

/// What became of the insertion of a binding.
#[derive(Clone, Debug, PartialEq)]
#[must_use]
pub enum InsertBinding {
    /// It was done.
    Done,
    /// There is one of this id.
    Exists(Box<Binding>),
    /// Another request changed the instance.
    InstanceChanged,
}

/// The accounts and Regions that instances are in.
#[async_trait]
pub trait Sites: Send + Sync {
    /// The ports that reach what is at a location; at none, what is in the broker's own account and
    /// Region.
    async fn at(&self, location: Option<&Location>) -> Site;
}

/// What instances and bindings are made with, in one account and Region.
#[derive(Clone)]
pub struct Site {
    /// One an instance.
    pub stacks: Arc<dyn Stacks>,
    /// Users: one a binding.
    pub identities: Arc<dyn Identities>,
    /// Those that bindings make, or add to.
    pub roles: Arc<dyn Roles>,
    /// Those of instances.
    pub secrets: Arc<dyn Secrets>,
    /// Those that make credentials.
    pub functions: Arc<dyn Functions>,
    /// What stacks have created.
    pub resources: Arc<dyn Resources>,
}

/// CloudFormation: one stack an instance.
#[async_trait]
pub trait Stacks: Send + Sync {
    /// Begins to create the stack.
    async fn create(&self, stack: &NewStack<'_>) -> PortResult<CreateStack>;

    /// Begins to update the stack.
    async fn update(&self, update: &StackUpdate<'_>) -> PortResult<UpdateStack>;

    /// The stack of this name or id as it is now; nothing if there is none, or no longer.
    async fn describe(&self, stack: &str) -> PortResult<Option<Stack>>;

    /// The events of the operation that was requested with this token; nothing if there is no such
    /// stack, or no longer.
    async fn events(&self, stack: &str, token: &str) -> PortResult<Option<OperationEvents>>;

    /// Begins to delete the stack of this name or id. A stack that does not exist is deleted.
    async fn delete(&self, stack: &str, token: &str) -> PortResult<DeleteStack>;

    /// A page of all stacks of the account in the region, whoever made them.
    async fn page(&self, next: Option<String>) -> PortResult<Page<StackSummary>>;
}

/// A stack in a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct StackSummary {
    /// Unique in the account and region.
    pub name: String,
    /// Its ARN.
    pub id: String,
    /// As CloudFormation names it.
    pub status: String,
    /// Of its tag, if it has one that says that the broker has made it.
    pub instance_id: Option<String>,
    /// When.
    pub created_at: Option<Timestamp>,
}

/// A stack to create.
pub struct NewStack<'a> {
    /// At most 128 letters, digits and hyphens.
    pub name: &'a str,
    /// At most 51,200 bytes.
    pub template_body: &'a str,
    /// By name.
    pub parameters: BTreeMap<String, ParameterValue>,
    /// By key. CloudFormation passes them on to the stack's resources.
    pub tags: Vec<Tag>,
    /// Makes a repeated request the same request.
    pub token: &'a str,
}

/// A change of a stack.
pub struct StackUpdate<'a> {
    /// The stack's name or id.
    pub stack: &'a str,
    /// At most 51,200 bytes; none keeps the template that the stack has.
    pub template_body: Option<&'a str>,
    /// By name. What is left out gets the template's default.
    pub parameters: BTreeMap<String, ParameterValue>,
    /// By key, in the place of those that the stack has.
    pub tags: Vec<Tag>,
    /// Tells the events of this update from those of others.
    pub token: &'a str,
}

/// The value of a stack parameter. It may be secret, and so has no debug text.
#[derive(Clone, PartialEq, Eq)]
pub enum ParameterValue {
    /// This one.
    Given(String),
    /// The one that the stack has.
    Previous,
}

/// What became of the request to create a stack.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub enum CreateStack {
    /// CloudFormation creates it.
    Accepted,
    /// A stack of this name exists. It may be this request's own, sent twice, or somebody else's.
    Exists,
    /// CloudFormation does not take the request: nothing was created. Its reason.
    Rejected(String),
}

/// What became of the request to update a stack.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub enum UpdateStack {
    /// CloudFormation updates it, or did already.
    Accepted,
    /// The stack is already what it was to become.
    NoChange,
    /// CloudFormation does not take the request: nothing was changed. Its reason.
    Rejected(String),
}

/// What became of the request to delete a stack.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub enum DeleteStack {
    /// CloudFormation deletes it, or did already.
    Accepted,
    /// CloudFormation does not take the request: nothing was deleted. Its reason.
    Rejected(String),
}

/// A stack.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stack {
    /// Its ARN, which no other stack ever has: a name can be used again.
    pub id: String,
    /// As CloudFormation reports it.
    pub status: StackStatus,
    /// The parameters of its template, with their values; those of `NoEcho` ones are masked.
    pub parameters: BTreeMap<String, String>,
    /// Its tags, with their values.
    pub tags: BTreeMap<String, String>,
    /// By name; none before the stack is complete.
    pub outputs: BTreeMap<String, String>,
}

/// The key of the tag that names the instance to which something in AWS belongs.
pub const INSTANCE_ID_TAG: &str = "servicebroker:instance-id";
/// The key of the tag that names the organization of an instance, and the one whose instances may
/// use a thing.
pub const ORGANIZATION_TAG: &str = "servicebroker:organization-guid";
/// The key of the tag that names the space of an instance, and the one whose instances may use a
/// thing.
pub const SPACE_TAG: &str = "servicebroker:space-guid";
/// The key of the tag that names the plan of a stack's instance.
pub const PLAN_TAG: &str = "servicebroker:plan";

impl Stack {
    /// True if the stack's tag says that it is this instance's.
    pub fn is_of(&self, instance: &InstanceId) -> bool {
        let expected = Tag::new(INSTANCE_ID_TAG, instance.as_str());
        self.tags.get(INSTANCE_ID_TAG) == Some(&expected.value)
    }
}

/// A tag of something in AWS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tag {
    /// At most 128 characters.
    pub key: &'static str,
    /// At most 256 characters of those that AWS allows everywhere.
    pub value: String,
}

impl Tag {
    /// A tag that people can search for. Records hold the full text.
    pub fn new(key: &'static str, value: &str) -> Self {
        Self {
            key,
            value: tag_value(value),
        }
    }
}

/// The text as a tag's value: characters which not every AWS service allows become `_`, and what is
/// longer than 256 characters is cut.
/// <https://docs.aws.amazon.com/tag-editor/latest/userguide/best-practices-and-strats.html>
pub fn tag_value(text: &str) -> String {
    let allowed = |c: char| c.is_ascii_alphanumeric() || " _.:/=+-@".contains(c);
    text.chars()
        .take(256)
        .map(|c| if allowed(c) { c } else { '_' })
        .collect()
}

/// IAM: one user a binding. Each method is one call, so that the domain decides in which order they
/// come.
#[async_trait]
pub trait Identities: Send + Sync {
    /// Makes the user, without any permission.
    async fn create_user(&self, user: &NewUser) -> PortResult<CreateUser>;

    /// Gives the user this policy in the place of the one that it has.
    async fn put_policy(&self, user_name: &str, policy: &str) -> PortResult<()>;

    /// Makes another access key for the user.
    async fn create_access_key(&self, user_name: &str) -> PortResult<AccessKey>;

    /// The ids of the user's access keys; none where there is no such user.
    async fn access_keys(&self, user_name: &str) -> PortResult<Vec<String>>;

    /// Deletes an access key. One that does not exist is deleted.
    async fn delete_access_key(&self, user_name: &str, id: &str) -> PortResult<()>;

    /// Takes the user's policy away, if it has one.
    async fn delete_policy(&self, user_name: &str) -> PortResult<()>;

    /// Deletes the user, which has neither keys nor a policy. One that does not exist is deleted.
    async fn delete_user(&self, user_name: &str) -> PortResult<()>;

    /// A page of all users below the broker's path.
    async fn page(&self, next: Option<String>) -> PortResult<Page<IdentitySummary>>;
}

/// A user or a role in a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct IdentitySummary {
    /// Unique among the account's users, or roles.
    pub name: String,
    /// When.
    pub created_at: Option<Timestamp>,
}

/// An IAM user to create.
#[derive(Debug)]
pub struct NewUser {
    /// At most 64 characters.
    pub name: String,
    /// By key.
    pub tags: Vec<Tag>,
}

/// What became of the request to create a user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum CreateUser {
    /// It was done.
    Created,
    /// There is one of this name: names follow from ids, so that it is one that an earlier attempt
    /// made.
    Exists,
}

/// An access key as AWS shows it once.
#[derive(Clone, Debug)]
pub struct AccessKey {
    /// Not secret.
    pub id: String,
    /// Secret.
    pub secret: SecretString,
}

/// IAM: roles that a binding makes, or adds a policy to. Each method is one call.
#[async_trait]
pub trait Roles: Send + Sync {
    /// The role of this name, whoever made it.
    async fn find(&self, name: &str) -> PortResult<Option<Role>>;

    /// Makes the role, without any permission, and returns its ARN. One of this name that exists is
    /// one that an earlier attempt made.
    async fn create(&self, role: &NewRole) -> PortResult<String>;

    /// Gives the role this inline policy, in the place of the one that it has of this name.
    async fn put_policy(&self, role_name: &str, policy_name: &str, policy: &str) -> PortResult<()>;

    /// Takes the role's inline policy of this name away, if it has one.
    async fn delete_policy(&self, role_name: &str, policy_name: &str) -> PortResult<()>;

    /// Deletes the role, which has no policy. One that does not exist is deleted.
    async fn delete(&self, role_name: &str) -> PortResult<()>;

    /// A page of all roles below the broker's path.
    async fn page(&self, next: Option<String>) -> PortResult<Page<IdentitySummary>>;
}

/// An IAM role.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Role {
    /// Unique in the account.
    pub name: String,
    /// With its path.
    pub arn: String,
    /// Its tags, with their values.
    pub tags: BTreeMap<String, String>,
}

/// An IAM role to create.
#[derive(Debug)]
pub struct NewRole {
    /// At most 64 characters.
    pub name: String,
    /// Who may assume it: a policy document.
    pub trust_policy: String,
    /// By key.
    pub tags: Vec<Tag>,
}

/// SSM, Secrets Manager and Cognito: secrets of instances, kept there by their stacks.
#[async_trait]
pub trait Secrets: Send + Sync {
    /// The value of a parameter of SSM's Parameter Store, decrypted; nothing where there is none.
    async fn parameter(&self, name: &str) -> PortResult<Option<SecretString>>;

    /// The current text of a secret of Secrets Manager; nothing where there is none.
    async fn secret(&self, arn: &str) -> PortResult<Option<SecretString>>;

    /// The secret of an app client of a Cognito user pool; nothing where there is none.
    async fn client_secret(
        &self,
        user_pool_id: &str,
        client_id: &str,
    ) -> PortResult<Option<SecretString>>;
}

/// Lambda: functions of instances that make credentials.
#[async_trait]
pub trait Functions: Send + Sync {
    /// Invokes the function of this name or ARN with a JSON text, and waits for its answer.
    async fn invoke(&self, name: &str, payload: &SecretString) -> PortResult<Invocation>;
}

/// What became of the invocation of a function.
#[derive(Clone, Debug)]
#[must_use]
pub enum Invocation {
    /// What it has answered: a JSON text, which may be secret.
    Answered(SecretString),
    /// It has failed.
    Failed {
        /// Its own words, without its stack trace.
        message: String,
    },
    /// There is no such function.
    Missing,
}

/// Resource Groups Tagging: what the stacks of instances have created.
#[async_trait]
pub trait Resources: Send + Sync {
    /// A page of all resources with the tag of an instance, whichever broker's. AWS adds and
    /// removes with some delay.
    async fn page(&self, next: Option<String>) -> PortResult<Page<StackResource>>;
}

/// A resource that a stack has created.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct StackResource {
    /// The resource's ARN.
    pub arn: String,
    /// The name of its stack, which may not exist any more.
    pub stack_name: String,
    /// The instance's id, as a tag holds it.
    pub instance_id: String,
}

/// KMS: secrets at rest.
#[async_trait]
pub trait Vault: Send + Sync {
    /// Encrypts `plain` for `purpose`.
    async fn seal(&self, purpose: &Purpose<'_>, plain: &SecretString) -> PortResult<Sealed>;

    /// Decrypts what was sealed for the same `purpose`, and refuses anything else.
    async fn open(&self, purpose: &Purpose<'_>, sealed: &Sealed) -> PortResult<SecretString>;
}

/// What a sealed text belongs to; it can be opened with the same purpose only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Purpose<'a> {
    /// The instance.
    pub instance_id: &'a InstanceId,
    /// The binding, if it belongs to one.
    pub binding_id: Option<&'a BindingId>,
}

/// An encrypted text, in Base64.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Sealed(pub String);

impl fmt::Debug for Sealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sealed({} bytes)", self.0.len())
    }
}

/// Time and chance.
pub trait Environment: Send + Sync {
    /// The time, to the second: records hold no more.
    fn now(&self) -> Timestamp;

    /// A random UUID (version 4).
    fn uuid(&self) -> Uuid;

    /// The version that a new record begins with: another one for each, so that a request which was
    /// long under way does not take a later record of the same id for the one that it has read.
    fn first_version(&self) -> u64 {
        let (high, low) = self.uuid().as_u64_pair();
        (high ^ low) >> 32
    }
}

/// Secrets Manager: what platforms authenticate with.
#[async_trait]
pub trait PlatformSecrets: Send + Sync {
    /// All pairs that are accepted right now.
    async fn read(&self) -> PortResult<Vec<PlatformSecret>>;
}

/// A user name and password of HTTP Basic authentication.
#[derive(Clone, Debug)]
pub struct PlatformSecret {
    /// Not secret.
    pub username: String,
    /// Secret.
    pub password: SecretString,
}
