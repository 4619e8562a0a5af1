//! Compiler from `templates/` to the catalog. It runs in the build script, so a template with a
//! mistake never gets into a binary.

mod database;
mod document;
mod durations;
mod end_of_support;
mod expression;
mod keys;
pub mod longest;
mod node;
mod ownership;
mod permissions;
mod policy_length;
mod rules;
mod schema;
mod settings;
mod stack_policy;
mod template_body;

use std::{fmt, fs, io, path::Path};

use indexmap::IndexMap;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};
use serde_saphyr::Spanned;

use self::{
    document::{Protocol, ServicePlan, Specification, Template},
    node::Node,
};
pub use self::{
    durations::LONGEST_POLLING,
    end_of_support::EndOfSupport,
    permissions::{Permissions, Statement},
    settings::OperatorSetting,
};
use crate::{
    bind_parameters,
    model::{
        Bindings, Constraint, Credential, Endpoint, FUNCTION_OUTPUT, List, Offering, Plan, Scope,
        StackParameter, Text,
    },
    reference::{self, Reference},
    spelling::{self, screaming_snake_case},
};

/// Name of the template file in the folder of each service.
pub const TEMPLATE_FILE: &str = "template.yaml";

/// OSBAPI's limit of a schema, in bytes: 64 kB (Input Parameters Schema Object).
const MAX_SCHEMA_BYTES: usize = 65_536;
/// Maximum length of the name of an offering or plan in Service Catalog on Kubernetes, in
/// characters.
const MAX_NAME_LENGTH: usize = 63;
/// Maximum length of a string that OSBAPI recommends, in characters (Catalog Management).
const MAX_DESCRIPTION_LENGTH: usize = 255;

/// Credentials key of the ARN of a binding's role: an environment variable of SDKs. They read it if
/// there is also a web identity token.
/// <https://docs.aws.amazon.com/eks/latest/userguide/iam-roles-for-service-accounts-minimum-sdk.html>
const ROLE_ARN_KEY: &str = "AWS_ROLE_ARN";
/// Credentials keys of a binding's access key and Region: the environment variables that SDKs read.
/// The SDK for Python, and so the AWS CLI, reads `AWS_DEFAULT_REGION`. All others read
/// `AWS_REGION`.
/// <https://docs.aws.amazon.com/sdkref/latest/guide/feature-region.html>
const SDK_CREDENTIALS: [(&str, Reference); 4] = [
    ("AWS_REGION", Reference::Region),
    ("AWS_DEFAULT_REGION", Reference::Region),
    ("AWS_ACCESS_KEY_ID", Reference::AccessKeyId),
    ("AWS_SECRET_ACCESS_KEY", Reference::SecretAccessKey),
];
/// Prefixes of outputs that refer to a secret: in Parameter Store, in Secrets Manager, or of an app
/// client of Cognito.
const SECRET_PREFIXES: [&str; 3] = ["ssm:", "secretsmanager:", "cognito:"];

/// Error that keeps a template out of the catalog.
#[derive(Debug, thiserror::Error)]
#[error("{file}:{line}: {reason}")]
pub struct TemplateError {
    /// Path of the template, as given to the compiler.
    pub file: String,
    /// Line of the mistake, starting at 1. 0 if there is no line to name.
    pub line: u64,
    /// Description of the mistake, for the template's author.
    pub reason: String,
}

/// A mistake at a line of a template; [`compile`] adds the file.
struct Fault {
    line: u64,
    reason: String,
}

impl Fault {
    fn in_file(self, file: &str) -> TemplateError {
        TemplateError {
            file: file.into(),
            line: self.line,
            reason: self.reason,
        }
    }
}

type Checked<T> = Result<T, Fault>;

fn fault<T>(at: &Spanned<T>, reason: impl fmt::Display) -> Fault {
    Fault {
        line: at.referenced.line(),
        reason: reason.to_string(),
    }
}

