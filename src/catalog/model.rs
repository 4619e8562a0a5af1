//! What one template offers: everything that the broker needs of it at run time, as constant data.
//!
//! The build script bakes these types into the binary, so that a cold start parses no template. JSON that the broker
//! only hands on (metadata, schemas) is kept as its text.

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
    /// At least one.
    pub plans: List<Plan>,
    /// The template as CloudFormation gets it.
    pub template_body: Text,
    /// Names of the parameters that are declared `NoEcho`.
    pub secret_parameters: List<Text>,
    /// What a binding is made of.
    pub bindings: Bindings,
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
    pub parameters: List<PlanParameter>,
    /// What `parameters` of a provision request may hold: a JSON Schema.
    pub create_schema: Text,
}

/// The value that a plan gives to a stack parameter.
#[derive(Bake, Clone, Debug, PartialEq)]
#[databake(path = aws_service_broker::catalog::model)]
pub struct PlanParameter {
    /// The parameter of the template.
    pub name: Text,
    /// Its value as CloudFormation takes it.
    pub value: Text,
}

/// What a binding gets.
#[derive(Bake, Clone, Debug, PartialEq)]
#[databake(path = aws_service_broker::catalog::model)]
pub struct Bindings {
    /// What the application sees.
    pub credentials: List<Credential>,
    /// What the binding's own identity may do, by scope. None: the binding has no identity.
    pub scopes: List<Scope>,
    /// The scope of a binding that names none: an index into `scopes`, or 0 where there are none.
    pub default_scope: usize,
    /// What `parameters` of a bind request may hold: a JSON Schema.
    pub create_schema: Text,
}

/// One key of a binding's credentials.
#[derive(Bake, Clone, Debug, PartialEq)]
#[databake(path = aws_service_broker::catalog::model)]
pub struct Credential {
    /// As the application sees it.
    pub key: Text,
    /// Text with `${…}` references.
    pub value: Text,
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
