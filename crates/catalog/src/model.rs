//! The offering of one template: all data that the broker needs at run time, as constants.
//!
//! The build script bakes these types into the binary, so a cold start parses no template. JSON
//! that the broker only forwards (metadata, schemas) stays text.

use std::borrow::Cow;

use databake::Bake;
pub use database_protocol::{Engine, Privileges};
use serde::{Deserialize, Serialize};

/// Text that is constant in the compiled-in catalog and owned in one compiled at run time.
pub type Text = Cow<'static, str>;
/// A list that is constant in the compiled-in catalog and owned in one compiled at run time.
pub type List<T> = Cow<'static, [T]>;

/// A service offering, compiled from one template.
#[derive(Bake, Clone, Serialize, Deserialize, Debug, PartialEq)]
#[databake(path = catalog::model)]
pub struct Offering {
    /// Name of the service, unique in the catalog. The folder below `templates/` has the same name.
    pub name: Text,
    /// Description of the service, at most 255 characters: the template's `Description`.
    pub description: Text,
    /// Tags of the service in the catalog, as the template lists them.
    pub tags: List<Text>,
    /// Service metadata of OSBAPI's profile: a JSON object.
    pub metadata: Text,
    /// SemVer version of the template: `maintenance_info.version` of every plan. None if the
    /// template has no SemVer version.
    pub version: Option<Text>,
    /// Effect of an upgrade to this version, for the user: `maintenance_info.description`.
    pub version_description: Option<Text>,
    /// Plans of the service, at least one.
    pub plans: List<Plan>,
    /// Default values of the template's parameters. A parameter without a default is absent.
    pub parameter_defaults: List<StackParameter>,
    /// Names of the parameters that an existing instance can change.
    pub updatable_parameters: List<Text>,
    /// Names of the updatable numbers that can only grow.
    pub growing: List<Text>,
    /// Parameters that name another instance of the same service and space.
    pub instance_references: List<InstanceReference>,
    /// Parameters that name a resource with the tag of the instance's space.
    pub tagged_resources: List<TaggedResource>,
    /// Number of resources in the template. Conditions may leave some of them out of a stack.
    pub resource_count: usize,
    /// The template's text as CloudFormation receives it.
    pub template_body: Text,
    /// Stack policy: JSON that keeps updates from replacing or deleting resources with data.
    pub stack_policy: Text,
    /// Constraints of some parameters, in the author's words.
    pub constraints: List<Constraint>,
    /// Rules that reject combinations of parameters.
    pub rules: List<Rule>,
    /// Names of the parameters with `NoEcho`.
    pub secret_parameters: List<Text>,
    /// Names of the outputs that the author wrote as references to secrets. No other output is one,
    /// even if a user's value looks like a reference.
    pub secret_outputs: List<Text>,
    /// Settings by which the operator consents to values that users name.
    pub settings: List<Setting>,
    /// Credentials, endpoints and permissions of bindings.
    pub bindings: Bindings,
}

/// A parameter that names another instance of the same service and space.
#[derive(Bake, Clone, Serialize, Deserialize, Debug, PartialEq)]
#[databake(path = catalog::model)]
pub struct InstanceReference {
    /// Name of the parameter. Users send the instance's id.
    pub parameter: Text,
    /// Output of that instance's stack, which takes the id's place in the new stack.
    pub output: Text,
}

/// A parameter that names a resource which must have the tag of the instance's space: its owner's
/// consent.
#[derive(Bake, Clone, Serialize, Deserialize, Debug, PartialEq)]
#[databake(path = catalog::model)]
pub struct TaggedResource {
    /// Name of the parameter.
    pub parameter: Text,
    /// ARN of the resource: text with `${parameter}` and references such as `${AWS::Region}`.
    pub arn: Text,
}

/// A setting of the operator: entries that values of parameters must match. A user gets no right to
/// an existing resource by naming it.
#[derive(Bake, Clone, Serialize, Deserialize, Debug, PartialEq)]
#[databake(path = catalog::model)]
pub struct Setting {
    /// Name of the parameter in the broker's stack. Services may share a setting.
    pub name: Text,
    /// Parameters whose non-empty values must match an entry. Empty if only IAM checks the entries.
    pub parameters: List<Text>,
    /// Plans that need an entry. Without one they are unusable and not offered.
    pub plans: List<Text>,
    /// Pattern of a value that contains an entry: text with the reference `${name}`, in which `*`
    /// matches anything.
    pub form: Text,
    /// Regular expression of one character that a `*` in an entry matches.
    pub wildcard: Text,
}