/// Compiles every `<folder>/<service>/template.yaml`, ordered by service name.
///
/// # Errors
///
/// The first template that is not valid, or a folder that cannot be read.
pub fn compile_folder(folder: &Path) -> Result<Vec<Offering>, TemplateError> {
    let entries = fs::read_dir(folder).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let mut services: Vec<_> = entries.map_err(|error| unreadable(folder, &error))?;
    services.retain(|entry| entry.path().is_dir());
    services.sort_by_key(fs::DirEntry::file_name);

    services
        .into_iter()
        .map(|service| {
            let path = service.path().join(TEMPLATE_FILE);
            let text = fs::read_to_string(&path).map_err(|error| unreadable(&path, &error))?;
            let offering = compile(&path.display().to_string(), &text)?;
            if service.file_name().to_str() == Some(&offering.name) {
                return Ok(offering);
            }

            let reason = format!(
                "the name of the service, `{}`, must be the name of its folder",
                offering.name
            );
            Err(TemplateError {
                file: path.display().to_string(),
                line: 0,
                reason,
            })
        })
        .collect()
}

fn unreadable(path: &Path, error: &io::Error) -> TemplateError {
    TemplateError {
        file: path.display().to_string(),
        line: 0,
        reason: error.to_string(),
    }
}

/// Compiles one template. Errors refer to it by `file`.
///
/// # Errors
///
/// The first mistake, with its line.
pub fn compile(file: &str, text: &str) -> Result<Offering, TemplateError> {
    let (node, template) = parse(file, text)?;
    offering(&template, &node, text).map_err(|fault| fault.in_file(file))
}

/// The data that tools read from a template, including the broker's offering.
#[derive(Debug)]
pub struct Inspection {
    /// The offering, as the broker compiles it.
    pub offering: Offering,
    /// Permissions that the broker's own stack must grant for the template.
    pub permissions: Permissions,
    /// The operator's settings, as parameters of the broker's own stack.
    pub settings: Vec<OperatorSetting>,
    /// The ends of standard support of a parameter's values. None if the template has none.
    pub end_of_support: Option<EndOfSupport>,
    /// Descriptions of the outputs, by output name. Empty if an output has none.
    pub outputs: IndexMap<String, String>,
}

/// Compiles one template as [`compile`] does, and reads its data for tools.
///
/// # Errors
///
/// The first mistake, with its line. More is checked than in [`compile`]: statements in
/// `DeployPolicy` and `Bindings.Boundary` are complete, and the boundary allows the actions of all
/// scopes.
pub fn inspect(file: &str, text: &str) -> Result<Inspection, TemplateError> {
    let (node, template) = parse(file, text)?;
    let inspection = offering(&template, &node, text).and_then(|offering| {
        Ok(Inspection {
            offering,
            permissions: permissions::permissions(&template.metadata.specification.value)?,
            settings: settings::operator_settings(&template.metadata.specification.value),
            end_of_support: end_of_support::end_of_support(&template)?,
            outputs: template
                .outputs
                .iter()
                .map(|(name, output)| (name.clone(), description(output).to_owned()))
                .collect(),
        })
    });

    inspection.map_err(|fault| fault.in_file(file))
}

fn description(output: &Value) -> &str {
    output["Description"].as_str().unwrap_or_default()
}

/// Reads the template twice: as nodes, and as the typed document. Keys are checked in between, so
/// that a misspelt key is not reported as a missing one.
fn parse(file: &str, text: &str) -> Result<(Node, Template), TemplateError> {
    let node: Node = from_yaml(file, text)?;
    keys::check(&node).map_err(|fault| fault.in_file(file))?;
    Ok((node, from_yaml(file, text)?))
}

fn from_yaml<T: DeserializeOwned>(file: &str, text: &str) -> Result<T, TemplateError> {
    let options = serde_saphyr::options! { strict_booleans: true, with_snippet: false };
    serde_saphyr::from_str_with_options(text, options).map_err(|error| TemplateError {
        file: file.into(),
        line: error.location().map_or(0, |location| location.line()),
        reason: error.to_string(),
    })
}

