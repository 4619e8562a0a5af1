//! The settings of templates, as parts of the broker's own stack.

use std::fmt::Write;

use anyhow::{Result, bail};
use catalog::{
    compiler::{Inspection, OperatorSetting, Statement},
    reference, screaming_snake_case,
};
use serde_json::Value;

/// Maximum length of a template's setting, in characters. Lambda limits all environment variables
/// together to 4 KB.
/// <https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>
pub const MAX_SETTING: usize = 400;
/// Maximum number of entries in a setting.
pub const MAX_ENTRIES: usize = 10;
/// Maximum width of generated text, in columns.
const WIDTH: usize = 120;

/// Returns the settings of all templates, each once.
///
/// # Errors
///
/// Fails if two templates describe a setting differently.
pub fn all(services: &[Inspection]) -> Result<Vec<&OperatorSetting>> {
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

/// Returns the settings that the policies of deploy roles refer to. Only the broker checks the
/// others.
pub fn of_iam(services: &[Inspection]) -> Result<Vec<&OperatorSetting>> {
    let mut settings = all(services)?;
    settings.retain(|setting| {
        services
            .iter()
            .flat_map(|service| &service.permissions.deploy)
            .any(|statement| refers_to(statement, setting))
    });
    Ok(settings)
}

/// True if the statement refers to the setting.
pub fn refers_to(statement: &Statement, setting: &OperatorSetting) -> bool {
    let condition = statement.condition.as_ref().map(Value::to_string);
    let mut all = statement.resources.iter().chain(&condition);
    all.any(|text| reference::names(text).contains(&&*setting.name))
}

/// Returns the settings as parameters of a stack.
pub fn parameters(settings: &[&OperatorSetting]) -> String {
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

/// Returns a line for each setting: `line` with the setting's name.
pub fn lines(settings: &[&OperatorSetting], line: impl Fn(&str) -> String) -> String {
    settings
        .iter()
        .map(|setting| line(&setting.name) + "\n")
        .collect()
}

/// Returns the environment variable of a setting.
pub fn variable(name: &str) -> String {
    format!("        {}: !Ref {name}", screaming_snake_case(name))
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
