//! Typed document of a CloudFormation template: the parts that the compiler reads.

use database_protocol::{Engine, Privileges};
use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_saphyr::Spanned;

/// A map in the author's order, in which platforms show parameters and plans.
type Named<T> = IndexMap<String, T>;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Template {
    pub description: Option<Spanned<String>>,
    pub metadata: Metadata,
    #[serde(default)]
    pub parameters: Named<Spanned<Parameter>>,
    #[serde(default)]
    pub resources: Named<Value>,
    #[serde(default)]
    pub outputs: Named<Value>,
}

#[derive(Deserialize)]
pub struct Metadata {
    #[serde(rename = "AWS::ServiceBroker::Specification")]
    pub specification: Spanned<Specification>,
    #[serde(rename = "AWS::CloudFormation::Interface", default)]
    pub interface: Interface,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Interface {
    #[serde(default)]
    pub parameter_labels: Named<Label>,
}

#[derive(Deserialize)]
pub struct Label {
    pub default: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Specification {
    pub version: Option<Value>,
    pub name: Spanned<String>,
    pub display_name: Option<String>,
    pub long_description: Option<String>,
    pub image_url: Option<String>,
    pub documentation_url: Option<String>,
    pub support_url: Option<String>,
    pub provider_display_name: Option<String>,
    #[serde(default)]
    pub tags: Vec<String>,
    pub service_plans: Named<Spanned<ServicePlan>>,
    pub version_description: Option<Spanned<String>>,
    #[serde(default)]
    pub plan_updateable: bool,
    pub longest_creation: Option<Spanned<u32>>,
    pub maximum_polling_duration: Option<Spanned<u32>>,
    #[serde(default)]
    pub updatable_parameters: Vec<Spanned<String>>,
    #[serde(default)]
    pub operator_parameters: Vec<Spanned<String>>,
    #[serde(default)]
    pub growing: Vec<Spanned<String>>,
    #[serde(default)]
    pub same_space: Vec<Spanned<SameSpace>>,
    #[serde(default)]
    pub tagged_by_space: Vec<Spanned<TaggedBySpace>>,
    pub end_of_support: Option<Spanned<EndOfSupport>>,
    #[serde(default)]
    pub outputs_as_is: bool,
    #[serde(default)]
    pub cloud_foundry: bool,
    #[serde(default)]
    pub bind_via_lambda: bool,
    #[serde(default)]
    pub settings: Named<Spanned<Setting>>,
    #[serde(default)]
    pub deploy_policy: Vec<Spanned<Statement>>,
    #[serde(default)]
    pub bindings: Bindings,
}

/// A parameter that names another instance of the space.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct SameSpace {
    pub parameter: String,
    pub output: String,
}

/// A parameter that names a resource with the tag of the space.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct TaggedBySpace {
    pub parameter: String,
    pub arn: String,
}

/// The ends of standard support of a parameter's values.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct EndOfSupport {
    pub parameter: String,
    /// Dates as YYYY-MM-DD, by value. A value covers those that continue it after a dot.
    pub dates: Named<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct Setting {
    pub description: String,
    pub entry_pattern: String,
    #[serde(default)]
    pub parameters: Vec<String>,
    #[serde(default)]
    pub plans: Vec<String>,
    pub form: Option<String>,
    pub wildcard: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ServicePlan {
    pub display_name: Option<String>,
    pub description: Option<String>,
    pub long_description: Option<String>,
    #[serde(default)]
    pub bullets: Vec<String>,
    pub cost: Option<String>,
    pub costs: Option<Vec<Cost>>,
    pub plan_updateable: Option<bool>,
    pub longest_creation: Option<Spanned<u32>>,
    pub maximum_polling_duration: Option<Spanned<u32>>,
    #[serde(default)]
    pub parameter_values: Named<Spanned<Value>>,
    #[serde(default)]
    pub parameter_defaults: Named<Spanned<Value>>,
}

/// A Cost Object of OSBAPI's profile.
#[derive(Serialize, Deserialize)]
pub struct Cost {
    /// Amounts by currency code.
    #[serde(alias = "Amount")]
    pub amount: Named<f64>,
    #[serde(alias = "Unit")]
    pub unit: String,
}

/// The specification's `Bindings`. Keys of the archived broker's format (`IAM`, …) are ignored.
#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Bindings {
    pub default_scope: Option<Spanned<String>>,
    #[serde(default)]
    pub policies: Named<Spanned<Vec<Value>>>,
    #[serde(default)]
    pub boundary: Vec<Spanned<Statement>>,
    pub credentials: Option<Named<Spanned<String>>>,
    #[serde(default)]
    pub endpoints: Vec<Spanned<Endpoint>>,
    pub database: Option<Spanned<Database>>,
}

/// The database in which bindings have a user of their own.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct Database {
    pub engine: Engine,
    pub host: String,
    pub port: String,
    pub name: String,
    pub master_secret: String,
    /// The users, by scope.
    pub users: Named<Spanned<DatabaseUser>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct DatabaseUser {
    pub privileges: Privileges,
    #[serde(default)]
    pub authentication: Authentication,
}

#[derive(Clone, Copy, Default, Deserialize, PartialEq)]
pub enum Authentication {
    #[default]
    Password,
    Iam,
}

/// An IAM statement for a policy of the broker's own stack.
#[derive(Clone, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct Statement {
    pub effect: Effect,
    pub action: OneOrMany,
    pub resource: OneOrMany,
    pub condition: Option<Value>,
}

/// Effect of a statement in the policy of a role or a boundary. These policies never deny: they
/// leave actions out.
#[derive(Clone, Copy, Deserialize)]
pub enum Effect {
    Allow,
}

#[derive(Clone, Deserialize)]
#[serde(untagged)]
pub enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct Endpoint {
    pub host: String,
    pub ports: Vec<Value>,
    #[serde(default)]
    pub protocol: Protocol,
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Protocol {
    #[default]
    Tcp,
    Udp,
    All,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Parameter {
    #[serde(rename = "Type")]
    pub kind: String,
    pub default: Option<Value>,
    pub description: Option<String>,
    pub allowed_values: Option<Vec<Value>>,
    pub allowed_pattern: Option<String>,
    pub constraint_description: Option<String>,
    pub min_length: Option<Value>,
    pub max_length: Option<Value>,
    pub min_value: Option<Value>,
    pub max_value: Option<Value>,
    #[serde(default)]
    pub no_echo: Flag,
}

impl From<OneOrMany> for Vec<String> {
    fn from(texts: OneOrMany) -> Self {
        match texts {
            OneOrMany::One(text) => vec![text],
            OneOrMany::Many(texts) => texts,
        }
    }
}

/// A boolean, or its text, as CloudFormation accepts them.
#[derive(Default, Deserialize)]
#[serde(untagged)]
pub enum Flag {
    #[default]
    Unset,
    Boolean(bool),
    Text(String),
}

impl Flag {
    pub fn is_set(&self) -> bool {
        match self {
            Self::Unset => false,
            Self::Boolean(flag) => *flag,
            Self::Text(text) => text.eq_ignore_ascii_case("true"),
        }
    }
}