fn offering(template: &Template, node: &Node, text: &str) -> Checked<Offering> {
    let at = &template.metadata.specification;
    let specification = &at.value;
    check_name(&specification.name.value).map_err(|reason| fault(&specification.name, reason))?;
    let description = service_description(template)?;
    check_completeness(template)?;
    check_parameters(template)?;

    let offering = Offering {
        name: specification.name.value.clone().into(),
        description,
        tags: specification.tags.iter().cloned().map(Text::from).collect(),
        metadata: service_metadata(specification).to_string().into(),
        version: version(specification),
        version_description: version_description(specification)?,
        plans: plans(template)?,
        parameter_defaults: parameter_defaults(template)?,
        updatable_parameters: updatable_parameters(specification),
        growing: ownership::growing(template)?,
        instance_references: ownership::instance_references(template)?,
        tagged_resources: ownership::tagged_resources(template)?,
        resource_count: template.resources.len(),
        constraints: constraints(template),
        rules: rules::rules(template, node)?,
        template_body: template_body::template_body(text)
            .map_err(|reason| fault(at, reason))?
            .into(),
        stack_policy: stack_policy::stack_policy(template).map_err(|reason| fault(at, reason))?,
        secret_parameters: secret_parameters(template),
        secret_outputs: secret_outputs(template),
        settings: settings::settings(template)?,
        bindings: bindings(template)?,
    };

    policy_length::check(template, node)?;
    Ok(offering)
}

/// Returns the template's `Description`, which is also that of the service.
fn service_description(template: &Template) -> Checked<Text> {
    let description = template.description.as_ref().ok_or_else(|| {
        fault(
            &template.metadata.specification,
            "the template has no Description",
        )
    })?;
    check_description(&description.value).map_err(|reason| fault(description, reason))?;
    Ok(description.value.clone().into())
}

/// Checks that the template has resources and plans.
fn check_completeness(template: &Template) -> Checked<()> {
    let at = &template.metadata.specification;
    if template.resources.is_empty() {
        return Err(fault(at, "the template has no Resources"));
    }
    if at.value.service_plans.is_empty() {
        return Err(fault(at, "ServicePlans has no plan"));
    }
    Ok(())
}

/// Checks that every parameter has a schema, and that all parameters exist that the specification
/// lists as updatable or as the operator's.
fn check_parameters(template: &Template) -> Checked<()> {
    for (name, parameter) in &template.parameters {
        schema::property(&parameter.value, None, parameter.value.default.as_ref())
            .map_err(|reason| fault(parameter, format!("`{name}`: {reason}")))?;
    }
    for name in &template.metadata.specification.value.updatable_parameters {
        known_parameter(template, &name.value).map_err(|reason| fault(name, reason))?;
    }
    check_operator_parameters(template)
}

/// Checks that the operator's parameters exist and that none is secret: everybody who may read the
/// broker's table can read the operator's values.
fn check_operator_parameters(template: &Template) -> Checked<()> {
    for name in &template.metadata.specification.value.operator_parameters {
        let parameter =
            known_parameter(template, &name.value).map_err(|reason| fault(name, reason))?;
        if parameter.no_echo.is_set() {
            let reason = format!("`{}` is NoEcho, and OperatorParameters are not", name.value);
            return Err(fault(name, reason));
        }
    }
    Ok(())
}

/// Returns the plans, in the author's order.
fn plans(template: &Template) -> Checked<List<Plan>> {
    let plans = template.metadata.specification.value.service_plans.iter();
    plans
        .map(|(name, plan)| compile_plan(template, name, plan))
        .collect()
}

/// Returns the names of the parameters that an existing instance can change.
fn updatable_parameters(specification: &Specification) -> List<Text> {
    let names = specification.updatable_parameters.iter();
    names.map(|name| Text::from(name.value.clone())).collect()
}

/// Returns the names of the parameters with `NoEcho`.
fn secret_parameters(template: &Template) -> List<Text> {
    template
        .parameters
        .iter()
        .filter(|(_, parameter)| parameter.value.no_echo.is_set())
        .map(|(name, _)| Text::from(name.clone()))
        .collect()
}

/// Returns the names of the outputs that refer to secrets.
fn secret_outputs(template: &Template) -> List<Text> {
    template
        .outputs
        .iter()
        .filter(|(_, output)| is_secret(&output["Value"]))
        .map(|(name, _)| Text::from(name.clone()))
        .collect()
}

