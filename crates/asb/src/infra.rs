//! Generated parts of the broker's own stack, and of its stacks in other accounts and Regions.

use std::fmt::Write;

use anyhow::{Result, bail};
use catalog::{
    compiler::{
        Inspection, OperatorSetting, Statement,
        longest::{MAX_MANAGED_POLICY, Partition, in_any_partition},
    },
    reference, screaming_snake_case,
};
use serde_json::Value;
use wildmatch::WildMatch;

/// Maximum number of managed policies of a role, unless AWS has raised the quota.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html>
const MAX_POLICIES: usize = 10;
/// Length of `{"Version":…,"Statement":[…]}` without its statements, in characters.
const ENVELOPE_LENGTH: usize = 42;

/// Maximum number of conditions in `Fn::Or`.
/// <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/intrinsic-function-reference-conditions.html>
const MAX_CONDITIONS: usize = 10;

/// A managed policy of the deploy role: the statements of some services.
type Policy<'a> = Vec<(&'a str, &'a [Statement])>;

/// Returns the `AllowedPattern` of the parameter `EnabledServices`. It matches the whole list and
/// each of its members, because either may be tested.
pub fn service_names(services: &[Inspection]) -> String {
    let names: Vec<_> = services
        .iter()
        .map(|service| &*service.offering.name)
        .collect();
    let name = format!("({})", names.join("|"));
    format!("    AllowedPattern: \"({name}( *, *{name})*)?\"\n")
}

/// Maximum length of a template's setting, in characters. Lambda limits all environment variables
/// together to 4 KB.
/// <https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>
const MAX_SETTING: usize = 400;
/// Maximum number of entries in a setting.
const MAX_ENTRIES: usize = 10;
/// Maximum width of generated text, in columns.
const WIDTH: usize = 120;
/// Separator that joins entries before they are split into a list.
const SEPARATOR: char = '|';

/// Returns the settings of all templates, each once.
fn settings(services: &[Inspection]) -> Result<Vec<&OperatorSetting>> {
    let mut settings: Vec<&OperatorSetting> = Vec::new();
    for setting in services.iter().flat_map(|service| &service.settings) {
        match settings.iter().find(|known| known.name == setting.name) {
            None => settings.push(setting),
            Some(known) if *known == setting => {}
            Some(_) => bail!(
                "two services describe the setting `{}` differently",
                setting.name
            ),
        }
    }
    Ok(settings)
}

/// Returns the settings that the deploy role's policies refer to. Only the broker checks the
/// others.
fn settings_of_iam(services: &[Inspection]) -> Result<Vec<&OperatorSetting>> {
    let policies = policies(services)?;
    let statements: Vec<_> = policies
        .iter()
        .flatten()
        .flat_map(|(_, statements)| statements.iter())
        .collect();
    let mut settings = settings(services)?;
    settings.retain(|setting| {
        statements
            .iter()
            .any(|statement| refers_to(statement, setting))
    });
    Ok(settings)
}

/// Returns the settings of templates as parameters of the broker's stack.
pub fn setting_parameters(services: &[Inspection]) -> Result<String> {
    Ok(parameters_yaml(settings(services)?))
}

/// Returns the settings of templates as parameters of a target account's stack. IAM checks only
/// these.
pub fn target_setting_parameters(services: &[Inspection]) -> Result<String> {
    Ok(parameters_yaml(settings_of_iam(services)?))
}

/// Returns the list of the deploy role's policies, each only if its condition holds.
pub fn deploy_policy_references(services: &[Inspection]) -> Result<String> {
    let numbers = 1..=policies(services)?.len();
    let reference = |number| {
        format!(
            "        - !If [NeedsDeployPolicy{number}, !Ref DeployPolicy{number}, !Ref \
             AWS::NoValue]\n"
        )
    };
    Ok(numbers.map(reference).collect())
}

