//! Parts of files that are written by hand otherwise. A part stands between two lines that name it:
//! `generated: <name>` and `end of generated: <name>`, each in whatever is a comment there.

use std::{fs, path::PathBuf};

use anyhow::{Context, Result};

/// The file with its generated parts replaced, by their names.
pub fn file(path: &str, parts: &[(&str, String)]) -> Result<(PathBuf, String)> {
    let mut text = fs::read_to_string(path).context(path.to_owned())?;
    for (name, part) in parts {
        text = replaced(&text, name, part).with_context(|| format!("{path} has no part `generated: {name}`"))?;
    }
    Ok((path.into(), text))
}

fn replaced(text: &str, name: &str, part: &str) -> Option<String> {
    let begin = text.find(&format!("generated: {name}"))?;
    let begin = begin + text[begin..].find('\n')? + 1;
    let end = begin + text[begin..].find(&format!("end of generated: {name}"))?;
    let end = begin + text[begin..end].rfind('\n').map_or(0, |newline| newline + 1);
    Some(format!("{}{}{}", &text[..begin], part, &text[end..]))
}