fn check_name(name: &str) -> Result<(), String> {
    if name.is_empty() || name.len() > MAX_NAME_LENGTH || !name.chars().all(is_cli_friendly) {
        return Err(format!(
            "`{name}` is not a name of 1 to {MAX_NAME_LENGTH} letters, digits, dots and hyphens"
        ));
    }
    Ok(())
}

fn is_cli_friendly(character: char) -> bool {
    character.is_ascii_alphanumeric() || matches!(character, '.' | '-')
}

fn check_description(description: &str) -> Result<(), String> {
    match description.chars().count() {
        0 => Err("a Description must not be empty".into()),
        1..=MAX_DESCRIPTION_LENGTH => Ok(()),
        length => Err(format!(
            "a Description has {length} characters; at most {MAX_DESCRIPTION_LENGTH} are allowed"
        )),
    }
}

fn known_parameter<'t>(
    template: &'t Template,
    name: &str,
) -> Result<&'t document::Parameter, String> {
    let parameter = template
        .parameters
        .get(name)
        .map(|parameter| &parameter.value);

    parameter.ok_or_else(|| {
        unknown(
            "the template has no parameter",
            name,
            template.parameters.keys(),
        )
    })
}

/// Returns the message that `name` is unknown, with the known name that is most like it.
fn unknown<'k>(what: &str, name: &str, known: impl Iterator<Item = &'k String>) -> String {
    match spelling::nearest(name, known.map(String::as_str)) {
        Some(meant) => format!("{what} `{name}`; did you mean `{meant}`?"),
        None => format!("{what} `{name}`"),
    }
}

/// True if the author wrote a reference to a secret: directly, or in a `Sub`, `Join` or `If`.
fn is_secret(value: &Value) -> bool {
    match value {
        Value::String(text) => SECRET_PREFIXES
            .iter()
            .any(|prefix| text.starts_with(prefix)),
        Value::Array(entries) => entries.iter().any(is_secret),
        Value::Object(fields) => fields.values().any(is_secret),
        _ => false,
    }
}

/// Returns the template's version if it is valid SemVer. A version such as `1.0` is that of the
/// published format, so it is ignored.
fn version(specification: &Specification) -> Option<Text> {
    let version = text(specification.version.as_ref()?).ok()?;
    semver::Version::parse(&version)
        .is_ok()
        .then(|| version.into())
}

fn parameter_defaults(template: &Template) -> Checked<List<StackParameter>> {
    let defaults = template.parameters.iter().filter_map(|(name, parameter)| {
        let value =
            text(parameter.value.default.as_ref()?).map_err(|reason| fault(parameter, reason));
        Some(value.map(|value| StackParameter {
            name: name.clone().into(),
            value: value.into(),
        }))
    });
    defaults.collect()
}

fn constraints(template: &Template) -> List<Constraint> {
    let described = template.parameters.iter().filter_map(|(name, parameter)| {
        let description = parameter.value.constraint_description.clone()?;
        Some(Constraint {
            parameter: name.clone().into(),
            description: description.into(),
        })
    });
    described.collect()
}

fn version_description(specification: &Specification) -> Checked<Option<Text>> {
    let Some(at) = &specification.version_description else {
        return Ok(None);
    };
    check_description(&at.value).map_err(|reason| fault(at, reason))?;
    Ok(Some(at.value.clone().into()))
}

fn service_metadata(specification: &Specification) -> Value {
    present([
        // Applications in other spaces can be bound too: a binding depends only on the instance.
        ("shareable", Some(true.into())),
        (
            "displayName",
            specification.display_name.clone().map(Value::from),
        ),
        (
            "longDescription",
            specification.long_description.clone().map(Value::from),
        ),
        ("imageUrl", specification.image_url.clone().map(Value::from)),
        (
            "providerDisplayName",
            specification.provider_display_name.clone().map(Value::from),
        ),
        (
            "documentationUrl",
            specification.documentation_url.clone().map(Value::from),
        ),
        (
            "supportUrl",
            specification.support_url.clone().map(Value::from),
        ),
    ])
}

