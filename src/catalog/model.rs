//! What one template offers: everything that the broker needs of it at run time, as constant data.
//!
//! The build script bakes these types into the binary, so that a cold start parses no template.
//! JSON that the broker only hands on (metadata, schemas) is kept as its text.

use std::borrow::Cow;

use databake::Bake;

/// Text that is constant in the compiled-in catalog and owned in one compiled at run time.
pub type Text = Cow<'static, str>;
/// A list that is constant in the compiled-in catalog and owned in one compiled at run time.
pub type List<T> = Cow<'static, [T]>;

/// A service offering: one template.
#[derive(Bake, Clone, Debug, PartialEq)]
#[databake(path = aws_service_broker::catalog::model)]
pub struct Offering {
    /// Unique in the catalog; the folder below `templates/` has the same name.
    pub name: Text,
    /// The template's `Description`.
    pub description: Text,
    /// Words to search for.
    pub tags: List<Text>,
    /// Service metadata as OSBAPI's profile names it: a JSON object.
    pub metadata: Text,
    /// The template's SemVer version, if it has one: `maintenance_info.version` of every plan.
    pub version: Option<Text>,
    /// What an upgrade to this version does, for the user.
    pub version_description: Option<Text>,
    /// At least one.
    pub plans: List<Plan>,
    /// What the template's parameters are where nobody gives a value.
    pub parameter_defaults: List<StackParameter>,
    /// Names of the parameters that an existing instance can change.
    pub updatable_parameters: List<Text>,
    /// How many resources the template has; conditions may leave some of them out of a stack.
    pub resource_count: usize,
    /// The template as CloudFormation gets it.
    pub template_body: Text,
    /// The author's words for what some parameters must be.
    pub constraints: List<Constraint>,
    /// Combinations of parameters that the template excludes.
    pub rules: List<Rule>,
    /// Names of the parameters that are declared `NoEcho`.
    pub secret_parameters: List<Text>,
    /// Names of the outputs that the author has written as references to where a secret is kept.
    /// Nothing else is taken for one, whatever a user makes an output's value be.
    pub secret_outputs: List<Text>,
    /// What users name only with the operator's consent.
    pub settings: List<Setting>,
    /// What a binding is made of.
    pub bindings: Bindings,
}

/// A setting of the operator's: entries that values of parameters have to fit. Naming a thing that
/// the instance did not create gives no right to it.
#[derive(Bake, Clone, Debug, PartialEq)]
#[databake(path = aws_service_broker::catalog::model)]
pub struct Setting {
    /// The parameter of the broker's stack; services may share one.
    pub name: Text,
    /// The parameters whose values, unless they are empty, have to fit an entry. None where IAM
    /// alone checks it.
    pub parameters: List<Text>,
    /// Plans that cannot be used, and so are not offered, while there is no entry.
    pub plans: List<Text>,
    /// The form in which a value has an entry: text with the reference `${name}` and with `*` for
    /// anything.
    pub form: Text,
    /// Regular expression of one character that a `*` in an entry stands for.
    pub wildcard: Text,
}

/// A service plan: a template with some parameters fixed.
#[derive(Bake, Clone, Debug, PartialEq)]
#[databake(path = aws_service_broker::catalog::model)]
pub struct Plan {
    /// Unique in the offering.
    pub name: Text,
    /// One sentence.
    pub description: Text,
    /// Plan metadata as OSBAPI's profile names it: a JSON object.
    pub metadata: Text,
    /// Stack parameters that the plan fixes or defaults; those of the user go over the defaults.
    pub parameters: List<StackParameter>,
    /// Whether an instance of this plan can change to another one.
    pub plan_updateable: bool,
    /// What `parameters` of a provision request may hold: a JSON Schema.
    pub create_schema: Text,
    /// What `parameters` of an update request may hold: a JSON Schema.
    pub update_schema: Text,
}

/// The value of a stack parameter, where a plan or the template gives one.
#[derive(Bake, Clone, Debug, PartialEq)]
#[databake(path = aws_service_broker::catalog::model)]
pub struct StackParameter {
    /// The parameter of the template.
    pub name: Text,
    /// Its value as CloudFormation takes it.
    pub value: Text,
}

/// The `ConstraintDescription` of a parameter.
#[derive(Bake, Clone, Debug, PartialEq)]
#[databake(path = aws_service_broker::catalog::model)]
pub struct Constraint {
    /// The parameter of the template.
    pub parameter: Text,
    /// Most begin with "must", as CloudFormation puts them behind the parameter's name.
    pub description: Text,
}

/// A rule of the template: assertions about parameters that hold whenever its condition does.
#[derive(Bake, Clone, Debug, PartialEq)]
#[databake(path = aws_service_broker::catalog::model)]
pub struct Rule {
    /// All of these must hold for the assertions to count; none: they always count.
    pub conditions: List<Condition>,
    /// At least one.
    pub assertions: List<Assertion>,
}

/// What must hold of the parameters.
#[derive(Bake, Clone, Debug, PartialEq)]
#[databake(path = aws_service_broker::catalog::model)]
pub struct Assertion {
    /// The assertion itself.
    pub holds: Condition,
    /// The refusal's text, for the user.
    pub description: Text,
}

