//! A template's YAML with its tags and lines, of which the typed document keeps neither.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, SeqAccess, Visitor},
};
use serde_saphyr::{Spanned, Tagged};

/// A value of a template.
#[derive(Clone, Debug)]
pub struct Node {
    /// Its line; the first is 1.
    pub line: u64,
    /// The value itself.
    pub content: Content,
}

/// The kinds of values, with CloudFormation's functions as one of them.
#[derive(Clone, Debug)]
pub enum Content {
    /// Nothing.
    Null,
    /// A scalar, as CloudFormation sees it.
    Text(String),
    /// A sequence.
    List(Vec<Node>),
    /// A mapping, in the author's order.
    Map(Vec<(Spanned<String>, Node)>),
    /// An intrinsic function, in its short form (`!Sub`) or its long one (`Fn::Sub`), by its name
    /// without `Fn::`.
    Call(String, Box<Node>),
}

impl Node {
    /// The value of a mapping's key.
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.fields()
            .find(|(name, _)| name.value == key)
            .map(|(_, node)| node)
    }

    /// The value below these keys.
    pub fn at(&self, path: &[&str]) -> Option<&Node> {
        path.iter().try_fold(self, |node, key| node.get(key))
    }

    /// The entries of a mapping; none where this is something else.
    pub fn fields(&self) -> impl Iterator<Item = &(Spanned<String>, Node)> {
        let fields = match &self.content {
            Content::Map(fields) => fields.as_slice(),
            _ => &[],
        };
        fields.iter()
    }

    /// The entries of a sequence; none where this is something else.
    pub fn entries(&self) -> &[Node] {
        match &self.content {
            Content::List(entries) => entries,
            _ => &[],
        }
    }

    /// The scalar.
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

/// A mapping of one key that names a function becomes its call.
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