fn plan_metadata(plan: &ServicePlan) -> Value {
    present([
        ("displayName", plan.display_name.clone().map(Value::from)),
        (
            "longDescription",
            plan.long_description.clone().map(Value::from),
        ),
        (
            "bullets",
            (!plan.bullets.is_empty()).then(|| json!(plan.bullets)),
        ),
        ("costs", plan.costs.as_ref().map(|costs| json!(costs))),
        ("cost", plan.cost.clone().map(Value::from)),
    ])
}

fn present<const N: usize>(fields: [(&str, Option<Value>); N]) -> Value {
    fields
        .into_iter()
        .filter_map(|(key, value)| Some((key.to_owned(), value?)))
        .collect()
}

fn compile_plan(template: &Template, name: &str, at: &Spanned<ServicePlan>) -> Checked<Plan> {
    let plan = &at.value;
    let specification = &template.metadata.specification.value;
    check_name(name).map_err(|reason| fault(at, reason))?;
    let description = plan_description(name, at)?;
    let parameters = plan_parameters(template, plan)?;
    let durations = durations::durations(specification, plan)?;

    let (of_operator, mut properties) = open_properties(template, plan)?
        .into_iter()
        .partition::<IndexMap<_, _>, _>(|(name, _)| is_of_operator(specification, name));
    let operator_schema =
        checked_schema(name, &schema::plan(&of_operator)).map_err(|reason| fault(at, reason))?;
    let create_schema =
        checked_schema(name, &schema::plan(&properties)).map_err(|reason| fault(at, reason))?;
    properties.retain(|name, _| {
        specification
            .updatable_parameters
            .iter()
            .any(|updatable| updatable.value == *name)
    });
    let update_schema =
        checked_schema(name, &schema::update(&properties)).map_err(|reason| fault(at, reason))?;

    Ok(Plan {
        name: name.to_owned().into(),
        description,
        metadata: plan_metadata(plan).to_string().into(),
        parameters,
        plan_updateable: plan
            .plan_updateable
            .unwrap_or(specification.plan_updateable),
        longest_creation: durations.longest_creation,
        maximum_polling_duration: durations.maximum_polling,
        create_schema: create_schema.into(),
        update_schema: update_schema.into(),
        operator_schema: operator_schema.into(),
    })
}

/// True if only the operator can set the parameter.
fn is_of_operator(specification: &Specification, parameter: &str) -> bool {
    let mut names = specification.operator_parameters.iter();
    names.any(|name| name.value == parameter)
}

/// Returns the plan's `Description`, or its `DisplayName` if there is none.
fn plan_description(name: &str, at: &Spanned<ServicePlan>) -> Checked<Text> {
    let plan = &at.value;
    let description = plan.description.as_ref().or(plan.display_name.as_ref());
    let description =
        description.ok_or_else(|| fault(at, format!("plan `{name}` has no Description")))?;
    check_description(description).map_err(|reason| fault(at, reason))?;
    Ok(description.clone().into())
}

/// Returns the values that the plan sets: its defaults, then its fixed values.
fn plan_parameters(template: &Template, plan: &ServicePlan) -> Checked<List<StackParameter>> {
    let values = plan.parameter_defaults.iter().chain(&plan.parameter_values);
    values
        .map(|(name, value)| plan_parameter(template, name, value))
        .collect()
}

/// Returns one value that a plan sets. The template must accept the value.
fn plan_parameter(template: &Template, name: &str, at: &Spanned<Value>) -> Checked<StackParameter> {
    let parameter = known_parameter(template, name).map_err(|reason| fault(at, reason))?;
    check_value(parameter, &at.value).map_err(|reason| fault(at, format!("`{name}`: {reason}")))?;
    let value = text(&at.value).map_err(|reason| fault(at, reason))?;
    Ok(StackParameter {
        name: name.to_owned().into(),
        value: value.into(),
    })
}

/// Returns the schemas of the parameters that the plan leaves open, in the template's order.
fn open_properties<'t>(
    template: &'t Template,
    plan: &ServicePlan,
) -> Checked<IndexMap<&'t str, Value>> {
    let mut properties = IndexMap::new();
    for (name, parameter) in &template.parameters {
        if !plan.parameter_values.contains_key(name) {
            let property = open_property(template, plan, name, parameter)?;
            properties.insert(name.as_str(), property);
        }
    }
    Ok(properties)
}

