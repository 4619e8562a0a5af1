//! Validation of the length of every scope's policy, for all possible instances.
//!
//! IAM limits the length of a policy, and reports an excess only when a binding is created. This
//! check reports it to the template's author instead. It evaluates the outputs that a scope refers
//! to for every plan and in every partition. It tries every combination of the parameters that
//! decide which of the outputs exist. Names and values have their maximum length.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::{
    Checked,
    document::{Parameter, ServicePlan, Template},
    expression::Stack,
    fault,
    longest::{self, MAX_USER_POLICY, PARTITIONS, ResourceType},
    node::{Content, Node},
};
use crate::{policy, reference};

/// An end of a binding. Bindings end at whole seconds, so all ends have this length.
const ENDS_AT: &str = "2026-12-31T23:59:59Z";
/// Maximum number of combinations of parameters that are tried for one plan.
const MAX_COMBINATIONS: usize = 4_096;

/// Checks every scope's policy against the limit of a user, which is the lowest. Every binding may
/// have a user, even if roles have higher limits.
pub fn check(template: &Template, node: &Node) -> Checked<()> {
    let specification = &template.metadata.specification.value;
    for (scope, statements) in &specification.bindings.policies {
        for plan in specification.service_plans.values() {
            let length = Scope {
                template,
                node,
                statements: &statements.value,
            }
            .longest(&plan.value)?;

            if length > MAX_USER_POLICY {
                let reason = format!(
                    "the policy of the scope `{scope}` may have {length} characters; IAM allows \
                     {MAX_USER_POLICY} for a user"
                );
                return Err(fault(statements, reason));
            }
        }
    }

    Ok(())
}

struct Scope<'t> {
    template: &'t Template,
    node: &'t Node,
    statements: &'t [Value],
}

impl<'t> Scope<'t> {
    /// Returns the maximum length of the policy, in characters.
    fn longest(&self, plan: &ServicePlan) -> Checked<usize> {
        let outputs = self.outputs();
        let mut longest = 0;

        for parameters in self.combinations(&outputs, plan)? {
            for partition in &PARTITIONS {
                let service = &self.template.metadata.specification.value.name.value;
                let stack = Stack {
                    template: self.node,
                    parameters: parameters.clone(),
                    partition,
                    service,
                };
                longest = longest.max(self.length(&stack, &outputs)?);
            }
        }

        Ok(longest)
    }

    /// Returns the length of the policy as IAM counts it: in characters without white space.
    fn length(&self, stack: &Stack<'_>, outputs: &BTreeSet<&str>) -> Checked<usize> {
        let mut values = BTreeMap::new();
        for name in outputs {
            if let Some(value) = stack.output(name)?.filter(|value| !value.is_empty()) {
                values.insert(*name, value);
            }
        }

        let statements = reference::render_statements(self.statements, |name| {
            let output = values.get(name).map(String::as_str);
            output
                .or_else(|| stack.partition.reference(name))
                .or_else(|| longest::of_instance(name))
        });

        let document = policy::document(&statements, Some(ENDS_AT));
        Ok(document
            .chars()
            .filter(|character| !character.is_whitespace())
            .count())
    }

    /// Returns the outputs that the statements refer to.
    fn outputs(&self) -> BTreeSet<&'t str> {
        let mut names = BTreeSet::new();
        self.statements
            .iter()
            .for_each(|statement| collect_names(statement, &mut names));
        names.retain(|name| self.template.outputs.contains_key(*name));
        names
    }

    /// Returns combinations of values for the parameters that these outputs depend on.
    ///
    /// A parameter with allowed values has each of them. Other parameters are empty, have their
    /// maximum length, or have a value that the template compares them with. A parameter that the
    /// plan fixes has only its fixed value.
    fn combinations(
        &self,
        outputs: &BTreeSet<&str>,
        plan: &ServicePlan,
    ) -> Checked<Vec<BTreeMap<&'t str, String>>> {
        let mut used = Used {
            node: self.node,
            parameters: &self.template.parameters,
            names: BTreeMap::new(),
        };
        for output in outputs {
            self.node
                .at(&["Outputs", output])
                .into_iter()
                .for_each(|output| used.collect(output));
        }

        let mut combinations = vec![BTreeMap::new()];
        for (name, compared) in used.names {
            let Some(parameter) = self.template.parameters.get(name) else {
                continue;
            };
            let values = values(
                &parameter.value,
                plan.parameter_values.get(name).map(|value| &value.value),
                &compared,
            );
            if combinations.len() * values.len() > MAX_COMBINATIONS {
                let reason = "depends on too many parameters to calculate it: a policy's outputs \
                              should depend on few";
                return Err(fault(
                    parameter,
                    format!("the length of a scope's policy {reason}"),
                ));
            }

            combinations = combinations
                .iter()
                .flat_map(|one| values.iter().map(|value| with(one, name, value)))
                .collect();
        }

        Ok(combinations)
    }
}

