//! The operator's consent to what a user names and the user's instance did not create: a zone, a VPC, a sender.
//!
//! Each such parameter belongs to a setting of the operator's, a list of entries. A value has to fit one of them.

use std::collections::BTreeMap;

use regex::Regex;

use super::model::{Offering, Plan, Setting};

/// The entries of the operator's settings, by the names of the settings.
pub type Consents = BTreeMap<String, Vec<String>>;

/// True unless the plan needs a consent, and the operator has given none.
pub fn is_usable(offering: &Offering, plan: &Plan, consents: &Consents) -> bool {
    let mut needed = offering.settings.iter().filter(|setting| setting.plans.contains(&plan.name));
    needed.all(|setting| consents.get(&*setting.name).is_some_and(|entries| !entries.is_empty()))
}

/// Returns for every parameter whose value fits no entry what the user can do. `values` are those that the stack is to
/// have, as CloudFormation takes them.
pub fn refusals(offering: &Offering, consents: &Consents, values: &BTreeMap<String, String>) -> Vec<String> {
    let checks =
        offering.settings.iter().flat_map(|setting| setting.parameters.iter().map(move |name| (setting, name)));
    let refused = checks.filter(|(setting, parameter)| {
        let value = values.get(&***parameter).map(String::as_str).unwrap_or_default();
        !value.is_empty() && !is_allowed(setting, consents, value)
    });
    let refusal = |(setting, parameter): (&Setting, _)| {
        format!(
            "The broker's operator has not allowed the value of the parameter `{parameter}`. Use another one, or ask the \
             operator to add it to the setting {}.",
            setting.name
        )
    };
    refused.map(refusal).collect()
}

fn is_allowed(setting: &Setting, consents: &Consents, value: &str) -> bool {
    // A domain name with its last dot is the same name.
    let value = value.strip_suffix('.').unwrap_or(value);
    // As Route 53 writes it: in an entry a `*` is a wildcard.
    let value = value.replace('*', r"\052");
    let entries = consents.get(&*setting.name).into_iter().flatten();
    let mut patterns = entries.filter_map(|entry| Regex::new(&pattern(setting, entry)).ok());
    patterns.any(|pattern| pattern.is_match(&value))
}

/// The regular expression of all values that fit the entry. Names of domains are the same in capitals.
fn pattern(setting: &Setting, entry: &str) -> String {
    let any_of = |wildcard: &str, text: &str| {
        let literals: Vec<_> = text.split('*').map(regex::escape).collect();
        literals.join(&format!("(?:{wildcard})*"))
    };
    let reference = format!("${{{}}}", setting.name);
    let (before, after) = setting.form.split_once(&reference).unwrap_or_default();
    format!("^(?is:{}{}{})$", any_of(".", before), any_of(&setting.wildcard, entry), any_of(".", after))
}