fn parameters_yaml(settings: Vec<&OperatorSetting>) -> String {
    let mut yaml = String::new();
    for OperatorSetting {
        name,
        description,
        entry_pattern,
    } in settings
    {
        let others = MAX_ENTRIES - 1;
        let _ = write!(
            yaml,
            "  {name}:
    Description: >-
{}    Type: String
    Default: \"\"
    MaxLength: {MAX_SETTING}
    AllowedPattern: '(({entry_pattern})(,({entry_pattern})){{0,{others}}})?'
    ConstraintDescription: Empty, or up to {MAX_ENTRIES} entries with commas and no spaces in between.
",
            wrapped(description, "      ")
        );
    }

    yaml
}

/// Returns the environment variables of the settings.
pub fn setting_variables(services: &[Inspection]) -> Result<String> {
    let variable = |setting: &&OperatorSetting| {
        format!(
            "        {}: !Ref {}\n",
            screaming_snake_case(&setting.name),
            setting.name
        )
    };
    Ok(settings(services)?.iter().map(variable).collect())
}

/// Returns references to the settings' parameters, as a list.
pub fn setting_references(services: &[Inspection]) -> Result<String> {
    let reference = |setting: &&OperatorSetting| format!("        - !Ref {}\n", setting.name);
    Ok(settings(services)?.iter().map(reference).collect())
}

fn wrapped(text: &str, indent: &str) -> String {
    let mut lines = vec![indent.to_owned()];
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.len() + word.len() < WIDTH => {
                line.push_str(if line.len() > indent.len() { " " } else { "" });
                line.push_str(word);
            }
            _ => lines.push(format!("{indent}{word}")),
        }
    }
    lines.join("\n") + "\n"
}