/// Returns the schema of one parameter, with the default of the plan or else of the template.
fn open_property(
    template: &Template,
    plan: &ServicePlan,
    name: &str,
    at: &Spanned<document::Parameter>,
) -> Checked<Value> {
    let labels = &template.metadata.interface.parameter_labels;
    let label = labels.get(name).map(|label| label.default.as_str());
    let default = plan.parameter_defaults.get(name).map(|value| &value.value);
    let default = default.or(at.value.default.as_ref());

    schema::property(&at.value, label, default)
        .map_err(|reason| fault(at, format!("`{name}`: {reason}")))
}

fn checked_schema(plan: &str, schema: &Value) -> Result<String, String> {
    jsonschema::draft4::meta::validate(schema).map_err(|error| error.to_string())?;
    jsonschema::draft4::new(schema).map_err(|error| error.to_string())?;
    let text = schema.to_string();
    if text.len() > MAX_SCHEMA_BYTES {
        return Err(format!(
            "a schema of plan `{plan}` is larger than {MAX_SCHEMA_BYTES} bytes"
        ));
    }
    Ok(text)
}

/// Checks that the template's constraints accept a plan's value.
fn check_value(parameter: &document::Parameter, value: &Value) -> Result<(), String> {
    let property = schema::property(parameter, None, Some(value))?;
    let value = property.get("default").unwrap_or(&Value::Null);
    jsonschema::draft4::new(&property)
        .map_err(|error| error.to_string())?
        .validate(value)
        .map_err(|error| error.to_string())
}

fn bindings(template: &Template) -> Checked<Bindings> {
    let scopes = scopes(template)?;
    database::check_users(template)?;
    let default_scope = default_scope(template, &scopes)?;
    let credentials = credentials(template, &scopes)?;
    let endpoints = endpoints(template)?;
    let via_function = via_function(template)?;

    let database = database::database(template, &scopes)?;
    let create_schema = binding_schema(&scopes, default_scope).to_string();
    let constraints = if scopes.is_empty() {
        List::default()
    } else {
        binding_constraints()
    };
    Ok(Bindings {
        credentials: credentials.into(),
        endpoints,
        scopes,
        default_scope,
        database,
        via_function,
        create_schema: create_schema.into(),
        constraints,
    })
}

/// Returns the scopes, in the author's order.
fn scopes(template: &Template) -> Checked<List<Scope>> {
    let policies = template
        .metadata
        .specification
        .value
        .bindings
        .policies
        .iter();
    policies
        .map(|(name, statements)| scope(template, name, statements))
        .collect()
}

/// Returns one scope. Everybody can read its statements, so they must not refer to secrets.
fn scope(template: &Template, name: &str, statements: &Spanned<Vec<Value>>) -> Checked<Scope> {
    let json = json!(statements.value);
    check_references(template, &json, Shown::ToAll).map_err(|reason| fault(statements, reason))?;
    Ok(Scope {
        name: name.to_owned().into(),
        statements: json.to_string().into(),
        database_user: database::user(template, name),
    })
}

/// Returns the index of the scope that `DefaultScope` names, or that of the first scope.
fn default_scope(template: &Template, scopes: &[Scope]) -> Checked<usize> {
    let bindings = &template.metadata.specification.value.bindings;
    let Some(name) = &bindings.default_scope else {
        return Ok(0);
    };

    let index = scopes.iter().position(|scope| scope.name == name.value);
    index.ok_or_else(|| {
        let known = bindings.policies.keys();
        fault(name, unknown("Policies has no scope", &name.value, known))
    })
}

/// Returns the credentials. They include the role's ARN if a binding can have a role.
fn credentials(template: &Template, scopes: &[Scope]) -> Checked<Vec<Credential>> {
    let mut credentials = match &template.metadata.specification.value.bindings.credentials {
        Some(declared) => declared
            .iter()
            .map(|(key, value)| declared_credential(template, key, value))
            .collect::<Checked<Vec<_>>>()?,
        None => published_credentials(template, !scopes.is_empty()),
    };

    if !scopes.is_empty() && !credentials.iter().any(names_role) {
        credentials.push(credential(ROLE_ARN_KEY.into(), Reference::RoleArn.name()));
    }
    Ok(credentials)
}

