//! Evaluation of the template's rules, before any request to CloudFormation.
//!
//! CloudFormation evaluates the same rules itself. The broker reports a violation earlier, before
//! there is a record or a stack, and in the author's words.
//! <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/intrinsic-function-reference-rules.html>

use std::collections::{BTreeMap, BTreeSet};

use regex::Regex;

use super::model::{Condition, Operand, Rule};

/// Values of stack parameters by name, in the form that CloudFormation takes.
type Values = BTreeMap<String, String>;

/// Returns the messages of all assertions that these values break.
///
/// Rules about a parameter without a value here are left to CloudFormation. An example is a secret
/// that only the stack knows.
pub fn broken<'r>(rules: &'r [Rule], values: &Values) -> Vec<&'r str> {
    let applicable = rules
        .iter()
        .filter(|rule| all(&rule.conditions, values) == Some(true));
    let assertions = applicable.flat_map(|rule| rule.assertions.iter());

    let broken = assertions.filter(|assertion| holds(&assertion.holds, values) == Some(false));
    broken.map(|assertion| &*assertion.description).collect()
}

/// Evaluates a condition. None if the result depends on an unknown value.
fn holds(condition: &Condition, values: &Values) -> Option<bool> {
    match condition {
        Condition::AllOf(conditions) => all(conditions, values),
        Condition::AnyOf(conditions) => any(conditions, values),
        Condition::NoneOf(conditions) => Some(!any(conditions, values)?),
        Condition::Equals(one, other) => Some(evaluate(one, values)? == evaluate(other, values)?),
        Condition::Contains(list, text) => is_subset(text, list, values),
        Condition::EachMemberEquals(list, text) => is_subset(list, text, values),
        Condition::EachMemberIn(list, known) => is_subset(list, known, values),
        Condition::Ascending {
            values: operands,
            without,
        } => is_ascending(operands, without.as_deref().and_then(number), values),
        Condition::AtMost(list, limit) => Some(given(list, values)?.len() <= *limit),
        Condition::Distinct(list) => is_distinct(list, values),
        Condition::EachMatches(operand, pattern) => each_matches(operand, pattern, values),
        Condition::NoneMatches(operand, pattern) => Some(!any_matches(operand, pattern, values)?),
        Condition::Subdomain(domain, parents) => is_subdomain(domain, parents, values),
        Condition::Sender(sender, identity) => may_send(sender, identity, values),
    }
}

/// True if every value of the first operand is one of the second. None if a value is unknown.
fn is_subset(members: &Operand, known: &Operand, values: &Values) -> Option<bool> {
    let (members, known) = (evaluate(members, values)?, evaluate(known, values)?);
    Some(members.iter().all(|member| known.contains(member)))
}

/// True if no non-empty value occurs twice in the list. None if a value is unknown.
fn is_distinct(list: &Operand, values: &Values) -> Option<bool> {
    let entries = given(list, values)?;
    let distinct: BTreeSet<_> = entries.iter().collect();
    Some(distinct.len() == entries.len())
}

/// True if every non-empty value contains a match of the pattern. None if a value is unknown.
fn each_matches(operand: &Operand, pattern: &str, values: &Values) -> Option<bool> {
    // The compiler has already rejected invalid patterns.
    let pattern = Regex::new(pattern).ok()?;
    let given = given(operand, values)?;
    Some(given.iter().all(|value| pattern.is_match(value)))
}

/// True if a non-empty value contains a match of the pattern. None if a value is unknown.
fn any_matches(operand: &Operand, pattern: &str, values: &Values) -> Option<bool> {
    let pattern = Regex::new(pattern).ok()?;
    let given = given(operand, values)?;
    Some(given.iter().any(|value| pattern.is_match(value)))
}

/// True if every domain is below the domains of all parents. None if a value is unknown.
fn is_subdomain(domain: &Operand, parents: &Operand, values: &Values) -> Option<bool> {
    let (domains, parents) = (given(domain, values)?, given(parents, values)?);
    Some(
        domains
            .iter()
            .all(|domain| parents.iter().all(|parent| is_below(domain, parent))),
    )
}

