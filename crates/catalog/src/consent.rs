//! The operator's consent to existing resources that users name in parameters: a hosted zone, a
//! VPC, an e-mail sender.
//!
//! Each such parameter belongs to one of the operator's settings, a list of entries. A value must
//! match an entry that is valid for the instance's organization or space.

use std::collections::{BTreeMap, BTreeSet};

use regex::Regex;

use super::{
    model::{Offering, Plan, Setting},
    unique::UniqueMap,
};

/// The entry that allows every value.
const EVERYTHING: &str = "*";

/// The operator's consents. By default there are none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Consents {
    /// Entries of the operator's settings, by setting name.
    pub entries: BTreeMap<String, Vec<String>>,
    /// GUIDs of the organizations and spaces that may use an entry, by entry. An entry that is not
    /// a key here is valid for all of them.
    pub owners: BTreeMap<String, BTreeSet<String>>,
}

impl Consents {
    /// Reads the owners of entries: a JSON object from an entry to its GUIDs, or an empty text.
    ///
    /// # Errors
    ///
    /// A message for the operator if the JSON is invalid or an entry has no GUIDs. Also if an entry
    /// is in no setting, or in one that only IAM checks.
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
                return Err(format!("`{entry}` is not an entry of a setting"));
            }

            if let Some((setting, _)) =
                settings.find(|(setting, _)| !is_checked(offerings, setting))
            {
                return Err(format!(
                    "`{entry}` is in {setting}, which only IAM checks, for all users"
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

    /// Returns the setting's entries that an instance of one of these owners may use. `owners` are
    /// the GUIDs of organizations and spaces.
    fn of<'a>(&'a self, setting: &str, owners: &'a [&'a str]) -> impl Iterator<Item = &'a String> {
        let entries = self.entries.get(setting).into_iter().flatten();
        entries.filter(move |entry| {
            self.owners
                .get(*entry)
                .is_none_or(|guids| owners.iter().any(|owner| guids.contains(*owner)))
        })
    }
}

/// True if the broker compares values of parameters with the setting's entries.
fn is_checked(offerings: &[Offering], setting: &str) -> bool {
    let mut settings = offerings
        .iter()
        .flat_map(|offering| offering.settings.iter());
    settings.any(|known| known.name == setting && !known.parameters.is_empty())
}

/// True if every setting that the plan needs has an entry.
pub fn is_usable(offering: &Offering, plan: &Plan, consents: &Consents) -> bool {
    let mut needed = offering
        .settings
        .iter()
        .filter(|setting| setting.plans.contains(&plan.name));
    needed.all(|setting| consents.has_entry(&setting.name))
}

/// Returns a message for the user for every parameter whose value matches no entry.
///
/// `values` are the stack's future parameters as CloudFormation takes them. `owners` are the GUIDs
/// of the instance's organization and space.
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

    let refusals = refused.map(|(setting, parameter)| {
        format!(
            "The broker's operator does not allow this value of the parameter `{parameter}`. Use \
             another value, or ask the operator to add it to the setting {}.",
            setting.name
        )
    });
    refusals.collect()
}

fn is_allowed<'a>(
    setting: &Setting,
    mut entries: impl Iterator<Item = &'a String>,
    value: &str,
) -> bool {
    // A trailing dot does not change a domain name.
    let value = value.strip_suffix('.').unwrap_or(value);
    // Escaped as in Route 53, because a `*` in an entry is a wildcard.
    let value = value.replace('*', r"\052");
    entries.any(|entry| {
        Regex::new(&pattern(setting, entry)).is_ok_and(|pattern| pattern.is_match(&value))
    })
}

/// Returns the regular expression of all values that match the entry. It ignores case, because
/// domain names do.
fn pattern(setting: &Setting, entry: &str) -> String {
    let reference = format!("${{{}}}", setting.name);
    let (before, after) = setting.form.split_once(&reference).unwrap_or_default();
    let wildcard = if entry == EVERYTHING {
        "."
    } else {
        &*setting.wildcard
    };

    format!(
        "^(?is:{}{}{})$",
        any_of(before, "."),
        any_of(entry, wildcard),
        any_of(after, ".")
    )
}

/// Returns the regular expression of the text, with each `*` replaced by any number of `wildcard`.
fn any_of(text: &str, wildcard: &str) -> String {
    let literals: Vec<_> = text.split('*').map(regex::escape).collect();
    literals.join(&format!("(?:{wildcard})*"))
}
