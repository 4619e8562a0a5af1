//! Every text that a person sees, in one place: what users are told, and what the log says.
//!
//! The texts are read from the source, so that none is missing. A changed text is a changed
//! snapshot: read it as its reader would before you accept it with `INSTA_UPDATE=always`.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use proc_macro2::{Delimiter, TokenStream, TokenTree};
use syn::LitStr;

/// The readers of a text.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Reader {
    /// Users of platforms, operators and authors of templates.
    Person,
    /// Operators who search the log.
    Log,
    /// Nobody: the proof of an invariant.
    Nobody,
}

/// Texts by file.
type Texts = BTreeMap<String, Vec<String>>;

#[test]
fn texts_for_people() {
    insta::assert_snapshot!(render(&texts_for(Reader::Person)));
}

#[test]
fn texts_of_the_log() {
    insta::assert_snapshot!(render(&texts_for(Reader::Log)));
}

fn texts_for(reader: Reader) -> Texts {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut texts = Texts::new();
    for folder in ["src", "crates/catalog/src"] {
        for file in rust_files(&root.join(folder)) {
            let source = fs::read_to_string(&file).expect("a source file");
            let tokens: TokenStream = source.parse().expect("Rust");
            let mut found = Vec::new();
            collect(tokens, Reader::Person, reader, &mut found);

            let name = file.strip_prefix(root).expect("a file of the project");
            if !found.is_empty() {
                texts.insert(name.display().to_string(), found);
            }
        }
    }
    texts
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            files.extend(rust_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files
}

/// Adds the texts in these tokens that are for the `wanted` reader. `reader` is that of the macro
/// call around the tokens.
fn collect(tokens: TokenStream, reader: Reader, wanted: Reader, texts: &mut Vec<String>) {
    let tokens: Vec<TokenTree> = tokens.into_iter().collect();
    for (index, token) in tokens.iter().enumerate() {
        match token {
            TokenTree::Group(group) => {
                let before = |distance: usize| {
                    index
                        .checked_sub(distance)
                        .and_then(|index| tokens.get(index))
                        .map(ToString::to_string)
                        .unwrap_or_default()
                };
                // `#[doc = "…"]` and other attributes. `#[error("…")]` is a text, however.
                let is_attribute = group.delimiter() == Delimiter::Bracket
                    && (before(1) == "#" || before(2) == "#" && before(1) == "!");
                if is_attribute && !group.stream().to_string().starts_with("error") {
                    continue;
                }
                let reader = match before(1).as_str() {
                    "!" => reader_of(&before(2), reader),
                    _ => reader,
                };
                collect(group.stream(), reader, wanted, texts);
            }
            TokenTree::Literal(literal) if reader == wanted => {
                if let Ok(text) = syn::parse_str::<LitStr>(&literal.to_string()) {
                    texts.extend(Some(text.value()).filter(|text| is_prose(text)));
                }
            }
            _ => {}
        }
    }
}

fn reader_of(macro_name: &str, around: Reader) -> Reader {
    match macro_name {
        "error" | "warn" | "info" | "debug" => Reader::Log,
        "unreachable" => Reader::Nobody,
        _ => around,
    }
}

/// True for a text of several words. Names, keys and expressions of DynamoDB are not.
fn is_prose(text: &str) -> bool {
    let words = text.split_whitespace().filter(|word| {
        word.chars()
            .all(|c| c.is_alphabetic() || ",.;:'’`()".contains(c))
    });
    let is_expression = text.contains(" = :") || text.contains(" AND ") || text.contains(" <= :");
    words.count() >= 3 && !is_expression
}

fn render(texts: &Texts) -> String {
    let files = texts.iter().map(|(file, texts)| {
        let lines = texts.iter().map(|text| format!("  {}\n", text.trim()));
        format!("{file}\n{}", lines.collect::<String>())
    });
    files.collect::<Vec<_>>().join("\n")
}