/// A condition on parameters, as CloudFormation's functions for rules make one.
#[derive(Bake, Clone, Debug, PartialEq)]
#[databake(path = aws_service_broker::catalog::model)]
pub enum Condition {
    /// `Fn::And`.
    AllOf(List<Condition>),
    /// `Fn::Or`.
    AnyOf(List<Condition>),
    /// `Fn::Not`, of one.
    NoneOf(List<Condition>),
    /// `Fn::Equals`.
    Equals(Operand, Operand),
    /// `Fn::Contains`: the list has the text.
    Contains(Operand, Operand),
    /// `Fn::EachMemberEquals`: the list has nothing but the text.
    EachMemberEquals(Operand, Operand),
    /// `Fn::EachMemberIn`: the first list has nothing that the second has not.
    EachMemberIn(Operand, Operand),
    /// `Ascending` of the specification: the numbers grow from each to the next.
    Ascending {
        /// The numbers, at least two.
        values: List<Operand>,
        /// A number that stands for none, and is left out wherever it occurs.
        without: Option<Text>,
    },
    /// `MaxItems` of an entry of `Lists`: the list has at most so many values that are not empty.
    AtMost(Operand, usize),
    /// `UniqueItems` of an entry of `Lists`: no value that is not empty is in the list twice.
    Distinct(Operand),
    /// `AllowedPattern` of an entry of `Matching`: the regular expression is found in every value
    /// that is not empty.
    EachMatches(Operand, Text),
    /// `ForbiddenPattern` of an entry of `Matching`: the regular expression is found in no value
    /// that is not empty.
    NoneMatches(Operand, Text),
    /// `Subdomains` of the specification: the domain, unless it is empty, lies below the domain of
    /// every value that is not empty: a domain name, or an e-mail address.
    Subdomain(Operand, Operand),
    /// `Senders` of the specification: the sender, unless one of the two is empty, is an address of
    /// the SES identity.
    Sender(Operand, Operand),
}

/// A value in a condition.
#[derive(Bake, Clone, Debug, PartialEq)]
#[databake(path = aws_service_broker::catalog::model)]
pub enum Operand {
    /// A constant.
    Text(Text),
    /// `Ref` of a parameter with one value.
    Parameter(Text),
    /// `Ref` of a parameter that is a list, or a text that is one with commas.
    ListParameter(Text),
    /// Values one after the other.
    List(List<Operand>),
}

/// What a binding gets.
#[derive(Bake, Clone, Debug, PartialEq)]
#[databake(path = aws_service_broker::catalog::model)]
pub struct Bindings {
    /// What the application sees.
    pub credentials: List<Credential>,
    /// Every host that the application connects to; empty where the author does not say.
    pub endpoints: List<Endpoint>,
    /// What the binding's own identity may do, by scope. None: the binding has no identity.
    pub scopes: List<Scope>,
    /// The scope of a binding that names none: an index into `scopes`, or 0 where there are none.
    pub default_scope: usize,
    /// Whether a Lambda function of the stack, which its output [`FUNCTION_OUTPUT`] names, makes
    /// the credentials.
    pub via_function: bool,
    /// What `parameters` of a bind request may hold: a JSON Schema.
    pub create_schema: Text,
    /// What some of them must be, in words.
    pub constraints: List<Constraint>,
}

/// The output that names the function of a template with `BindViaLambda`.
pub const FUNCTION_OUTPUT: &str = "BindLambda";

/// One key of a binding's credentials.
#[derive(Bake, Clone, Debug, PartialEq)]
#[databake(path = aws_service_broker::catalog::model)]
pub struct Credential {
    /// As the application sees it.
    pub key: Text,
    /// Text with `${…}` references.
    pub value: Text,
}

impl Credential {
    /// The output that this is and nothing else, if it is one.
    pub fn output(&self) -> Option<&str> {
        let name = self.value.strip_prefix("${")?.strip_suffix('}')?;
        name.chars()
            .all(|c| c.is_ascii_alphanumeric())
            .then_some(name)
    }
}

/// A host that an application connects to.
#[derive(Bake, Clone, Debug, PartialEq)]
#[databake(path = aws_service_broker::catalog::model)]
pub struct Endpoint {
    /// Text with `${…}` references.
    pub host: Text,
    /// Numbers, ranges, or texts with `${…}` references that stand for them; at least one.
    pub ports: List<Text>,
    /// `tcp`, `udp` or `all`.
    pub protocol: Text,
}

/// A choice of what a binding's identity may do.
#[derive(Bake, Clone, Debug, PartialEq)]
#[databake(path = aws_service_broker::catalog::model)]
pub struct Scope {
    /// What a bind request's parameter `Scope` names.
    pub name: Text,
    /// IAM statements, a JSON array with `${…}` references in its strings.
    pub statements: Text,
}

impl Offering {
    /// Whether an existing instance can change the parameter.
    pub fn is_updatable(&self, parameter: &str) -> bool {
        self.updatable_parameters
            .iter()
            .any(|name| name == parameter)
    }
}
