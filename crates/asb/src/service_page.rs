//! The page of a service, for developers who create instances of it.

use std::fmt::Write;

use anyhow::Result;
use catalog::{
    bind_parameters::SCOPE,
    compiler::Inspection,
    model::{Credential, DatabaseUser, Endpoint, Offering, Plan, Privileges, Scope},
    reference::{self, Reference},
};
use serde_json::{Map, Value, json};

/// A plan with the properties of its create schema, by parameter name.
type PlanProperties<'o> = (&'o Plan, Map<String, Value>);

/// Returns the `README.md` beside the template.
pub fn render(service: &Inspection) -> Result<String> {
    let offering = &service.offering;
    let metadata: Value = serde_json::from_str(&offering.metadata)?;

    let mut page = String::from("<!-- Generated from template.yaml by `make generate`. -->\n\n");
    writeln!(
        page,
        "# {} (`{}`)\n\n{}\n",
        text(&metadata, "displayName"),
        offering.name,
        offering.description
    )?;
    writeln!(page, "{}\n", text(&metadata, "longDescription"))?;
    write!(
        page,
        "[AWS documentation]({})",
        text(&metadata, "documentationUrl")
    )?;
    if let Some(version) = &offering.version {
        write!(page, " · template version {version}")?;
    }
    page.push_str("\n\n");

    plans(&mut page, offering)?;
    parameters(&mut page, offering)?;
    settings(&mut page, service)?;
    credentials(&mut page, service)?;
    scopes(&mut page, offering)?;
    examples(&mut page, offering)?;

    Ok(page)
}

fn text<'m>(metadata: &'m Value, key: &str) -> &'m str {
    metadata[key].as_str().unwrap_or_default()
}

fn plans(page: &mut String, offering: &Offering) -> Result<()> {
    writeln!(page, "## Plans\n")?;
    for plan in &*offering.plans {
        plan_section(page, plan)?;
    }

    if offering.plans.len() > 1 {
        writeln!(page, "{}\n", plan_changes(offering))?;
    }
    Ok(())
}

/// Writes the section of one plan: its description, features, duration and price.
fn plan_section(page: &mut String, plan: &Plan) -> Result<()> {
    let metadata: Value = serde_json::from_str(&plan.metadata)?;
    writeln!(page, "### `{}`\n\n{}", plan.name, plan.description)?;
    if let Some(long) = metadata["longDescription"].as_str() {
        writeln!(page, "\n{long}")?;
    }
    page.push('\n');

    let bullets = metadata["bullets"].as_array().into_iter().flatten();
    for bullet in bullets.filter_map(Value::as_str) {
        writeln!(page, "- {bullet}")?;
    }
    writeln!(
        page,
        "- Usually created within {}",
        minutes_or_seconds(plan.longest_creation)
    )?;
    if let Some(cost) = metadata["cost"].as_str() {
        writeln!(page, "- [Pricing]({cost})")?;
    }
    page.push('\n');

    Ok(())
}

fn minutes_or_seconds(seconds: u32) -> String {
    match seconds {
        0..120 => format!("{seconds} seconds"),
        _ => format!("{} minutes", seconds.div_ceil(60)),
    }
}

/// Returns the sentence that says which plans an instance can change from.
fn plan_changes(offering: &Offering) -> String {
    let changeable = offering.plans.iter().filter(|plan| plan.plan_updateable);
    let changeable: Vec<_> = changeable.map(|plan| code(&plan.name)).collect();

    match changeable.len() {
        0 => "The plan of an instance cannot be changed.".to_owned(),
        all if all == offering.plans.len() => {
            "The plan of an instance can be changed, unless this changes a parameter that is not \
             updatable."
                .to_owned()
        }
        _ => format!(
            "The plan of an instance can be changed from {}, unless this changes a parameter that \
             is not updatable.",
            changeable.join(", ")
        ),
    }
}

fn parameters(page: &mut String, offering: &Offering) -> Result<()> {
    let schemas = offering
        .plans
        .iter()
        .map(|plan| Ok((plan, properties(&plan.create_schema)?)));
    let schemas: Vec<PlanProperties<'_>> = schemas.collect::<Result<_>>()?;
    let names = parameter_names(&schemas);

    writeln!(page, "## Parameters\n")?;
    if names.is_empty() {
        writeln!(page, "None.\n")?;
        return Ok(());
    }

    writeln!(
        page,
        "| Parameter | Values | Default | Updatable | Description |\n|---|---|---|---|---|"
    )?;
    for name in names {
        parameter_row(page, offering, &schemas, name)?;
    }

    page.push('\n');
    Ok(())
}