/// Returns the combination with one more value.
fn with<'t>(
    combination: &BTreeMap<&'t str, String>,
    name: &'t str,
    value: &str,
) -> BTreeMap<&'t str, String> {
    let mut combination = combination.clone();
    combination.insert(name, value.to_owned());
    combination
}

fn values(
    parameter: &Parameter,
    fixed: Option<&Value>,
    compared: &BTreeSet<String>,
) -> Vec<String> {
    if let Some(fixed) = fixed {
        return super::text(fixed).into_iter().collect();
    }
    if let Some(allowed) = &parameter.allowed_values {
        return allowed
            .iter()
            .filter_map(|value| super::text(value).ok())
            .collect();
    }

    let longest = "x".repeat(longest::parameter(parameter));
    let mut values: BTreeSet<_> = compared.iter().cloned().collect();
    values.extend([String::new(), longest]);
    values.into_iter().collect()
}

fn collect_names<'v>(json: &'v Value, names: &mut BTreeSet<&'v str>) {
    match json {
        Value::String(text) => names.extend(reference::names(text)),
        Value::Array(entries) => entries.iter().for_each(|entry| collect_names(entry, names)),
        Value::Object(fields) => fields
            .values()
            .for_each(|field| collect_names(field, names)),
        _ => {}
    }
}

/// The parameters that expressions depend on, with the texts that they are compared with.
struct Used<'t, P> {
    node: &'t Node,
    parameters: &'t indexmap::IndexMap<String, P>,
    names: BTreeMap<&'t str, BTreeSet<String>>,
}

impl<'t, P> Used<'t, P> {
    fn collect(&mut self, node: &'t Node) {
        match &node.content {
            Content::Null | Content::Text(_) => {}
            Content::List(entries) => entries.iter().for_each(|entry| self.collect(entry)),
            Content::Map(fields) => {
                for (key, field) in fields {
                    if let (true, Some(condition)) = (key.value == "Condition", field.text()) {
                        self.collect_condition(condition);
                    }
                    self.collect(field);
                }
            }
            Content::Call(function, argument) => self.collect_call(function, argument),
        }
    }

    fn collect_call(&mut self, function: &str, argument: &'t Node) {
        self.collect(argument);
        match (function, argument.entries()) {
            ("Condition", _) => self.collect_condition(argument.text().unwrap_or_default()),
            ("If", [condition, ..]) => self.collect_condition(condition.text().unwrap_or_default()),
            ("Ref", _) => self.collect_name(argument.text().unwrap_or_default()),
            ("GetAtt", [resource, ..]) => self.collect_name(resource.text().unwrap_or_default()),
            ("GetAtt", _) => self.collect_name(argument.text().unwrap_or_default()),
            ("Sub", [text, ..]) => self.collect_text(text),
            ("Sub", _) => self.collect_text(argument),
            ("Equals", pair) => self.collect_compared(pair),
            _ => {}
        }
    }

    fn collect_condition(&mut self, name: &str) {
        self.node
            .at(&["Conditions", name])
            .into_iter()
            .for_each(|condition| self.collect(condition));
    }

    fn collect_text(&mut self, text: &'t Node) {
        reference::names(text.text().unwrap_or_default())
            .into_iter()
            .for_each(|name| self.collect_name(name));
    }

    /// Collects a parameter, or the parameters on which a resource's name depends.
    fn collect_name(&mut self, name: &'t str) {
        let name = name.split('.').next().unwrap_or(name);

        if self.parameters.contains_key(name) {
            self.names.entry(name).or_default();
        } else if let Some(resource) = self.node.at(&["Resources", name]) {
            let named = ResourceType::find(
                resource
                    .get("Type")
                    .and_then(Node::text)
                    .unwrap_or_default(),
            );
            let path = named
                .map(|known| known.name_property())
                .filter(|path| !path.is_empty());
            let property = path.and_then(|path| resource.get("Properties")?.at(path));

            property
                .into_iter()
                .for_each(|property| self.collect(property));
        }
    }

    fn collect_compared(&mut self, pair: &'t [Node]) {
        let texts: Vec<_> = pair
            .iter()
            .filter_map(Node::text)
            .map(str::to_owned)
            .collect();

        for node in pair {
            if let Content::Call(function, name) = &node.content
                && let ("Ref", Some(name)) = (function.as_str(), name.text())
                && self.parameters.contains_key(name)
            {
                self.names
                    .entry(name)
                    .or_default()
                    .extend(texts.iter().cloned());
            }
        }
    }
}
