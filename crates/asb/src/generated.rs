//! Generated and shared parts of files that are otherwise written by hand.
//!
//! A generated part is between two comment lines: `generated: <name>` and
//! `end of generated: <name>`. A shared part is written by hand in one file and copied to another.
//! In the first file, it is between `shared: <name>` and `end of shared: <name>`.

use std::{fs, ops::Range, path::PathBuf};

use anyhow::{Context, Result};

/// Returns the path of a file, and its text with the named parts replaced.
pub fn file(path: &str, parts: &[(&str, String)]) -> Result<(PathBuf, String)> {
    let mut text = fs::read_to_string(path).context(path.to_owned())?;
    for (name, part) in parts {
        text = replaced(&text, name, part)
            .with_context(|| format!("{path} has no part `generated: {name}`"))?;
    }
    Ok((path.into(), text))
}

/// Returns the named part of a file that it shares with others.
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

/// Returns the range of the lines between the two that name the part.
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