/// Returns one of the specification's `Credentials`. It may refer to secrets.
fn declared_credential(
    template: &Template,
    key: &str,
    at: &Spanned<String>,
) -> Checked<Credential> {
    check_references(template, &json!(at.value), Shown::ToTheApplication)
        .map_err(|reason| fault(at, reason))?;
    Ok(Credential {
        key: key.to_owned().into(),
        value: at.value.clone().into(),
    })
}

/// True if the credential refers to the ARN of the binding's role.
fn names_role(credential: &Credential) -> bool {
    reference::names(&credential.value).contains(&Reference::RoleArn.name())
}

/// Returns the hosts that an application connects to, in the author's order.
fn endpoints(template: &Template) -> Checked<List<Endpoint>> {
    let endpoints = template
        .metadata
        .specification
        .value
        .bindings
        .endpoints
        .iter();
    endpoints.map(|at| endpoint(template, at)).collect()
}

fn is_port(text: &str) -> bool {
    text.parse::<u16>().is_ok_and(|port| port > 0)
}

/// True if a Lambda function creates the credentials. An output must then name the function.
fn via_function(template: &Template) -> Checked<bool> {
    let at = &template.metadata.specification;
    let via_function = at.value.bind_via_lambda;
    if via_function && !template.outputs.contains_key(FUNCTION_OUTPUT) {
        return Err(fault(
            at,
            format!(
                "BindViaLambda needs an output `{FUNCTION_OUTPUT}`: the function's name or ARN"
            ),
        ));
    }
    Ok(via_function)
}

fn credential(key: String, reference: &str) -> Credential {
    Credential {
        key: key.into(),
        value: format!("${{{reference}}}").into(),
    }
}

fn endpoint(template: &Template, at: &Spanned<document::Endpoint>) -> Checked<Endpoint> {
    let endpoint = &at.value;
    let ports = endpoint.ports.iter().map(|port| {
        let port = text(port)?;
        check_references(template, &json!(port), Shown::ToAll)?;

        // A port with a reference is only known when the stack exists.
        let is_range = port
            .split_once('-')
            .is_some_and(|(first, last)| is_port(first) && is_port(last));
        let known = is_port(&port) || is_range || !reference::names(&port).is_empty();
        if known {
            Ok(Text::from(port))
        } else {
            Err(format!("`{port}` is not a port or a range of ports"))
        }
    });
    let ports: List<Text> = ports
        .collect::<Result<_, _>>()
        .map_err(|reason| fault(at, reason))?;

    if ports.is_empty() || endpoint.host.is_empty() {
        return Err(fault(at, "an endpoint needs a Host and Ports"));
    }
    check_references(template, &json!(endpoint.host), Shown::ToAll)
        .map_err(|reason| fault(at, reason))?;

    let protocol = match endpoint.protocol {
        Protocol::Tcp => "tcp",
        Protocol::Udp => "udp",
        Protocol::All => "all",
    };
    Ok(Endpoint {
        host: endpoint.host.clone().into(),
        ports,
        protocol: protocol.into(),
    })
}

/// Readers of a text after its references are replaced.
#[derive(Clone, Copy, PartialEq)]
enum Shown {
    ToTheApplication,
    ToAll,
}

fn check_references(template: &Template, json: &Value, shown: Shown) -> Result<(), String> {
    match json {
        Value::String(text) => reference::names(text)
            .into_iter()
            .try_for_each(|name| check_reference(template, name, shown)),
        Value::Array(entries) => entries
            .iter()
            .try_for_each(|entry| check_references(template, entry, shown)),
        Value::Object(fields) => fields
            .values()
            .try_for_each(|field| check_references(template, field, shown)),
        _ => Ok(()),
    }
}

