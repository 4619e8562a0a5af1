//! Detection of unknown keys in a template, with suggestions for its author.
//!
//! An unknown key is a mistake that nobody sees: a misspelt `UpdatableParameters` would fix every
//! parameter. Unused keys of the archived AWS Service Broker's format are known too, so its
//! published templates load unchanged.

use super::{Checked, Fault, node::Node};
use crate::spelling;

const SPECIFICATION: &str = "AWS::ServiceBroker::Specification";
const INTERFACE: &str = "AWS::CloudFormation::Interface";

/// The sections of a template.
/// <https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/template-anatomy.html>
const SECTIONS: [&str; 11] = [
    "AWSTemplateFormatVersion",
    "Description",
    "Metadata",
    "Parameters",
    "Rules",
    "Mappings",
    "Conditions",
    "Transform",
    "Hooks",
    "Resources",
    "Outputs",
];
const SPECIFICATION_KEYS: [&str; 31] = [
    "Version",
    "VersionDescription",
    "Name",
    "DisplayName",
    "LongDescription",
    "ImageUrl",
    "DocumentationUrl",
    "SupportUrl",
    "ProviderDisplayName",
    "Tags",
    "ServicePlans",
    "PlanUpdateable",
    "LongestCreation",
    "MaximumPollingDuration",
    "UpdatableParameters",
    "OperatorParameters",
    "Growing",
    "SameSpace",
    "TaggedBySpace",
    "EndOfSupport",
    "Ascending",
    "Lists",
    "Matching",
    "Subdomains",
    "Senders",
    "OutputsAsIs",
    "CloudFoundry",
    "BindViaLambda",
    "Settings",
    "DeployPolicy",
    "Bindings",
];
const PLAN_KEYS: [&str; 11] = [
    "DisplayName",
    "Description",
    "LongDescription",
    "Bullets",
    "Cost",
    "Costs",
    "PlanUpdateable",
    "LongestCreation",
    "MaximumPollingDuration",
    "ParameterValues",
    "ParameterDefaults",
];
const COST_KEYS: [&str; 4] = ["amount", "Amount", "unit", "Unit"];
const BINDINGS_KEYS: [&str; 8] = [
    "DefaultScope",
    "Policies",
    "Boundary",
    "Credentials",
    "Endpoints",
    "Database",
    // Keys of the published format only: its broker created identities by its own rules.
    "IAM",
    "CFNOutputs",
];
const STATEMENT_KEYS: [&str; 4] = ["Effect", "Action", "Resource", "Condition"];
const SETTING_KEYS: [&str; 6] = [
    "Description",
    "EntryPattern",
    "Parameters",
    "Plans",
    "Form",
    "Wildcard",
];
const ENDPOINT_KEYS: [&str; 3] = ["Host", "Ports", "Protocol"];
const DATABASE_KEYS: [&str; 6] = ["Engine", "Host", "Port", "Name", "MasterSecret", "Users"];
const DATABASE_USER_KEYS: [&str; 2] = ["Privileges", "Authentication"];
const ASCENDING_KEYS: [&str; 3] = ["Parameters", "Without", "Description"];
const LIST_KEYS: [&str; 4] = ["Parameter", "MaxItems", "UniqueItems", "Description"];
const MATCHING_KEYS: [&str; 5] = [
    "When",
    "Parameter",
    "AllowedPattern",
    "ForbiddenPattern",
    "Description",
];
const SUBDOMAIN_KEYS: [&str; 3] = ["Parameter", "Of", "Description"];
const SAME_SPACE_KEYS: [&str; 2] = ["Parameter", "Output"];
const TAGGED_BY_SPACE_KEYS: [&str; 2] = ["Parameter", "Arn"];
const END_OF_SUPPORT_KEYS: [&str; 2] = ["Parameter", "Dates"];
const SENDER_KEYS: [&str; 3] = ["Parameter", "Of", "Description"];
/// The specification's lists, the keys of their entries, and what to call an entry.
const LISTS: [(&str, &[&str], &str); 8] = [
    (
        "DeployPolicy",
        &STATEMENT_KEYS,
        "a statement of DeployPolicy",
    ),
    ("Ascending", &ASCENDING_KEYS, "an entry of Ascending"),
    ("Lists", &LIST_KEYS, "an entry of Lists"),
    ("Matching", &MATCHING_KEYS, "an entry of Matching"),
    ("Subdomains", &SUBDOMAIN_KEYS, "an entry of Subdomains"),
    ("Senders", &SENDER_KEYS, "an entry of Senders"),
    ("SameSpace", &SAME_SPACE_KEYS, "an entry of SameSpace"),
    (
        "TaggedBySpace",
        &TAGGED_BY_SPACE_KEYS,
        "an entry of TaggedBySpace",
    ),
];
const INTERFACE_KEYS: [&str; 2] = ["ParameterGroups", "ParameterLabels"];
const GROUP_KEYS: [&str; 2] = ["Label", "Parameters"];
const LABEL_KEYS: [&str; 1] = ["default"];
/// <https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/parameters-section-structure.html>
const PARAMETER_KEYS: [&str; 11] = [
    "Type",
    "Default",
    "Description",
    "AllowedValues",
    "AllowedPattern",
    "ConstraintDescription",
    "MinLength",
    "MaxLength",
    "MinValue",
    "MaxValue",
    "NoEcho",
];
const RULE_KEYS: [&str; 2] = ["RuleCondition", "Assertions"];
const ASSERTION_KEYS: [&str; 2] = ["Assert", "AssertDescription"];