/// Returns the conditions of services, settings and policies.
///
/// A service is offered if the parameter `EnabledServices` contains it or is empty. A setting
/// allows something if it has an entry. A policy is needed if one of its services is offered.
pub fn conditions(services: &[Inspection]) -> Result<String> {
    let mut yaml = String::new();
    let list = r#"!Join ["", [",", !Join [",", !Ref EnabledServices], ","]]"#;
    let _ = writeln!(
        yaml,
        "  OffersAll: !Equals [!Join [\",\", !Ref EnabledServices], \"\"]"
    );

    let policies = policies(services)?;
    for (name, _) in policies.iter().flatten() {
        let condition = offers(name);
        // The text before the name differs from the whole list only if the list contains the name.
        let _ = writeln!(
            yaml,
            "  {condition}: !Or
    - !Condition OffersAll
    - !Not
      - !Equals
        - {list}
        - !Select [0, !Split [\",{name},\", {list}]]"
        );
    }

    for OperatorSetting { name, .. } in settings_of_iam(services)? {
        let _ = writeln!(
            yaml,
            "  {}: !Not [!Equals [!Ref {name}, \"\"]]",
            allows(name)
        );
    }

    for (index, policy) in policies.iter().enumerate() {
        let offered: Vec<_> = policy
            .iter()
            .map(|(service, _)| format!("!Condition {}", offers(service)))
            .collect();
        let _ = writeln!(
            yaml,
            "  NeedsDeployPolicy{}: {}",
            index + 1,
            any_of(&offered, "    ")
        );
    }

    Ok(yaml)
}

/// Returns the name of the condition that a setting has an entry.
fn allows(setting: &str) -> String {
    format!("Allows{setting}")
}

/// Returns the name of the condition that a service is offered: `my-service` → `OffersMyService`.
fn offers(service: &str) -> String {
    let words = service.split(['-', '.']).map(|word| {
        let mut characters = word.chars();
        let first = characters.next().into_iter().flat_map(char::to_uppercase);
        first.chain(characters).collect::<String>()
    });
    format!("Offers{}", words.collect::<String>())
}

fn any_of(conditions: &[String], indent: &str) -> String {
    match conditions {
        [one] => one.clone(),
        few if few.len() <= MAX_CONDITIONS => {
            let lines: String = few
                .iter()
                .map(|condition| format!("\n{indent}- {condition}"))
                .collect();
            format!("!Or{lines}")
        }
        many => {
            let deeper = format!("{indent}  ");
            let parts: Vec<_> = many
                .chunks(MAX_CONDITIONS)
                .map(|part| any_of(part, &deeper))
                .collect();
            any_of(&parts, indent)
        }
    }
}

/// Packs the statements of services into managed policies, and fills each policy in turn.
fn policies(services: &[Inspection]) -> Result<Vec<Policy<'_>>> {
    let mut policies: Vec<Policy<'_>> = Vec::new();
    let mut length = MAX_MANAGED_POLICY;
    for service in services {
        let (name, statements) = (&*service.offering.name, &*service.permissions.deploy);
        if statements.is_empty() {
            continue;
        }

        let added: usize = statements.iter().map(longest).sum();
        if ENVELOPE_LENGTH + added > MAX_MANAGED_POLICY {
            bail!(
                "the DeployPolicy of `{name}` alone may have {added} characters; IAM allows \
                 {MAX_MANAGED_POLICY}"
            );
        }

        if length + added > MAX_MANAGED_POLICY {
            policies.push(Vec::new());
            length = ENVELOPE_LENGTH;
        }
        length += added;
        if let Some(policy) = policies.last_mut() {
            policy.push((name, statements));
        }
    }

    if policies.len() > MAX_POLICIES {
        bail!(
            "{} deploy policies; a role has at most {MAX_POLICIES}",
            policies.len()
        );
    }

    Ok(policies)
}

/// Returns the managed policies of the deploy role.
pub fn deploy_policies(services: &[Inspection]) -> Result<String> {
    let mut yaml = String::new();
    let settings = settings(services)?;

    for (index, policy) in policies(services)?.iter().enumerate() {
        let number = index + 1;
        let _ = write!(
            yaml,
            "  DeployPolicy{number}:
    Type: AWS::IAM::ManagedPolicy
    Condition: NeedsDeployPolicy{number}
    Properties:
      Description: !Sub ${{AWS::StackName}} - what CloudFormation may do in the stacks of service instances, part {number}
      Roles: [!Ref DeployRole]
      PolicyDocument:
        Version: \"2012-10-17\"
        Statement:
"
        );

        for (service, statement) in policy
            .iter()
            .flat_map(|(name, all)| all.iter().map(move |one| (name, one)))
        {
            // A policy with only one service already has the condition of that service.
            let mut conditions: Vec<_> = if policy.len() == 1 {
                Vec::new()
            } else {
                vec![offers(service)]
            };

            let needed = settings
                .iter()
                .filter(|setting| refers_to(statement, setting));
            conditions.extend(needed.map(|setting| allows(&setting.name)));
            yaml.push_str(&conditional_yaml(&conditions, statement, "          "));
        }
        yaml.push('\n');
    }

    Ok(yaml)
}

fn refers_to(statement: &Statement, setting: &OperatorSetting) -> bool {
    let condition = statement.condition.as_ref().map(Value::to_string);
    let mut all = statement.resources.iter().chain(&condition);
    all.any(|text| reference::names(text).contains(&&*setting.name))
}

/// Returns the statement, which applies only if all of the conditions hold.
fn conditional_yaml(conditions: &[String], statement: &Statement, indent: &str) -> String {
    match conditions {
        [] => statement_yaml(statement, indent),
        [first, others @ ..] => {
            let deeper = format!("{indent}  ");
            let inner = conditional_yaml(others, statement, &deeper);
            format!("{indent}- !If\n{deeper}- {first}\n{inner}{deeper}- !Ref AWS::NoValue\n")
        }
    }
}

/// Returns the statements of the permissions boundary.
///
/// Statements that differ only in actions and resources are merged. This allows nothing more,
/// because no action of a service applies to a resource of another.
pub fn boundary(services: &[Inspection]) -> Result<String> {
    let mut merged: Vec<Statement> = Vec::new();
    for statement in services
        .iter()
        .flat_map(|service| &service.permissions.boundary)
    {
        let statement = &abbreviated(statement);
        match merged.iter_mut().find(|other| is_alike(other, statement)) {
            None => merged.push(statement.clone()),
            Some(other) => {
                extend(&mut other.actions, &statement.actions);
                extend(&mut other.resources, &statement.resources);
                if let (Some(condition), Some(more)) = (&mut other.condition, &statement.condition)
                {
                    extend_values(condition, more);
                }
            }
        }
    }

    let length = ENVELOPE_LENGTH + merged.iter().map(longest).sum::<usize>();
    if length > MAX_MANAGED_POLICY {
        bail!(
            "the permissions boundary may have {length} characters; IAM allows {MAX_MANAGED_POLICY}"
        );
    }

    Ok(merged
        .iter()
        .map(|statement| statement_yaml(statement, "          "))
        .collect())
}

/// Returns the statement for the resources of every partition and Region, which is shorter.
///
/// It allows nothing more, because an identity cannot act in another partition. Resources with the
/// broker's prefix belong to the broker in every Region.
fn abbreviated(statement: &Statement) -> Statement {
    let abbreviate = |resource: &String| {
        resource
            .replace("arn:${AWS::Partition}:", "arn:*:")
            .replace(":${AWS::Region}:", ":*:")
    };
    Statement {
        resources: statement.resources.iter().map(abbreviate).collect(),
        ..statement.clone()
    }
}

/// True if two statements can be merged.
///
/// Statements about everything stay apart from those about resources. Conditions may differ in the
/// services through which a key is used, and the merged one lists them all.
fn is_alike(one: &Statement, other: &Statement) -> bool {
    let is_about_everything =
        |statement: &Statement| statement.resources.iter().any(|resource| resource == "*");
    let condition = |statement: &Statement| {
        let mut condition = statement.condition.clone();
        if let Some(services) = condition.as_mut().and_then(via_services) {
            *services = Value::Null;
        }
        condition
    };
    is_about_everything(one) == is_about_everything(other) && condition(one) == condition(other)
}

fn via_services(condition: &mut Value) -> Option<&mut Value> {
    condition.get_mut("StringLike")?.get_mut("kms:ViaService")
}

/// Adds texts that no wildcard in the list covers, and removes texts that the added ones cover.
fn extend(list: &mut Vec<String>, more: &[String]) {
    for text in more {
        if !list.iter().any(|other| WildMatch::new(other).matches(text)) {
            let pattern = WildMatch::new(text);
            list.retain(|other| !pattern.matches(other));
            list.push(text.clone());
        }
    }
}

fn extend_values(condition: &mut Value, more: &Value) {
    let mut more = more.clone();
    let (Some(services), Some(more)) = (via_services(condition), via_services(&mut more)) else {
        return;
    };
    let mut all = texts(services);
    extend(&mut all, &texts(more));
    *services = all.into();
}

fn texts(value: &Value) -> Vec<String> {
    match value {
        Value::Array(values) => values.iter().flat_map(texts).collect(),
        Value::String(text) => vec![text.clone()],
        other => vec![other.to_string()],
    }
}

/// Returns the maximum length of the statement in a policy, in characters. All names have their
/// maximum length.
fn longest(statement: &Statement) -> usize {
    in_any_partition(|partition| length(statement, partition))
}

fn length(statement: &Statement, partition: &Partition) -> usize {
    let render = |text: &str| match setting_in(text) {
        // The text around the reference is repeated for each entry.
        Some((before, _, after)) => {
            "x".repeat(MAX_SETTING + MAX_ENTRIES * (before.len() + after.len() + 3))
        }
        None => reference::render(text, |name| partition.reference(name)).unwrap_or_default(),
    };
    let list = |texts: &[String]| {
        texts
            .iter()
            .map(|text| render(text).len() + 3)
            .sum::<usize>()
    };

    let condition = statement.condition.as_ref();
    let condition = condition.map_or(0, |condition| {
        r#","Condition":"#.len() + rendered(condition, &render).to_string().len()
    });

    let envelope = r#"{"Effect":"Allow","Action":[],"Resource":[]},"#.len();
    envelope + list(&statement.actions) + list(&statement.resources) + condition
}

/// Returns the value with all of its texts rendered.
fn rendered(value: &Value, render: &impl Fn(&str) -> String) -> Value {
    match value {
        Value::String(text) => render(text).into(),
        Value::Array(values) => values.iter().map(|value| rendered(value, render)).collect(),
        Value::Object(fields) => fields
            .iter()
            .map(|(key, field)| (key.clone(), rendered(field, render)))
            .collect(),
        other => other.clone(),
    }
}

fn statement_yaml(statement: &Statement, indent: &str) -> String {
    let mut yaml = format!("{indent}- Effect: Allow\n");
    yaml.push_str(&list_yaml("Action", &statement.actions, indent));
    yaml.push_str(&list_yaml("Resource", &statement.resources, indent));
    if let Some(condition) = &statement.condition {
        let deeper = format!("{indent}    ");
        let _ = write!(
            yaml,
            "{indent}  Condition:\n{}",
            value_yaml(condition, &deeper, &deeper)
        );
    }
    yaml
}

fn list_yaml(key: &str, texts: &[String], indent: &str) -> String {
    match texts {
        [one] => format!("{indent}  {key}: {}\n", scalar_yaml(one)),
        many => {
            let lines: String = many
                .iter()
                .map(|text| format!("{indent}    - {}\n", scalar_yaml(text)))
                .collect();
            format!("{indent}  {key}:\n{lines}")
        }
    }
}

/// Returns a value in block style. Its first line begins with `first`, the others with `rest`.
fn value_yaml(value: &Value, first: &str, rest: &str) -> String {
    match value {
        Value::Object(fields) => fields
            .iter()
            .enumerate()
            .map(|(index, (key, field))| {
                let start = if index == 0 { first } else { rest };
                let key = scalar_yaml(key);

                match field {
                    Value::Object(_) | Value::Array(_) => {
                        let deeper = format!("{rest}  ");
                        format!("{start}{key}:\n{}", value_yaml(field, &deeper, &deeper))
                    }
                    scalar => {
                        format!(
                            "{start}{key}: {}\n",
                            texts(scalar)
                                .iter()
                                .map(|t| scalar_yaml(t))
                                .collect::<String>()
                        )
                    }
                }
            })
            .collect(),
        Value::Array(values) => values
            .iter()
            .flat_map(texts)
            .map(|text| format!("{rest}- {}\n", scalar_yaml(&text)))
            .collect(),
        scalar => texts(scalar)
            .iter()
            .map(|text| format!("{first}{}\n", scalar_yaml(text)))
            .collect(),
    }
}

/// Returns the text before a reference to a setting, the setting's name, and the text after it.
/// None if the text has no such reference. References to settings have no colon.
fn setting_in(text: &str) -> Option<(&str, &str, &str)> {
    let (before, rest) = text.split_once("${")?;
    let (name, after) = rest.split_once('}')?;
    (!name.contains(':') && name != "NamePrefix").then_some((before, name, after))
}

/// Returns the list of texts with each entry of the setting. `before` and `after` have no
/// references, because the delimiter of `Fn::Join` accepts none.
/// <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/intrinsic-function-reference-join.html>
fn entries_yaml(before: &str, setting: &str, after: &str) -> String {
    let entries = format!("!Split [\",\", !Ref {setting}]");
    if before.is_empty() && after.is_empty() {
        return entries;
    }
    let joined = format!("!Join [\"{after}{SEPARATOR}{before}\", {entries}]");
    format!("!Split [\"{SEPARATOR}\", !Join [\"\", [\"{before}\", {joined}, \"{after}\"]]]")
}

fn scalar_yaml(text: &str) -> String {
    if let Some((before, setting, after)) = setting_in(text) {
        entries_yaml(before, setting, after)
    } else if !reference::names(text).is_empty() {
        format!("!Sub {text}")
    } else if text.contains("${!") {
        // A variable of IAM. Outside `Fn::Sub` it needs no escape.
        format!("\"{}\"", text.replace("${!", "${"))
    } else if matches!(text, "*" | "true" | "false" | "Null" | "null") || text.starts_with('*') {
        format!("\"{text}\"")
    } else {
        text.to_owned()
    }
}
