//! The operator's consent to what a user names and the user's instance did not create: a zone, a
//! VPC, a sender.
//!
//! Each such parameter belongs to a setting of the operator's, a list of entries. A value has to
//! fit one of them that is for the instance's organization or space.

use std::collections::{BTreeMap, BTreeSet};

use regex::Regex;

use super::{
    model::{Offering, Plan, Setting},
    unique::UniqueMap,
};

/// An entry that allows everything.
const EVERYTHING: &str = "*";

/// The operator's consents; by default none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Consents {
    /// The entries of the operator's settings, by the names of the settings.
    pub entries: BTreeMap<String, Vec<String>>,
    /// The GUIDs of the organizations and spaces that an entry is for; one that is not here is for
    /// all.
    pub owners: BTreeMap<String, BTreeSet<String>>,
}

impl Consents {
    /// Reads for whom entries are: a JSON object by entry, or nothing.
    ///
    /// # Errors
    ///
    /// Says what is no entry of a setting that the broker checks for these offerings, or is for
    /// nobody.
    pub fn with_owners(self, text: &str, offerings: &[Offering]) -> Result<Self, String> {
        if text.trim().is_empty() {
            return Ok(self);
        }

        let UniqueMap(owners) = serde_json::from_str::<UniqueMap<BTreeSet<String>>>(text)
            .map_err(|error| error.to_string())?;
        for (entry, guids) in &owners {
            let mut settings = self
                .entries
                .iter()
                .filter(|(_, entries)| entries.contains(entry))
                .peekable();
            if settings.peek().is_none() {
                return Err(format!("`{entry}` is no entry of a setting"));
            }

            if let Some((setting, _)) =
                settings.find(|(setting, _)| !is_checked(offerings, setting))
            {
                return Err(format!(
                    "`{entry}` is of {setting}, which IAM alone checks, for all users together"
                ));
            }

            if guids.is_empty() || guids.contains("") {
                return Err(format!(
                    "`{entry}` needs the GUIDs of organizations or spaces"
                ));
            }
        }

        Ok(Self { owners, ..self })
    }

    /// True if the setting has an entry.
    fn has_entry(&self, setting: &str) -> bool {
        self.entries
            .get(setting)
            .is_some_and(|entries| !entries.is_empty())
    }

    /// The entries of a setting for an instance of one of these organizations and spaces.
    fn of<'a>(&'a self, setting: &str, owners: &'a [&'a str]) -> impl Iterator<Item = &'a String> {
        let is_for = |guids: &BTreeSet<String>| owners.iter().any(|owner| guids.contains(*owner));
        let entries = self.entries.get(setting).into_iter().flatten();
        entries.filter(move |entry| self.owners.get(*entry).is_none_or(is_for))
    }
}

/// True if the broker compares values of parameters with the setting's entries.
fn is_checked(offerings: &[Offering], setting: &str) -> bool {
    let mut settings = offerings
        .iter()
        .flat_map(|offering| offering.settings.iter());
    settings.any(|known| known.name == setting && !known.parameters.is_empty())
}

/// True unless the plan needs a consent, and the operator has given none.
pub fn is_usable(offering: &Offering, plan: &Plan, consents: &Consents) -> bool {
    let mut needed = offering
        .settings
        .iter()
        .filter(|setting| setting.plans.contains(&plan.name));
    needed.all(|setting| consents.has_entry(&setting.name))
}

/// Returns for every parameter whose value fits no entry what the user can do. `values` are those
/// that the stack is to have, as CloudFormation takes them, `owners` the GUIDs of the instance's
/// organization and space.
pub fn refusals(
    offering: &Offering,
    consents: &Consents,
    values: &BTreeMap<String, String>,
    owners: &[&str],
) -> Vec<String> {
    let checks = offering
        .settings
        .iter()
        .flat_map(|setting| setting.parameters.iter().map(move |name| (setting, name)));
    let refused = checks.filter(|(setting, parameter)| {
        let value = values
            .get(&***parameter)
            .map(String::as_str)
            .unwrap_or_default();
        !value.is_empty() && !is_allowed(setting, consents.of(&setting.name, owners), value)
    });

    let refusal = |(setting, parameter): (&Setting, _)| {
        format!(
            "The broker's operator has not allowed the value of the parameter `{parameter}`. Use \
             another one, or ask the operator to add it to the setting {}.",
            setting.name
        )
    };
    refused.map(refusal).collect()
}

fn is_allowed<'a>(
    setting: &Setting,
    mut entries: impl Iterator<Item = &'a String>,
    value: &str,
) -> bool {
    // A domain name with its last dot is the same name.
    let value = value.strip_suffix('.').unwrap_or(value);
    // As Route 53 writes it: in an entry a `*` is a wildcard.
    let value = value.replace('*', r"\052");
    entries.any(|entry| {
        Regex::new(&pattern(setting, entry)).is_ok_and(|pattern| pattern.is_match(&value))
    })
}

/// The regular expression of all values that fit the entry. Names of domains are the same in
/// capitals.
fn pattern(setting: &Setting, entry: &str) -> String {
    let any_of = |wildcard: &str, text: &str| {
        let literals: Vec<_> = text.split('*').map(regex::escape).collect();
        literals.join(&format!("(?:{wildcard})*"))
    };

    let reference = format!("${{{}}}", setting.name);
    let (before, after) = setting.form.split_once(&reference).unwrap_or_default();
    let wildcard = if entry == EVERYTHING {
        "."
    } else {
        &*setting.wildcard
    };

    format!(
        "^(?is:{}{}{})$",
        any_of(".", before),
        any_of(wildcard, entry),
        any_of(".", after)
    )
}
