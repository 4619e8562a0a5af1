//! Nodes of a template's YAML with their tags and lines, which the typed document does not keep.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, SeqAccess, Visitor},
};
use serde_saphyr::{Spanned, Tagged};

/// A value of a template, with its line.
#[derive(Clone, Debug)]
pub struct Node {
    /// Line of the value, starting at 1.
    pub line: u64,
    /// The value itself.
    pub content: Content,
}

/// The kinds of values. A call of one of CloudFormation's functions is a kind, too.
#[derive(Clone, Debug)]
pub enum Content {
    /// YAML's `null`, or a missing value.
    Null,
    /// A scalar, as the text that CloudFormation sees.
    Text(String),
    /// A sequence.
    List(Vec<Node>),
    /// A mapping, in the author's order.
    Map(Vec<(Spanned<String>, Node)>),
    /// A call of an intrinsic function in its short form (`!Sub`) or its long one (`Fn::Sub`): its
    /// name without `Fn::`, and its argument.
    Call(String, Box<Node>),
}

impl Node {
    /// Returns the value of a mapping's key. None if this is no mapping or has no such key.
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.fields()
            .find(|(name, _)| name.value == key)
            .map(|(_, node)| node)
    }

    /// Returns the value at this path of keys. None if one of the keys is missing.
    pub fn at(&self, path: &[&str]) -> Option<&Node> {
        path.iter().try_fold(self, |node, key| node.get(key))
    }

    /// Returns the entries of a mapping. Empty for other kinds of values.
    pub fn fields(&self) -> impl Iterator<Item = &(Spanned<String>, Node)> {
        let fields = match &self.content {
            Content::Map(fields) => fields.as_slice(),
            _ => &[],
        };
        fields.iter()
    }

    /// Returns the entries of a sequence. Empty for other kinds of values.
    pub fn entries(&self) -> &[Node] {
        match &self.content {
            Content::List(entries) => entries,
            _ => &[],
        }
    }

    /// Returns the text of a scalar. None for other kinds of values.
    pub fn text(&self) -> Option<&str> {
        match &self.content {
            Content::Text(text) => Some(text),
            _ => None,
        }
    }
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let spanned = Spanned::<Tagged<Content>>::deserialize(deserializer)?;
        let line = spanned.referenced.line();
        let Tagged(content, tag) = spanned.value;

        let content = match tag.as_deref().and_then(|tag| tag.strip_prefix('!')) {
            Some(function) => Content::Call(function.to_owned(), Box::new(Node { line, content })),
            None => long_form(content),
        };
        Ok(Self { line, content })
    }
}

/// Converts a mapping with one key that names a function into a call.
fn long_form(content: Content) -> Content {
    let Content::Map(mut fields) = content else {
        return content;
    };

    let is_call = match &fields[..] {
        [(key, value)] => {
            let names_text =
                matches!(key.value.as_str(), "Ref" | "Condition") && value.text().is_some();
            names_text || key.value.starts_with("Fn::")
        }
        _ => false,
    };

    match fields.pop() {
        Some((key, value)) if is_call => {
            let name = key.value.strip_prefix("Fn::").unwrap_or(&key.value);
            Content::Call(name.to_owned(), Box::new(value))
        }
        Some(last) => {
            fields.push(last);
            Content::Map(fields)
        }
        None => Content::Map(fields),
    }
}

impl<'de> Deserialize<'de> for Content {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ContentVisitor)
    }
}

struct ContentVisitor;

impl<'de> Visitor<'de> for ContentVisitor {
    type Value = Content;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value of a template")
    }

    fn visit_unit<E>(self) -> Result<Content, E> {
        Ok(Content::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Content, E> {
        Ok(Content::Text(value.to_string()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Content, E> {
        Ok(Content::Text(value.to_string()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Content, E> {
        Ok(Content::Text(value.to_string()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Content, E> {
        Ok(Content::Text(value.to_string()))
    }

    fn visit_str<E>(self, value: &str) -> Result<Content, E> {
        Ok(Content::Text(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Content, E> {
        Ok(Content::Text(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut entries: A) -> Result<Content, A::Error> {
        let mut list = Vec::new();
        while let Some(entry) = entries.next_element()? {
            list.push(entry);
        }
        Ok(Content::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Content, A::Error> {
        let mut map = Vec::new();
        while let Some(entry) = entries.next_entry()? {
            map.push(entry);
        }
        Ok(Content::Map(map))
    }
}
