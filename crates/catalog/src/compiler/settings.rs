//! Compiler of the specification's `Settings`: the operator's consent to values that users name.

use regex::Regex;

use super::{
    Checked,
    document::{self, Specification, Template},
    fault, known_parameter, unknown,
};
use crate::{
    model::{List, Setting, Text},
    reference,
};

/// Default wildcard: a `*` in an entry stands for any characters.
const ANY_CHARACTER: &str = ".";

/// A setting as a parameter of the broker's own stack.
#[derive(Clone, Debug, PartialEq)]
pub struct OperatorSetting {
    /// Name of the parameter: letters and digits, with a capital first.
    pub name: String,
    /// Description of the parameter, for the operator.
    pub description: String,
    /// Regular expression of one entry.
    pub entry_pattern: String,
}

/// Returns the settings for the broker's own stack. [`settings`] has already validated them.
pub fn operator_settings(specification: &Specification) -> Vec<OperatorSetting> {
    let settings = specification
        .settings
        .iter()
        .map(|(name, setting)| OperatorSetting {
            name: name.clone(),
            description: setting.value.description.trim().to_owned(),
            entry_pattern: setting.value.entry_pattern.clone(),
        });
    settings.collect()
}

/// Compiles and validates the settings.
pub fn settings(template: &Template) -> Checked<List<Setting>> {
    let settings = &template.metadata.specification.value.settings;
    settings
        .iter()
        .map(|(name, at)| {
            setting(template, name, &at.value)
                .map_err(|reason| fault(at, format!("setting `{name}`: {reason}")))
        })
        .collect()
}

/// Returns one setting, or the reason why it is invalid.
fn setting(
    template: &Template,
    name: &str,
    declared: &document::Setting,
) -> Result<Setting, String> {
    check_name(name)?;
    if declared.description.trim().is_empty() {
        return Err("it needs a Description".into());
    }
    for parameter in &declared.parameters {
        known_parameter(template, parameter)?;
    }
    check_plans(template, &declared.plans)?;
    check_entry_pattern(&declared.entry_pattern)?;

    let wildcard = declared.wildcard.as_deref().unwrap_or(ANY_CHARACTER);
    Regex::new(wildcard).map_err(|error| error.to_string())?;
    let form = form(name, declared.form.as_deref())?;

    Ok(Setting {
        name: name.to_owned().into(),
        parameters: texts(&declared.parameters),
        plans: texts(&declared.plans),
        form: form.into(),
        wildcard: wildcard.to_owned().into(),
    })
}

/// Checks the setting's name, which is also the name of a CloudFormation parameter.
fn check_name(name: &str) -> Result<(), String> {
    if !name.chars().all(|c| c.is_ascii_alphanumeric())
        || !name.starts_with(|c: char| c.is_ascii_uppercase())
    {
        return Err(
            "its name must consist of letters and digits, and begin with a capital letter".into(),
        );
    }
    Ok(())
}

/// Checks that the template has these plans.
fn check_plans(template: &Template, plans: &[String]) -> Result<(), String> {
    let known = &template.metadata.specification.value.service_plans;
    match plans.iter().find(|plan| !known.contains_key(*plan)) {
        Some(plan) => Err(unknown("ServicePlans has no plan", plan, known.keys())),
        None => Ok(()),
    }
}

/// Checks that no entry can be empty, or contain a character that separates or quotes entries.
fn check_entry_pattern(entry_pattern: &str) -> Result<(), String> {
    // Commas separate the entries of a setting. Bars separate them in the policies of the broker's
    // own stack.
    let pattern = Regex::new(&format!("^({entry_pattern})$")).map_err(|error| error.to_string())?;
    if [",", "|", "", "'"]
        .iter()
        .any(|text| pattern.is_match(text))
        || entry_pattern.contains('\'')
    {
        return Err("an entry must not be empty, nor contain commas, bars or quotes".into());
    }
    Ok(())
}

/// Returns the pattern of a value with an entry. If none is declared, it is the entry alone.
fn form(name: &str, declared: Option<&str>) -> Result<String, String> {
    let reference = format!("${{{name}}}");
    let form = declared.unwrap_or(&reference);
    if reference::names(form) != [name] {
        return Err(format!(
            "its Form must contain the reference `{reference}` once"
        ));
    }
    Ok(form.to_owned())
}

/// Returns the names as texts of the catalog.
fn texts(names: &[String]) -> List<Text> {
    names.iter().cloned().map(Text::from).collect()
}
