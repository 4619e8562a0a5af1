//! The text of a template as CloudFormation receives it.

/// CloudFormation's limit of a template in a request, in bytes.
/// <https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html>
const MAX_TEMPLATE_BODY: usize = 51_200;

/// Returns the author's text. From a text that is too large, what a stack does not need is removed:
/// first `Metadata` and its comments, then all other comments and empty lines.
///
/// # Errors
///
/// Fails if the rest is still too large.
pub fn template_body(text: &str) -> Result<String, String> {
    if text.len() <= MAX_TEMPLATE_BODY {
        return Ok(text.to_owned());
    }

    let body = without_metadata(text);
    if body.len() <= MAX_TEMPLATE_BODY {
        return Ok(body);
    }

    let body = without_comments(&body);
    match body.len() {
        0..=MAX_TEMPLATE_BODY => Ok(body),
        bytes => Err(format!(
            "{bytes} bytes without Metadata and comments; CloudFormation allows \
             {MAX_TEMPLATE_BODY}: shorten descriptions, or make two services of it"
        )),
    }
}

fn without_metadata(text: &str) -> String {
    let mut in_metadata = false;
    text.split_inclusive('\n')
        .filter(|line| {
            if line.starts_with(|c: char| c.is_ascii_alphabetic()) {
                in_metadata = line.starts_with("Metadata:");
            }
            !in_metadata
        })
        .collect()
}

/// Removes lines that are comments or empty. In a block scalar, such as the code of a function,
/// every line is content.
fn without_comments(text: &str) -> String {
    let mut block = None;
    text.split_inclusive('\n')
        .filter(|line| {
            let content = line.trim();
            let indent = line.len() - line.trim_start().len();
            if block.is_some_and(|outer| content.is_empty() || indent > outer) {
                return true;
            }
            block = begins_block(content).then_some(indent);
            !content.is_empty() && !content.starts_with('#')
        })
        .collect()
}

/// True if the lines below are a block scalar: the line ends with `|` or `>`, and maybe with how to
/// take line breaks and indentation.
fn begins_block(line: &str) -> bool {
    let value = line.split(" #").next().unwrap_or(line).trim_end();
    let indicator = value.trim_end_matches(['+', '-', '1', '2', '4']);
    !line.starts_with('#') && (indicator.ends_with(" |") || indicator.ends_with(" >"))
}