/// True if every sender is an address of all identities. None if a value is unknown.
fn may_send(sender: &Operand, identity: &Operand, values: &Values) -> Option<bool> {
    let (senders, identities) = (given(sender, values)?, given(identity, values)?);
    Some(senders.iter().all(|sender| {
        identities
            .iter()
            .all(|identity| is_sender(sender, identity))
    }))
}

/// Three-valued AND: one condition that does not hold decides, even if others are unknown.
fn all(conditions: &[Condition], values: &Values) -> Option<bool> {
    let results: Vec<_> = conditions
        .iter()
        .map(|condition| holds(condition, values))
        .collect();
    if results.contains(&Some(false)) {
        Some(false)
    } else {
        results.into_iter().all(|one| one.is_some()).then_some(true)
    }
}

/// Three-valued OR: one condition that holds decides, even if others are unknown.
fn any(conditions: &[Condition], values: &Values) -> Option<bool> {
    let results: Vec<_> = conditions
        .iter()
        .map(|condition| holds(condition, values))
        .collect();
    if results.contains(&Some(true)) {
        Some(true)
    } else {
        results
            .into_iter()
            .all(|one| one.is_some())
            .then_some(false)
    }
}

/// Returns the operand's values: one, or all entries of a list. None if a value is unknown.
fn evaluate(operand: &Operand, values: &Values) -> Option<Vec<String>> {
    match operand {
        Operand::Text(text) => Some(vec![text.to_string()]),
        Operand::Parameter(name) => values.get(&**name).map(|value| vec![value.clone()]),
        Operand::ListParameter(name) => {
            let value = values.get(&**name)?;
            Some(
                value
                    .split(',')
                    .map(|entry| entry.trim().to_owned())
                    .collect(),
            )
        }
        Operand::List(operands) => {
            let lists: Option<Vec<_>> = operands
                .iter()
                .map(|operand| evaluate(operand, values))
                .collect();
            lists.map(|lists| lists.concat())
        }
    }
}

/// Returns the operand's non-empty values. None if a value is unknown.
fn given(operand: &Operand, values: &Values) -> Option<Vec<String>> {
    let mut given = evaluate(operand, values)?;
    given.retain(|value| !value.is_empty());
    Some(given)
}

/// True if the domain is below the parent: a domain name, or the domain of an e-mail address.
fn is_below(domain: &str, parent: &str) -> bool {
    let parent = parent
        .rsplit('@')
        .next()
        .unwrap_or(parent)
        .to_ascii_lowercase();
    let below = domain.to_ascii_lowercase();
    below
        .strip_suffix(&parent)
        .is_some_and(|labels| labels.len() > 1 && labels.ends_with('.'))
}

/// True if the sender may send as the SES identity of this ARN.
///
/// The sender is an e-mail address, with or without a name before it. The identity of an address
/// allows only that address. The identity of a domain allows all addresses in it and in its
/// subdomains.
/// <https://docs.aws.amazon.com/ses/latest/dg/creating-identities.html>
fn is_sender(sender: &str, identity: &str) -> bool {
    let address = sender
        .rsplit('<')
        .next()
        .unwrap_or(sender)
        .trim_end_matches('>');
    let identity = identity.rsplit('/').next().unwrap_or(identity);
    let domain = address.rsplit('@').next().unwrap_or(address);

    if identity.contains('@') {
        address.eq_ignore_ascii_case(identity)
    } else {
        domain.eq_ignore_ascii_case(identity) || is_below(domain, identity)
    }
}

fn is_ascending(operands: &[Operand], without: Option<f64>, values: &Values) -> Option<bool> {
    let lists: Option<Vec<_>> = operands
        .iter()
        .map(|operand| evaluate(operand, values))
        .collect();
    let numbers: Option<Vec<_>> = lists?.concat().iter().map(|text| number(text)).collect();

    let counted: Vec<_> = numbers?
        .into_iter()
        .filter(|number| Some(*number) != without)
        .collect();
    Some(counted.is_sorted_by(|one, other| one < other))
}

fn number(text: &str) -> Option<f64> {
    text.parse().ok()
}