/// A service plan: the template with some parameters fixed.
#[derive(Bake, Clone, Serialize, Deserialize, Debug, PartialEq)]
#[databake(path = catalog::model)]
pub struct Plan {
    /// Name of the plan, unique in the offering.
    pub name: Text,
    /// Description of the plan, at most 255 characters.
    pub description: Text,
    /// Plan metadata of OSBAPI's profile: a JSON object.
    pub metadata: Text,
    /// Stack parameters that the plan fixes or defaults. A user's value overrides a default.
    pub parameters: List<StackParameter>,
    /// True if an instance of this plan can change to another plan.
    pub plan_updateable: bool,
    /// Longest expected duration of a creation, in seconds.
    pub longest_creation: u32,
    /// `maximum_polling_duration`: the time for which platforms poll an operation, in seconds.
    pub maximum_polling_duration: u32,
    /// JSON Schema of a provision request's `parameters`.
    pub create_schema: Text,
    /// JSON Schema of an update request's `parameters`.
    pub update_schema: Text,
    /// JSON Schema of the parameters that only the operator can set.
    pub operator_schema: Text,
}

/// A value of a stack parameter that a plan or the template sets.
#[derive(Bake, Clone, Serialize, Deserialize, Debug, PartialEq)]
#[databake(path = catalog::model)]
pub struct StackParameter {
    /// Name of the template's parameter.
    pub name: Text,
    /// The value in the form that CloudFormation takes.
    pub value: Text,
}

/// A constraint of a parameter in words: its `ConstraintDescription`.
#[derive(Bake, Clone, Serialize, Deserialize, Debug, PartialEq)]
#[databake(path = catalog::model)]
pub struct Constraint {
    /// Name of the parameter.
    pub parameter: Text,
    /// The constraint. Most begin with "must", because CloudFormation appends them to the
    /// parameter's name.
    pub description: Text,
}

/// A rule of the template: assertions about parameters that must hold if its conditions do.
#[derive(Bake, Clone, Serialize, Deserialize, Debug, PartialEq)]
#[databake(path = catalog::model)]
pub struct Rule {
    /// Conditions that must all hold for the assertions to apply. Without conditions they always
    /// do.
    pub conditions: List<Condition>,
    /// Assertions of the rule, at least one.
    pub assertions: List<Assertion>,
}

/// A requirement on the parameters, with a message for the user.
#[derive(Bake, Clone, Serialize, Deserialize, Debug, PartialEq)]
#[databake(path = catalog::model)]
pub struct Assertion {
    /// The condition that must hold.
    pub holds: Condition,
    /// The message for the user if the condition does not hold.
    pub description: Text,
}

/// A condition on parameters, from the template's `Rules` or the specification's own rules.
#[derive(Bake, Clone, Serialize, Deserialize, Debug, PartialEq)]
#[databake(path = catalog::model)]
pub enum Condition {
    /// `Fn::And`: all conditions hold.
    AllOf(List<Condition>),
    /// `Fn::Or`: at least one condition holds.
    AnyOf(List<Condition>),
    /// `Fn::Not`, with one condition: it does not hold.
    NoneOf(List<Condition>),
    /// `Fn::Equals`: both operands have the same value.
    Equals(Operand, Operand),
    /// `Fn::Contains`: the list contains the text.
    Contains(Operand, Operand),
    /// `Fn::EachMemberEquals`: every entry of the list equals the text.
    EachMemberEquals(Operand, Operand),
    /// `Fn::EachMemberIn`: every entry of the first list is in the second.
    EachMemberIn(Operand, Operand),
    /// `Ascending` of the specification: each number is greater than the one before.
    Ascending {
        /// The numbers to compare, at least two.
        values: List<Operand>,
        /// A number that means "none", such as 0. It is skipped wherever it occurs.
        without: Option<Text>,
    },
    /// `MaxItems` of an entry of `Lists`: the list has at most this number of non-empty values.
    AtMost(Operand, usize),
    /// `UniqueItems` of an entry of `Lists`: no non-empty value occurs twice.
    Distinct(Operand),
    /// `AllowedPattern` of an entry of `Matching`: every non-empty value contains a match of the
    /// regular expression.
    EachMatches(Operand, Text),
    /// `ForbiddenPattern` of an entry of `Matching`: no non-empty value contains a match of the
    /// regular expression.
    NoneMatches(Operand, Text),
    /// `Subdomains` of the specification: the domain is below the domains of all parents. A parent
    /// is a domain name or an e-mail address. Empty values are ignored.
    Subdomain(Operand, Operand),
    /// `Senders` of the specification: the sender is an address of the SES identity. The condition
    /// also holds if one of the two is empty.
    Sender(Operand, Operand),
}

