//! Evaluation of a template's expressions, for a stack with known parameters and names of maximum
//! length.

use std::collections::BTreeMap;

use super::{
    Checked, Fault,
    longest::{self, Partition, ResourceType},
    node::{Content, Node},
};
use crate::reference;

/// A stack for which a template's expressions are evaluated.
pub struct Stack<'a> {
    /// The whole template.
    pub template: &'a Node,
    /// Values of all parameters on which the expressions depend, by name.
    pub parameters: BTreeMap<&'a str, String>,
    /// The partition of the stack.
    pub partition: &'a Partition,
    /// Name of the service, which is a part of the stack's name.
    pub service: &'a str,
}

/// The value of an expression.
#[derive(Clone, Debug, PartialEq)]
enum Value {
    Text(String),
    List(Vec<String>),
}

impl Value {
    /// Returns the value as text. A list becomes the text of a list parameter, with commas.
    fn into_text(self) -> String {
        match self {
            Self::Text(text) => text,
            Self::List(entries) => entries.join(","),
        }
    }

    fn into_list(self) -> Vec<String> {
        match self {
            Self::Text(text) => vec![text],
            Self::List(entries) => entries,
        }
    }
}

impl Stack<'_> {
    /// Returns the value of an output. None if the output is unknown or its condition does not
    /// hold.
    pub fn output(&self, name: &str) -> Checked<Option<String>> {
        let Some(output) = self.template.at(&["Outputs", name]) else {
            return Ok(None);
        };
        if let Some(condition) = output.get("Condition").and_then(Node::text)
            && !self.named_condition(condition, output)?
        {
            return Ok(None);
        }
        let value = output
            .get("Value")
            .ok_or_else(|| fault(output, "an output needs a Value"))?;
        self.evaluate(value).map(|value| Some(value.into_text()))
    }

    fn named_condition(&self, name: &str, at: &Node) -> Checked<bool> {
        let condition = self.template.at(&["Conditions", name]);
        self.condition(
            condition
                .ok_or_else(|| fault(at, format!("the template has no condition `{name}`")))?,
        )
    }

    fn condition(&self, node: &Node) -> Checked<bool> {
        let Content::Call(function, argument) = &node.content else {
            return Err(fault(
                node,
                "a condition must be a function, such as Fn::Equals",
            ));
        };

        let mut conditions = argument.entries().iter().map(|entry| self.condition(entry));
        match function.as_str() {
            "Condition" => self.named_condition(argument.text().unwrap_or_default(), node),
            "And" => conditions.try_fold(true, |all, one| Ok(all && one?)),
            "Or" => conditions.try_fold(false, |any, one| Ok(any || one?)),
            "Not" => conditions.try_fold(true, |none, one| Ok(none && !one?)),
            "Equals" => match argument.entries() {
                [one, other] => Ok(self.evaluate(one)? == self.evaluate(other)?),
                _ => Err(fault(node, "Fn::Equals takes two values")),
            },
            _ => Err(fault(
                node,
                format!("`{function}` is not a condition function"),
            )),
        }
    }

    fn evaluate(&self, node: &Node) -> Checked<Value> {
        match &node.content {
            Content::Null => Ok(Value::Text(String::new())),
            Content::Text(text) => Ok(Value::Text(text.clone())),
            Content::List(entries) => self.texts(entries).map(Value::List),
            Content::Map(_) => Err(fault(
                node,
                "a value must be a string, a list or a function",
            )),
            Content::Call(function, argument) => self.call(node, function, argument),
        }
    }

    fn texts(&self, nodes: &[Node]) -> Checked<Vec<String>> {
        nodes
            .iter()
            .map(|node| self.evaluate(node).map(Value::into_text))
            .collect()
    }

    fn malformed(node: &Node, function: &str) -> Fault {
        fault(node, format!("the arguments of `{function}` are not valid"))
    }

    fn call(&self, node: &Node, function: &str, argument: &Node) -> Checked<Value> {
        match (function, argument.entries()) {
            ("Ref", _) => self.named(argument, argument.text().unwrap_or_default()),
            ("GetAtt", [resource, attribute]) => {
                let (resource, attribute) = (
                    resource.text().unwrap_or_default(),
                    attribute.text().unwrap_or_default(),
                );
                self.named(node, &format!("{resource}.{attribute}"))
            }
            ("GetAtt", _) => self.named(node, argument.text().unwrap_or_default()),
            ("Sub", [text, variables]) => self.substitute(text, Some(variables)),
            ("Sub", _) => self.substitute(argument, None),
            ("Join", [separator, list]) => {
                let list = self.evaluate(list)?.into_list();
                Ok(Value::Text(list.join(separator.text().unwrap_or_default())))
            }
            ("Split", [separator, text]) => {
                let text = self.evaluate(text)?.into_text();
                let entries = text.split(separator.text().unwrap_or_default());
                Ok(Value::List(entries.map(str::to_owned).collect()))
            }
            ("Select", [index, list]) => {
                let index: usize = index
                    .text()
                    .and_then(|text| text.parse().ok())
                    .ok_or_else(|| Self::malformed(node, function))?;
                let list = self.evaluate(list)?.into_list();
                Ok(Value::Text(list.into_iter().nth(index).unwrap_or_default()))
            }
            ("If", [condition, then, otherwise]) => {
                let condition = condition
                    .text()
                    .ok_or_else(|| Self::malformed(node, function))?;
                let holds = self.named_condition(condition, node)?;
                self.evaluate(if holds { then } else { otherwise })
            }
            ("Join" | "Split" | "Select" | "If", _) => Err(Self::malformed(node, function)),
            _ => Err(fault(
                node,
                format!("the length of the result of `{function}` is unknown"),
            )),
        }
    }

    fn substitute(&self, text: &Node, variables: Option<&Node>) -> Checked<Value> {
        let Some(pattern) = text.text() else {
            return Err(fault(text, "Fn::Sub takes a string"));
        };
        let mut values = BTreeMap::new();
        for name in reference::names(pattern) {
            let value = match variables.and_then(|variables| variables.get(name)) {
                Some(variable) => self.evaluate(variable)?,
                None => self.named(text, name)?,
            };
            values.insert(name, value.into_text());
        }
        let rendered = reference::render(pattern, |name| values.get(name).map(String::as_str));
        Ok(Value::Text(rendered.unwrap_or_default()))
    }

    /// Returns the value of a parameter, pseudo parameter, resource, or `Resource.Attribute`.
    fn named(&self, at: &Node, name: &str) -> Checked<Value> {
        if let Some(value) = self.parameters.get(name) {
            return Ok(Value::Text(value.clone()));
        }

        let pseudo = match name {
            "AWS::StackName" => Some(self.stack_name()),
            "AWS::StackId" => {
                let Partition {
                    name: partition,
                    region,
                    ..
                } = self.partition;
                let account = longest::ACCOUNT_ID;
                let stack = format!("stack/{}/{}", self.stack_name(), longest::UUID);
                Some(format!(
                    "arn:{partition}:cloudformation:{region}:{account}:{stack}"
                ))
            }
            "AWS::NoValue" => Some(String::new()),
            _ => self.partition.reference(name).map(str::to_owned),
        };
        if let Some(value) = pseudo {
            return Ok(Value::Text(value));
        }

        let (resource, attribute) = name
            .split_once('.')
            .map_or((name, None), |(name, key)| (name, Some(key)));
        let Some(node) = self.template.at(&["Resources", resource]) else {
            return Err(fault(at, format!("the template has no `{name}`")));
        };
        self.resource(node, attribute).map(Value::Text)
    }

    fn stack_name(&self) -> String {
        format!(
            "{}-{}-{}",
            longest::NAME_PREFIX,
            self.service,
            longest::UUID
        )
    }

    fn resource(&self, node: &Node, attribute: Option<&str>) -> Checked<String> {
        let known = ResourceType::find(node.get("Type").and_then(Node::text).unwrap_or_default());
        let text = known.and_then(|known| match attribute {
            None => Some((known, known.reference)),
            Some(name) => known.attribute(name).map(|text| (known, text)),
        });
        let Some((known, text)) = text else {
            return Ok(longest::unknown_resource(self.partition));
        };

        let name = self.resource_name(node, known)?;
        let rendered = reference::render(text, |reference| match reference {
            "Name" => Some(name.as_str()),
            pseudo => self.partition.reference(pseudo),
        });
        Ok(rendered.unwrap_or_default())
    }

    /// Returns the name that the template gives, cut to the type's limit. Without one, it returns a
    /// name of that length.
    fn resource_name(&self, node: &Node, known: &ResourceType) -> Checked<String> {
        let given = match known.name_property() {
            [] => None,
            path => node
                .get("Properties")
                .and_then(|properties| properties.at(path)),
        };
        let Some(given) = given else {
            return Ok("x".repeat(known.max_name));
        };

        let name = self.evaluate(given)?.into_text();
        Ok(if name.is_empty() {
            "x".repeat(known.max_name)
        } else {
            name.chars().take(known.max_name).collect()
        })
    }
}

fn fault(node: &Node, reason: impl Into<String>) -> Fault {
    Fault {
        line: node.line,
        reason: reason.into(),
    }
}
