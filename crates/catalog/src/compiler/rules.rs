//! Compiler of the template's `Rules`, and of rules that they cannot express. These are in the
//! specification: `Ascending` for numbers, `Lists`, `Matching` for texts, `Subdomains` and
//! `Senders`.

use std::{collections::BTreeSet, fmt};

use regex::Regex;

use super::{
    Checked, Fault,
    document::Template,
    node::{Content, Node},
    schema,
};
use crate::model::{Assertion, Condition, List, Operand, Rule, Text};

/// Rule functions that depend on the account, so the broker cannot evaluate them.
const OF_THE_ACCOUNT: [&str; 3] = ["RefAll", "ValueOf", "ValueOfAll"];

/// Compiles all rules of the template and of its specification.
pub fn rules(template: &Template, node: &Node) -> Checked<List<Rule>> {
    let compiler = Compiler { template };
    let rules = node.get("Rules").into_iter().flat_map(Node::fields);
    let rules = rules.map(|(name, rule)| compiler.rule(&name.value, rule));

    rules
        .chain(
            entries(node, "Ascending")
                .iter()
                .map(|entry| compiler.ascending(entry)),
        )
        .chain(
            entries(node, "Lists")
                .iter()
                .map(|entry| compiler.list(entry)),
        )
        .chain(
            entries(node, "Matching")
                .iter()
                .map(|entry| compiler.matching(entry)),
        )
        .chain(
            entries(node, "Subdomains")
                .iter()
                .map(|entry| compiler.subdomain(entry)),
        )
        .chain(
            entries(node, "Senders")
                .iter()
                .map(|entry| compiler.sender(entry)),
        )
        .collect()
}

/// Returns the entries of this list in the template's specification.
fn entries<'n>(template: &'n Node, key: &str) -> &'n [Node] {
    let list = template.at(&["Metadata", "AWS::ServiceBroker::Specification", key]);
    list.map(Node::entries).unwrap_or_default()
}

struct Compiler<'t> {
    template: &'t Template,
}

