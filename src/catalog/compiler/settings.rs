//! The specification's `Settings`: what users name only with the operator's consent.

use std::fmt;

use regex::Regex;
use serde_saphyr::Spanned;

use super::{
    Checked,
    document::{self, Specification, Template},
    fault, known_parameter, unknown,
};
use crate::catalog::{
    model::{List, Setting, Text},
    reference,
};

/// A `*` in an entry stands for any characters where the template says nothing else.
const ANY_CHARACTER: &str = ".";

/// A setting as a parameter of the broker's own stack.
#[derive(Clone, Debug, PartialEq)]
pub struct OperatorSetting {
    /// Letters and digits.
    pub name: String,
    /// What an operator who reads the parameter has to know.
    pub description: String,
    /// Regular expression of one entry.
    pub entry_pattern: String,
}

/// Reads the settings for the broker's own stack. [`settings`] has checked them.
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

/// Compiles and checks the settings.
pub fn settings(template: &Template) -> Checked<List<Setting>> {
    let settings = &template.metadata.specification.value.settings;
    settings
        .iter()
        .map(|(name, at)| setting(template, name, at))
        .collect()
}

fn setting(template: &Template, name: &str, at: &Spanned<document::Setting>) -> Checked<Setting> {
    let refused = |reason: &dyn fmt::Display| fault(at, format!("setting `{name}`: {reason}"));
    let document::Setting {
        description,
        entry_pattern,
        parameters,
        plans,
        form,
        wildcard,
    } = &at.value;

    if !name.chars().all(|c| c.is_ascii_alphanumeric())
        || !name.starts_with(|c: char| c.is_ascii_uppercase())
    {
        return Err(refused(
            &"its name consists of letters and digits and begins with a capital",
        ));
    }
    if description.trim().is_empty() {
        return Err(refused(&"it needs a Description"));
    }

    for parameter in parameters {
        known_parameter(template, parameter).map_err(|reason| refused(&reason))?;
    }
    let known_plans = &template.metadata.specification.value.service_plans;
    if let Some(plan) = plans.iter().find(|plan| !known_plans.contains_key(*plan)) {
        return Err(refused(&unknown(
            "ServicePlans has no plan",
            plan,
            known_plans.keys(),
        )));
    }

    // Entries are listed with commas, and joined with bars in the policies of the broker's own
    // stack.
    let pattern = Regex::new(&format!("^({entry_pattern})$")).map_err(|error| refused(&error))?;
    if [",", "|", "", "'"]
        .iter()
        .any(|text| pattern.is_match(text))
        || entry_pattern.contains('\'')
    {
        return Err(refused(
            &"an entry must not be empty, and has neither commas, bars nor quotes",
        ));
    }

    let wildcard = wildcard.as_deref().unwrap_or(ANY_CHARACTER);
    Regex::new(wildcard).map_err(|error| refused(&error))?;

    let reference = format!("${{{name}}}");
    let form = form.clone().unwrap_or_else(|| reference.clone());
    if reference::names(&form) != [name] {
        return Err(refused(&format!(
            "its Form has the reference `{reference}`, once"
        )));
    }

    let texts = |names: &[String]| {
        names
            .iter()
            .cloned()
            .map(Text::from)
            .collect::<List<Text>>()
    };
    Ok(Setting {
        name: name.to_owned().into(),
        parameters: texts(parameters),
        plans: texts(plans),
        form: form.into(),
        wildcard: wildcard.to_owned().into(),
    })
}