/// Checks a reference: an output, a pseudo reference, or `Output.key`. The last one is a key of a
/// secret, which is JSON.
fn check_reference(template: &Template, name: &str, shown: Shown) -> Result<(), String> {
    if Reference::parse(name).is_some() {
        return Ok(());
    }

    let (output, key) = name
        .split_once('.')
        .map_or((name, None), |(output, key)| (output, Some(key)));
    let Some(declared) = template.outputs.get(output) else {
        return Err(format!("`${{{name}}}` is not an output of the template"));
    };

    match (is_secret(&declared["Value"]), key) {
        (true, _) if shown == Shown::ToAll => Err(format!(
            "`${{{name}}}` is a secret, which only Credentials may contain"
        )),
        (false, Some(_)) => Err(format!(
            "`${{{name}}}`: the output `{output}` is not a secret, so it has no keys"
        )),
        _ => Ok(()),
    }
}

/// Returns the credentials of the published format: every output, with its name in capitals as the
/// key. `OutputsAsIs` or `CloudFoundry` keeps the name unchanged.
fn published_credentials(template: &Template, has_identity: bool) -> Vec<Credential> {
    let specification = &template.metadata.specification.value;
    let as_is = specification.outputs_as_is || specification.cloud_foundry;

    let outputs = template.outputs.keys().map(|output| {
        credential(
            if as_is {
                output.clone()
            } else {
                screaming_snake_case(output)
            },
            output,
        )
    });

    let identity = SDK_CREDENTIALS
        .into_iter()
        .map(|(key, reference)| credential(key.into(), reference.name()));
    outputs.chain(identity.filter(|_| has_identity)).collect()
}

/// Returns the schema of a bind request's parameters. There are none if the template has no scopes.
fn binding_schema(scopes: &[Scope], default_scope: usize) -> Value {
    let Some(default) = scopes.get(default_scope) else {
        return schema::object(Map::new(), &[]);
    };

    let names: Vec<_> = scopes.iter().map(|scope| &scope.name).collect();
    let scope = json!({
        "type": "string",
        "description": "Permissions of the binding.",
        "enum": names,
        "default": default.name,
    });

    let properties = [
        (bind_parameters::SCOPE, scope),
        (
            bind_parameters::ROLE_NAME,
            text_property(
                r"^[\w+=,.@-]{1,64}$",
                "Name of an IAM role that gets the permissions, instead of a new access key. The \
                 broker's operator must allow the role.",
            ),
        ),
        (
            bind_parameters::ROLE_ARN,
            text_property(
                r"^arn:[a-z-]+:iam::\d{12}:role/[\x21-\x7e]{1,576}$",
                "ARN of that role, instead of its name.",
            ),
        ),
        (
            bind_parameters::SERVICE_ACCOUNT,
            text_property(
                "^([a-z0-9][a-z0-9-]{0,62}/)?[a-z0-9][a-z0-9.-]{0,252}$",
                "Kubernetes service account, as name or namespace/name, that may assume a new IAM \
                 role with the permissions. The credentials contain its AWS_ROLE_ARN instead of \
                 an access key.",
            ),
        ),
    ];

    schema::object(
        properties
            .map(|(name, property)| (name.to_owned(), property))
            .into_iter()
            .collect(),
        &[],
    )
}

fn text_property(pattern: &str, description: &str) -> Value {
    json!({"type": "string", "description": description, "pattern": pattern})
}

/// Returns the constraints that describe the patterns in [`binding_schema`].
fn binding_constraints() -> List<Constraint> {
    let constraints = [
        (
            bind_parameters::ROLE_NAME,
            "must be the name of an IAM role, without its path",
        ),
        (bind_parameters::ROLE_ARN, "must be the ARN of an IAM role"),
        (
            bind_parameters::SERVICE_ACCOUNT,
            "must be a service account, as name or namespace/name",
        ),
    ];

    let constraints = constraints.map(|(parameter, description)| Constraint {
        parameter: parameter.into(),
        description: description.into(),
    });
    constraints.into_iter().collect()
}

/// Returns a YAML scalar as the text that CloudFormation sees.
fn text(value: &Value) -> Result<String, String> {
    match value {
        Value::String(text) => Ok(text.clone()),
        Value::Number(number) => Ok(number.to_string()),
        Value::Bool(flag) => Ok(flag.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => {
            Err(format!("`{value}` is not a scalar"))
        }
    }
}
