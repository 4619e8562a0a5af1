//! Parts of files that are written by hand otherwise. A part stands between two lines that name it:
//! `generated: <name>` and `end of generated: <name>`, each in whatever is a comment there. What is
//! written by hand in one file and the same in another stands between `shared: <name>` and `end of
//! shared: <name>` in the first.

use std::{fs, ops::Range, path::PathBuf};

use anyhow::{Context, Result};

/// The file with its generated parts replaced, by their names.
pub fn file(path: &str, parts: &[(&str, String)]) -> Result<(PathBuf, String)> {
    let mut text = fs::read_to_string(path).context(path.to_owned())?;
    for (name, part) in parts {
        text = replaced(&text, name, part)
            .with_context(|| format!("{path} has no part `generated: {name}`"))?;
    }
    Ok((path.into(), text))
}

/// The part of a file that it shares with others.
pub fn shared(path: &str, name: &str) -> Result<String> {
    let text = fs::read_to_string(path).context(path.to_owned())?;
    let part = part(&text, "shared", name)
        .with_context(|| format!("{path} has no part `shared: {name}`"))?;
    Ok(text[part].to_owned())
}

fn replaced(text: &str, name: &str, with: &str) -> Option<String> {
    let Range { start, end } = part(text, "generated", name)?;
    Some(format!("{}{with}{}", &text[..start], &text[end..]))
}

/// Where the lines between the two that name the part are.
fn part(text: &str, kind: &str, name: &str) -> Option<Range<usize>> {
    let start = text.find(&format!("{kind}: {name}"))?;
    let start = start + text[start..].find('\n')? + 1;
    let end = start + text[start..].find(&format!("end of {kind}: {name}"))?;
    let end = start
        + text[start..end]
            .rfind('\n')
            .map_or(0, |newline| newline + 1);
    Some(start..end)
}
