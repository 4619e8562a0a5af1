//! Creation of a service: a template and a test that pass all checks. The author then changes them
//! step by step.

use std::{fs, path::PathBuf};

use anyhow::{Context, Result, bail};

const TEMPLATE: &str = include_str!("../new_service/template.yaml");
const TEST: &str = include_str!("../new_service/test.py");
/// Placeholders in both files: the service's name, and the class name made from it.
const NAMES: [&str; 2] = ["new-service", "NewService"];

/// Creates the files of the service `name`, and updates all generated files.
pub fn start(name: &str) -> Result<()> {
    if !is_valid(name) {
        bail!(
            "`{name}` is not a valid name: use words of lowercase letters and digits that begin \
             with a letter, separated by hyphens"
        );
    }

    let class: String = name.split('-').flat_map(capitalised).collect();
    let files: [(PathBuf, &str); 2] = [
        (
            ["templates", name, "template.yaml"].iter().collect(),
            TEMPLATE,
        ),
        (
            format!("tests/deployed/services/test_{}.py", name.replace('-', "_")).into(),
            TEST,
        ),
    ];
    if let Some((path, _)) = files.iter().find(|(path, _)| path.exists()) {
        bail!("{} already exists", path.display());
    }

    for (path, text) in files {
        let folder = path.parent().unwrap_or(&path);
        fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
        fs::write(&path, filled(text, name, &class)).with_context(|| path.display().to_string())?;
        println!("{}", path.display());
    }

    super::generate()
}

fn is_valid(name: &str) -> bool {
    let has_valid_characters = name
        .chars()
        .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-');
    let mut words = name.split('-');
    has_valid_characters && words.all(|word| word.starts_with(|c: char| c.is_ascii_lowercase()))
}

/// Returns the text with its placeholders replaced by the service's name and its class.
fn filled(text: &str, name: &str, class: &str) -> String {
    let named = text.replace(NAMES[0], name).replace(NAMES[1], class);
    named.replace("DisplayName: New Service", &format!("DisplayName: {class}"))
}

fn capitalised(word: &str) -> impl Iterator<Item = char> {
    let mut characters = word.chars();
    characters
        .next()
        .into_iter()
        .flat_map(char::to_uppercase)
        .chain(characters)
}