/// Rejects the first key of the template that is unknown in its place.
pub fn check(template: &Node) -> Checked<()> {
    check_keys(template, &SECTIONS, "a template")?;
    check_each_field(template.get("Parameters"), &PARAMETER_KEYS, "a parameter")?;
    check_each_field(template.get("Rules"), &RULE_KEYS, "a rule")?;

    for (_, rule) in template.get("Rules").into_iter().flat_map(Node::fields) {
        check_each_entry(rule.get("Assertions"), &ASSERTION_KEYS, "an assertion")?;
    }

    let Some(metadata) = template.get("Metadata") else {
        return Ok(());
    };
    check_metadata(metadata)?;
    metadata
        .get(SPECIFICATION)
        .map_or(Ok(()), check_specification)?;
    metadata.get(INTERFACE).map_or(Ok(()), check_interface)
}

/// Rejects misspelt names of the metadata that the compiler knows. Other metadata is allowed.
fn check_metadata(metadata: &Node) -> Checked<()> {
    let known = [SPECIFICATION, INTERFACE];
    for (key, _) in metadata.fields() {
        let name = key.value.as_str();
        if let Some(meant) = spelling::nearest(name, known).filter(|_| !known.contains(&name)) {
            return Err(unknown(key, "Metadata", Some(meant), &known));
        }
    }
    Ok(())
}

fn check_specification(specification: &Node) -> Checked<()> {
    check_keys(specification, &SPECIFICATION_KEYS, "the specification")?;
    check_each_field(specification.get("Settings"), &SETTING_KEYS, "a setting")?;
    if let Some(dates) = specification.get("EndOfSupport") {
        check_keys(dates, &END_OF_SUPPORT_KEYS, "EndOfSupport")?;
    }
    for (list, known, place) in LISTS {
        check_each_entry(specification.get(list), known, place)?;
    }

    check_each_field(specification.get("ServicePlans"), &PLAN_KEYS, "a plan")?;
    for (_, plan) in specification
        .get("ServicePlans")
        .into_iter()
        .flat_map(Node::fields)
    {
        check_each_entry(plan.get("Costs"), &COST_KEYS, "a cost")?;
    }

    match specification.get("Bindings") {
        Some(bindings) => check_bindings(bindings),
        None => Ok(()),
    }
}

/// Checks the keys of the specification's `Bindings`.
fn check_bindings(bindings: &Node) -> Checked<()> {
    check_keys(bindings, &BINDINGS_KEYS, "Bindings")?;
    check_each_entry(
        bindings.get("Boundary"),
        &STATEMENT_KEYS,
        "a statement of Boundary",
    )?;
    check_each_entry(bindings.get("Endpoints"), &ENDPOINT_KEYS, "an endpoint")?;

    let Some(database) = bindings.get("Database") else {
        return Ok(());
    };
    check_keys(database, &DATABASE_KEYS, "Database")?;
    check_each_field(database.get("Users"), &DATABASE_USER_KEYS, "a user")
}

fn check_interface(interface: &Node) -> Checked<()> {
    check_keys(interface, &INTERFACE_KEYS, "the interface")?;
    check_each_entry(interface.get("ParameterGroups"), &GROUP_KEYS, "a group")?;
    for group in interface
        .get("ParameterGroups")
        .map(Node::entries)
        .unwrap_or_default()
    {
        group
            .get("Label")
            .map_or(Ok(()), |label| check_keys(label, &LABEL_KEYS, "a label"))?;
    }
    check_each_field(interface.get("ParameterLabels"), &LABEL_KEYS, "a label")
}

fn check_each_field(of: Option<&Node>, known: &[&str], place: &str) -> Checked<()> {
    let fields = of.into_iter().flat_map(Node::fields);
    fields
        .map(|(_, node)| node)
        .try_for_each(|node| check_keys(node, known, place))
}

fn check_each_entry(of: Option<&Node>, known: &[&str], place: &str) -> Checked<()> {
    of.map(Node::entries)
        .unwrap_or_default()
        .iter()
        .try_for_each(|node| check_keys(node, known, place))
}

fn check_keys(node: &Node, known: &[&str], place: &str) -> Checked<()> {
    let strange = node
        .fields()
        .map(|(key, _)| key)
        .find(|key| !known.contains(&key.value.as_str()));
    match strange {
        None => Ok(()),
        Some(key) => {
            let meant = spelling::nearest(&key.value, known.iter().copied());
            Err(unknown(key, place, meant, known))
        }
    }
}

fn unknown(
    key: &serde_saphyr::Spanned<String>,
    place: &str,
    meant: Option<&str>,
    known: &[&str],
) -> Fault {
    let name = &key.value;
    let reason = match meant {
        Some(meant) => format!("`{name}` is not a key of {place}; did you mean `{meant}`?"),
        None => format!(
            "`{name}` is not a key of {place}, whose keys are: {}",
            known.join(", ")
        ),
    };

    Fault {
        line: key.referenced.line(),
        reason,
    }
}