/// A value in a condition.
#[derive(Bake, Clone, Serialize, Deserialize, Debug, PartialEq)]
#[databake(path = catalog::model)]
pub enum Operand {
    /// A constant text.
    Text(Text),
    /// `Ref` of a parameter with one value.
    Parameter(Text),
    /// `Ref` of a list parameter, or of a text parameter with comma-separated entries.
    ListParameter(Text),
    /// Operands whose values are concatenated.
    List(List<Operand>),
}

/// The bindings of an offering: credentials, endpoints and permissions.
#[derive(Bake, Clone, Serialize, Deserialize, Debug, PartialEq)]
#[databake(path = catalog::model)]
pub struct Bindings {
    /// Keys and values that the application receives.
    pub credentials: List<Credential>,
    /// Hosts that the application connects to. Empty if the author lists none.
    pub endpoints: List<Endpoint>,
    /// Permissions of the binding's own identity, by scope. Empty if bindings have no identity.
    pub scopes: List<Scope>,
    /// Index into `scopes` of the scope for bindings that name none. 0 if there are no scopes.
    pub default_scope: usize,
    /// The database in which bindings have a user of their own. None if the service is none.
    pub database: Option<Database>,
    /// True if a Lambda function of the stack creates the credentials. The output
    /// [`FUNCTION_OUTPUT`] names the function.
    pub via_function: bool,
    /// JSON Schema of a bind request's `parameters`.
    pub create_schema: Text,
    /// Constraints of some of these parameters, in words.
    pub constraints: List<Constraint>,
}

/// Output that names the Lambda function of a template with `BindViaLambda`.
pub const FUNCTION_OUTPUT: &str = "BindLambda";

/// One key of a binding's credentials, with its value.
#[derive(Bake, Clone, Serialize, Deserialize, Debug, PartialEq)]
#[databake(path = catalog::model)]
pub struct Credential {
    /// The key that the application sees.
    pub key: Text,
    /// The value: text with `${…}` references.
    pub value: Text,
}

impl Credential {
    /// Returns the output's name if the value is a reference to one output and nothing else.
    pub fn output(&self) -> Option<&str> {
        let name = self.value.strip_prefix("${")?.strip_suffix('}')?;
        name.chars()
            .all(|c| c.is_ascii_alphanumeric())
            .then_some(name)
    }
}

/// A host that an application connects to.
#[derive(Bake, Clone, Serialize, Deserialize, Debug, PartialEq)]
#[databake(path = catalog::model)]
pub struct Endpoint {
    /// Name of the host: text with `${…}` references.
    pub host: Text,
    /// Port numbers, ranges of ports, or texts with `${…}` references that stand for them; at least
    /// one.
    pub ports: List<Text>,
    /// Protocol: `tcp`, `udp` or `all`.
    pub protocol: Text,
}

/// A set of permissions that a bind request can choose for the binding's identity.
#[derive(Bake, Clone, Serialize, Deserialize, Debug, PartialEq)]
#[databake(path = catalog::model)]
pub struct Scope {
    /// Name of the scope, as in a bind request's parameter `Scope`.
    pub name: Text,
    /// IAM statements: a JSON array with `${…}` references in its strings.
    pub statements: Text,
    /// The database user that bindings of the scope get. None if they get none.
    pub database_user: Option<DatabaseUser>,
}

/// The database of an instance. Its texts have `${…}` references to outputs.
#[derive(Bake, Clone, Serialize, Deserialize, Debug, PartialEq)]
#[databake(path = catalog::model)]
pub struct Database {
    /// Kind of server.
    pub engine: Engine,
    /// Host name of the writer.
    pub host: Text,
    /// TCP port.
    pub port: Text,
    /// Name of the database.
    pub name: Text,
    /// ARN of the secret with the master user's login.
    pub master_secret: Text,
}

/// The parameter of every database template with the security groups that are attached to the
/// database. The operator sets it.
pub const SECURITY_GROUP_IDS: &str = "SecurityGroupIds";

/// The parameter of every database template with the subnets of the database. The operator sets it.
pub const SUBNET_IDS: &str = "SubnetIds";

/// The database user that bindings of a scope get.
#[derive(Bake, Clone, Copy, Serialize, Deserialize, Debug, PartialEq)]
#[databake(path = catalog::model)]
pub struct DatabaseUser {
    /// The privileges in the database.
    pub privileges: Privileges,
    /// True if the user proves with IAM who it is, and has no password.
    pub by_iam: bool,
}

impl Offering {
    /// True if an existing instance can change the parameter.
    pub fn is_updatable(&self, parameter: &str) -> bool {
        self.updatable_parameters
            .iter()
            .any(|name| name == parameter)
    }
}