impl Compiler<'_> {
    fn rule(&self, name: &str, node: &Node) -> Checked<Rule> {
        let condition = node
            .get("RuleCondition")
            .map(|condition| self.condition(condition))
            .transpose()?;

        let assertions = node
            .get("Assertions")
            .map(Node::entries)
            .unwrap_or_default();
        if assertions.is_empty() {
            return Err(fault(node, format!("the rule `{name}` has no Assertions")));
        }

        let assertions = assertions
            .iter()
            .map(|assertion| self.assertion(name, assertion));
        Ok(Rule {
            conditions: condition.into_iter().collect(),
            assertions: assertions.collect::<Checked<_>>()?,
        })
    }

    fn assertion(&self, rule: &str, node: &Node) -> Checked<Assertion> {
        let assert = node
            .get("Assert")
            .ok_or_else(|| fault(node, format!("the rule `{rule}` has no Assert")))?;
        let description = node.get("AssertDescription").and_then(Node::text);
        let description = description.map_or_else(
            || format!("The parameters violate the rule `{rule}` of the template."),
            |text| text.trim().to_owned(),
        );
        Ok(Assertion {
            holds: self.condition(assert)?,
            description: description.into(),
        })
    }

    fn condition(&self, node: &Node) -> Checked<Condition> {
        let Content::Call(function, argument) = &node.content else {
            return Err(fault(
                node,
                "a condition of a rule must be a function, such as Fn::Equals",
            ));
        };

        let entries = argument.entries();
        let pair = || match entries {
            [one, other] => Ok((self.operand(one)?, self.operand(other)?)),
            _ => Err(fault(node, format!("Fn::{function} takes two values"))),
        };

        match function.as_str() {
            "And" | "Or" if !(2..=10).contains(&entries.len()) => Err(fault(
                node,
                format!("Fn::{function} takes two to ten conditions"),
            )),
            "Not" if entries.len() != 1 => {
                Err(fault(node, "Fn::Not takes one condition, in a list"))
            }
            "And" => Ok(Condition::AllOf(self.conditions(entries)?)),
            "Or" => Ok(Condition::AnyOf(self.conditions(entries)?)),
            "Not" => Ok(Condition::NoneOf(self.conditions(entries)?)),
            "Equals" => pair().map(|(one, other)| Condition::Equals(one, other)),
            "Contains" => pair().map(|(list, text)| Condition::Contains(list, text)),
            "EachMemberEquals" => {
                pair().map(|(list, text)| Condition::EachMemberEquals(list, text))
            }
            "EachMemberIn" => pair().map(|(list, known)| Condition::EachMemberIn(list, known)),
            _ => Err(self.no_function(node, function)),
        }
    }

    fn conditions(&self, entries: &[Node]) -> Checked<List<Condition>> {
        entries.iter().map(|entry| self.condition(entry)).collect()
    }

    fn operand(&self, node: &Node) -> Checked<Operand> {
        match &node.content {
            Content::Text(text) => Ok(Operand::Text(text.clone().into())),
            Content::List(entries) => {
                let entries = entries.iter().map(|entry| self.operand(entry));
                entries.collect::<Checked<_>>().map(Operand::List)
            }
            Content::Call(function, name) if function == "Ref" => self.reference(name),
            Content::Call(function, _) => Err(self.no_function(node, function)),
            Content::Null | Content::Map(_) => Err(fault(
                node,
                "a rule can only compare strings and lists of strings",
            )),
        }
    }

    fn reference(&self, node: &Node) -> Checked<Operand> {
        let name = node.text().unwrap_or_default();
        match self.parameter(name) {
            Some(operand) => Ok(operand),
            // The broker never knows this value, so the rule is left to CloudFormation.
            None if name.starts_with("AWS::") => {
                Ok(Operand::Parameter(Text::from(name.to_owned())))
            }
            None => Err(self.unknown(node, name)),
        }
    }

    fn parameter(&self, name: &str) -> Option<Operand> {
        let is_list = schema::is_list(&self.template.parameters.get(name)?.value);
        let name = Text::from(name.to_owned());
        Some(if is_list {
            Operand::ListParameter(name)
        } else {
            Operand::Parameter(name)
        })
    }

    fn unknown(&self, node: &Node, name: &str) -> Fault {
        fault(node, format!("the template has no parameter `{name}`"))
    }

    fn no_function(&self, node: &Node, function: &str) -> Fault {
        if OF_THE_ACCOUNT.contains(&function) {
            let reason = "depends on values that only AWS knows, so the broker cannot evaluate the \
                          rule in advance";
            return fault(node, format!("Fn::{function} {reason}"));
        }
        fault(node, format!("`{function}` is not a rule function"))
    }

    /// Compiles numbers that must increase, such as the days until objects are moved, then deleted.
    fn ascending(&self, node: &Node) -> Checked<Rule> {
        let names = node
            .get("Parameters")
            .map(Node::entries)
            .unwrap_or_default();
        let distinct: BTreeSet<_> = names.iter().filter_map(Node::text).collect();
        if distinct.len() < 2 || distinct.len() != names.len() {
            return Err(fault(
                node,
                "an entry of Ascending needs two Parameters or more",
            ));
        }

        let values = names.iter().map(|name| {
            let known = name
                .text()
                .and_then(|text| self.template.parameters.get(text));
            match known {
                Some(parameter) if schema::is_number(&parameter.value) => self.reference(name),
                Some(_) => Err(fault(
                    name,
                    "an entry of Ascending must name parameters of the type Number",
                )),
                None => self.reference(name),
            }
        });
        let values = values.collect::<Checked<_>>()?;

        let without = node
            .get("Without")
            .and_then(Node::text)
            .map(|text| Text::from(text.to_owned()));

        let holds = Condition::Ascending { values, without };
        Ok(Rule {
            conditions: List::default(),
            assertions: assertions(node, "Ascending", [holds])?,
        })
    }

    /// Compiles a limit of a list's entries, or the rule that all differ. A text is a list with
    /// commas.
    fn list(&self, node: &Node) -> Checked<Rule> {
        let list = match self.value(node, "Parameter", "Lists")? {
            Operand::Parameter(name) => Operand::ListParameter(name),
            list => list,
        };
        let limit = node.get("MaxItems").map(max_items).transpose()?;
        let is_unique = node.get("UniqueItems").and_then(Node::text) == Some("true");
        if limit.is_none() && !is_unique {
            return Err(missing(node, "Lists", "MaxItems or UniqueItems: true"));
        }

        let at_most = limit.map(|limit| Condition::AtMost(list.clone(), limit));
        let distinct = is_unique.then_some(Condition::Distinct(list));

        let holds = at_most.into_iter().chain(distinct);
        Ok(Rule {
            conditions: List::default(),
            assertions: assertions(node, "Lists", holds)?,
        })
    }

    /// Compiles patterns of a parameter's value. They may apply only if other parameters have
    /// certain values, such as the patterns of an endpoint by its protocol.
    fn matching(&self, node: &Node) -> Checked<Rule> {
        let value = self.value(node, "Parameter", "Matching")?;
        let allowed = node.get("AllowedPattern").map(pattern).transpose()?;
        let forbidden = node.get("ForbiddenPattern").map(pattern).transpose()?;
        if allowed.is_none() && forbidden.is_none() {
            return Err(missing(
                node,
                "Matching",
                "an AllowedPattern or a ForbiddenPattern",
            ));
        }

        let allowed = allowed.map(|pattern| Condition::EachMatches(value.clone(), pattern));
        let forbidden = forbidden.map(|pattern| Condition::NoneMatches(value.clone(), pattern));

        let conditions =
            node.get("When")
                .into_iter()
                .flat_map(Node::fields)
                .map(|(name, known)| {
                    let value = self
                        .parameter(&name.value)
                        .ok_or_else(|| self.unknown(known, &name.value))?;
                    match &known.content {
                        Content::Text(_) => Ok(Condition::EachMatches(value, pattern(known)?)),
                        _ => Ok(Condition::EachMemberIn(value, self.operand(known)?)),
                    }
                });
        let conditions = conditions.collect::<Checked<_>>()?;

        Ok(Rule {
            conditions,
            assertions: assertions(node, "Matching", allowed.into_iter().chain(forbidden))?,
        })
    }

    /// Compiles a domain that must be below others, such as the bounce domain below the sender's.
    fn subdomain(&self, node: &Node) -> Checked<Rule> {
        let domain = self.value(node, "Parameter", "Subdomains")?;
        let parents = node.get("Of").map(Node::entries).unwrap_or_default();
        if parents.is_empty() {
            return Err(missing(node, "Subdomains", "Of, a list of parameters"));
        }
        let parents = parents
            .iter()
            .map(|name| self.reference(name))
            .collect::<Checked<_>>()?;

        let holds = Condition::Subdomain(domain, Operand::List(parents));
        Ok(Rule {
            conditions: List::default(),
            assertions: assertions(node, "Subdomains", [holds])?,
        })
    }

    /// Compiles a sender of e-mails that must be an address of an SES identity.
    fn sender(&self, node: &Node) -> Checked<Rule> {
        let sender = self.value(node, "Parameter", "Senders")?;
        let identity = self.value(node, "Of", "Senders")?;

        let holds = Condition::Sender(sender, identity);
        Ok(Rule {
            conditions: List::default(),
            assertions: assertions(node, "Senders", [holds])?,
        })
    }

    fn value(&self, node: &Node, key: &str, of: &str) -> Checked<Operand> {
        self.reference(
            node.get(key)
                .ok_or_else(|| missing(node, of, format!("`{key}`")))?,
        )
    }
}