/// Returns the names of the parameters that any plan leaves open, each once.
fn parameter_names<'s>(schemas: &'s [PlanProperties<'_>]) -> Vec<&'s String> {
    let mut names: Vec<&String> = Vec::new();
    for name in schemas.iter().flat_map(|(_, properties)| properties.keys()) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

/// Writes the row of one parameter, as the first plan that has it describes it.
fn parameter_row(
    page: &mut String,
    offering: &Offering,
    schemas: &[PlanProperties<'_>],
    name: &str,
) -> Result<()> {
    let offered: Vec<_> = schemas
        .iter()
        .filter_map(|(plan, properties)| Some((*plan, properties.get(name)?)))
        .collect();
    let Some((_, property)) = offered.first() else {
        return Ok(());
    };

    let plans: Vec<_> = offered.iter().map(|(plan, _)| code(&plan.name)).collect();
    let only = if plans.len() == schemas.len() {
        String::new()
    } else {
        let noun = if plans.len() == 1 { "plan" } else { "plans" };
        format!(" ({noun} {})", plans.join(", "))
    };
    let (values, default) = (values(property), defaults(&offered));
    let updates = if offering.is_updatable(name) {
        "yes"
    } else {
        "no"
    };
    let description = property["description"].as_str().unwrap_or_default();

    writeln!(
        page,
        "| {}{only} | {values} | {default} | {updates} | {} |",
        code(name),
        prose(description)
    )?;
    Ok(())
}

/// Writes the operator's settings on which users of the service depend.
fn settings(page: &mut String, service: &Inspection) -> Result<()> {
    if service.settings.is_empty() {
        return Ok(());
    }

    writeln!(page, "## Operator settings\n")?;
    writeln!(
        page,
        "| Parameter of the broker's stack | Required by plans | Description |\n|---|---|---|"
    )?;
    for (of_operator, setting) in service.settings.iter().zip(&*service.offering.settings) {
        let plans: Vec<_> = setting.plans.iter().map(|plan| code(plan)).collect();
        let plans = if plans.is_empty() {
            "none".to_owned()
        } else {
            plans.join(", ")
        };

        writeln!(
            page,
            "| {} | {plans} | {} |",
            code(&of_operator.name),
            prose(&of_operator.description)
        )?;
    }

    page.push('\n');
    Ok(())
}

fn properties(schema: &str) -> Result<Map<String, Value>> {
    let mut schema: Value = serde_json::from_str(schema)?;
    Ok(schema["properties"]
        .as_object_mut()
        .map(std::mem::take)
        .unwrap_or_default())
}

fn values(property: &Value) -> String {
    if let Some(allowed) = property["enum"].as_array() {
        return allowed.iter().map(literal).collect::<Vec<_>>().join(", ");
    }
    let kind = property["type"].as_str().unwrap_or_default();
    if kind == "boolean" {
        return "`true`, `false`".into();
    }
    match (property.get("minimum"), property.get("maximum")) {
        (Some(minimum), Some(maximum)) => format!("{minimum} to {maximum}"),
        (Some(minimum), None) => format!("{kind} from {minimum}"),
        (None, Some(maximum)) => format!("{kind} up to {maximum}"),
        (None, None) => kind.to_owned(),
    }
}

/// Returns the default: one text if the plans agree, otherwise one text per plan.
fn defaults(offered: &[(&Plan, &Value)]) -> String {
    let mut texts: Vec<(String, Vec<String>)> = Vec::new();
    for (plan, property) in offered {
        let text = property
            .get("default")
            .map_or("required".to_owned(), literal);
        match texts.iter_mut().find(|(other, _)| *other == text) {
            Some((_, plans)) => plans.push(code(&plan.name)),
            None => texts.push((text, vec![code(&plan.name)])),
        }
    }

    match &texts[..] {
        [(text, _)] => text.clone(),
        several => several
            .iter()
            .map(|(text, plans)| format!("{}: {text}", plans.join(", ")))
            .collect::<Vec<_>>()
            .join("; "),
    }
}

fn credentials(page: &mut String, service: &Inspection) -> Result<()> {
    let bindings = &service.offering.bindings;
    writeln!(page, "## Credentials\n\n| Key | Description |\n|---|---|")?;
    for credential in &*bindings.credentials {
        let meaning = credential_meaning(service, credential);
        writeln!(page, "| {} | {meaning} |", code(&credential.key))?;
    }
    page.push('\n');

    writeln!(
        page,
        "`${{…}}` is a placeholder for a value of the instance, such as an ARN, or for an AWS \
         Region or domain.\n"
    )?;
    if !bindings.scopes.is_empty() {
        writeln!(
            page,
            "AWS SDKs read the keys that start with `AWS_` [from environment \
             variables](../README.md#what-sdks-find-by-themselves).\n"
        )?;
    }

    endpoints(page, &bindings.endpoints)
}

/// Returns the meaning of a credential, in the broker's words or those of its output.
fn credential_meaning(service: &Inspection, credential: &Credential) -> String {
    let names = reference::names(&credential.value);
    let reference = match names[..] {
        [name] => Reference::parse(name).filter(|_| credential.value == format!("${{{name}}}")),
        _ => None,
    };

    match (reference, &names[..]) {
        (Some(Reference::Region), _) if &*credential.key == "AWS_DEFAULT_REGION" => {
            "AWS Region of the instance, for the SDK for Python and the AWS CLI.".to_owned()
        }
        (Some(reference), _) => reference.description().to_owned(),
        (None, [output]) if credential.output() == Some(output) => {
            prose(service.outputs.get(*output).map_or("", String::as_str))
        }
        _ => code(&credential.value),
    }
}

/// Writes the list of hosts that the application connects to, if the author lists any.
fn endpoints(page: &mut String, endpoints: &[Endpoint]) -> Result<()> {
    if endpoints.is_empty() {
        return Ok(());
    }

    writeln!(
        page,
        "Hosts to which the application connects (`endpoints` of the binding):\n"
    )?;
    for endpoint in endpoints {
        writeln!(
            page,
            "- {}, port {}",
            code(&endpoint.host),
            endpoint.ports.join(", ")
        )?;
    }

    page.push('\n');
    Ok(())
}

fn scopes(page: &mut String, offering: &Offering) -> Result<()> {
    let bindings = &offering.bindings;
    writeln!(page, "## Scopes\n")?;
    if bindings.scopes.is_empty() {
        writeln!(page, "Bindings have no AWS identity.\n")?;
        return Ok(());
    }

    writeln!(
        page,
        "The binding parameter `Scope` selects the permissions of the binding.\n"
    )?;
    for (index, scope) in bindings.scopes.iter().enumerate() {
        let Scope {
            name,
            statements,
            database_user,
        } = scope;
        let default = if index == bindings.default_scope {
            " (default)"
        } else {
            ""
        };
        writeln!(page, "### `{name}`{default}\n")?;

        if let Some(user) = database_user {
            writeln!(page, "- {}", database_user_text(*user))?;
        }
        let statements: Vec<Value> = serde_json::from_str(statements)?;
        for statement in &statements {
            writeln!(page, "- {}", statement_text(statement))?;
        }
        page.push('\n');
    }

    writeln!(
        page,
        "Statements on resources that the instance does not have are omitted.\n"
    )?;
    Ok(())
}

/// Returns what the database user of a scope may do, in words.
fn database_user_text(user: DatabaseUser) -> String {
    let privileges = match user.privileges {
        Privileges::Owner => {
            "creates, changes and drops tables and all other objects of the database. What it \
             creates stays when the binding is deleted"
        }
        Privileges::ReadWrite => "reads and writes the rows of all tables",
        Privileges::ReadOnly => "reads the rows of all tables",
    };
    let login = if user.by_iam {
        "logs in with a token of IAM instead of a password"
    } else {
        "logs in with a password"
    };
    format!("A database user of the binding's own, which {privileges}. It {login}")
}

/// Returns the meaning of an IAM statement, in words.
fn statement_text(statement: &Value) -> String {
    let verb = if statement["Effect"] == "Deny" {
        "Denies"
    } else {
        "Allows"
    };
    let condition = statement
        .get("Condition")
        .map(|condition| format!(", with the condition {}", code(&condition.to_string())));

    format!(
        "{verb} {} on {}{}",
        code_list(&statement["Action"]),
        code_list(&statement["Resource"]),
        condition.unwrap_or_default()
    )
}

/// Returns the texts of an IAM statement's element, one or many, separated by commas.
fn code_list(element: &Value) -> String {
    match element {
        Value::Array(entries) => entries
            .iter()
            .filter_map(Value::as_str)
            .map(code)
            .collect::<Vec<_>>()
            .join(", "),
        entry => entry.as_str().map(code).unwrap_or_default(),
    }
}

fn examples(page: &mut String, offering: &Offering) -> Result<()> {
    let Some(plan) = offering.plans.first() else {
        return Ok(());
    };

    let name = &offering.name;
    let parameters = example_parameters(plan)?;
    let parameters = (!parameters.is_empty()).then_some(Value::Object(parameters));
    let scope = offering
        .bindings
        .scopes
        .get(offering.bindings.default_scope)
        .map(|scope| json!({(SCOPE): scope.name}));

    writeln!(
        page,
        "## Examples

Cloud Foundry:

{commands}

Kubernetes Service Catalog, which stores the credentials in the secret `my-{name}`:

```yaml
{manifests}
```",
        commands = commands(name, &plan.name, parameters.as_ref(), scope.as_ref()),
        manifests = manifests(name, &plan.name, parameters.as_ref(), scope.as_ref()),
    )?;
    Ok(())
}

/// Returns the commands that create and bind an instance in Cloud Foundry.
fn commands(name: &str, plan: &str, parameters: Option<&Value>, scope: Option<&Value>) -> String {
    let create = parameters.map(option).unwrap_or_default();
    let bind = scope.map(option).unwrap_or_default();
    format!(
        "    cf create-service {name} {plan} my-{name}{create}
    cf bind-service my-app my-{name}{bind}"
    )
}

/// Returns the option of a Cloud Foundry command that gives it parameters.
fn option(parameters: &Value) -> String {
    format!(" -c '{parameters}'")
}

/// Returns the manifests that create and bind an instance in Kubernetes.
fn manifests(name: &str, plan: &str, parameters: Option<&Value>, scope: Option<&Value>) -> String {
    format!(
        "apiVersion: servicecatalog.k8s.io/v1beta1
kind: ServiceInstance
metadata:
  name: my-{name}
spec:
  clusterServiceClassExternalName: {name}
  clusterServicePlanExternalName: {plan}{instance_parameters}
---
apiVersion: servicecatalog.k8s.io/v1beta1
kind: ServiceBinding
metadata:
  name: my-{name}
spec:
  instanceRef:
    name: my-{name}
  secretName: my-{name}{binding_parameters}",
        instance_parameters = parameters_yaml(parameters),
        binding_parameters = parameters_yaml(scope),
    )
}

/// Returns placeholders for the required parameters. If none is required, it returns the first
/// parameter with a non-empty default.
fn example_parameters(plan: &Plan) -> Result<Map<String, Value>> {
    let schema: Value = serde_json::from_str(&plan.create_schema)?;
    let properties = properties(&plan.create_schema)?;
    let required: Vec<&str> = schema["required"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();

    if !required.is_empty() {
        let placeholders = required
            .into_iter()
            .map(|name| (name.to_owned(), json!(format!("<{name}>"))));
        return Ok(placeholders.collect());
    }

    let first = properties
        .iter()
        .find(|(_, property)| property.get("default").is_some_and(|value| *value != ""));
    Ok(first
        .map(|(name, property)| (name.clone(), property["default"].clone()))
        .into_iter()
        .collect())
}

fn parameters_yaml(parameters: Option<&Value>) -> String {
    let Some(Value::Object(parameters)) = parameters else {
        return String::new();
    };
    let lines: String = parameters
        .iter()
        .map(|(name, value)| format!("\n    {name}: {value}"))
        .collect();
    format!("\n  parameters:{lines}")
}

fn code(text: &str) -> String {
    format!("`{}`", cell(text))
}

fn literal(value: &Value) -> String {
    match value.as_str() {
        Some("") => "empty".into(),
        Some(text) => code(text),
        None => code(&value.to_string()),
    }
}

/// Escapes a text for a cell of a table, with its `*` and `<` as they are.
fn prose(text: &str) -> String {
    cell(text).replace('*', r"\*").replace('<', r"\<")
}

/// Escapes a text for a cell of a table.
fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('\n', " ")
}