/// Returns an assertion for each condition, all with the `Description` of the entry.
fn assertions(
    node: &Node,
    of: &str,
    all: impl IntoIterator<Item = Condition>,
) -> Checked<List<Assertion>> {
    let description = node.get("Description").and_then(Node::text);
    let description = description.ok_or_else(|| missing(node, of, "a Description"))?;

    let assertions = all.into_iter().map(|holds| Assertion {
        holds,
        description: description.trim().to_owned().into(),
    });
    Ok(assertions.collect())
}

/// Returns the maximum number of entries in a list, as given by `MaxItems`.
fn max_items(node: &Node) -> Checked<usize> {
    let limit = node.text().and_then(|text| text.parse().ok());
    limit.ok_or_else(|| fault(node, "MaxItems of an entry of Lists must be a whole number"))
}

/// Returns a regular expression that the evaluation of rules can compile.
fn pattern(node: &Node) -> Checked<Text> {
    let text = node.text().unwrap_or_default();
    match Regex::new(text) {
        Ok(_) => Ok(text.to_owned().into()),
        Err(error) => Err(fault(node, error.to_string())),
    }
}

fn missing(node: &Node, of: &str, what: impl fmt::Display) -> Fault {
    fault(node, format!("an entry of {of} needs {what}"))
}

fn fault(node: &Node, reason: impl Into<String>) -> Fault {
    Fault {
        line: node.line,
        reason: reason.into(),
    }
}
