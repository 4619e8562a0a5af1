//! Pages of lists.

use super::*;

/// So many items of a list are a page.
pub(super) const PAGE: usize = 3;

pub(super) fn page_of<T>(items: impl Iterator<Item = T>, next: Option<String>) -> Page<T> {
    let start: usize = next.map_or(0, |next| next.parse().expect("a number"));
    let mut items = items.skip(start).peekable();
    let page = items.by_ref().take(PAGE).collect();
    Page {
        items: page,
        next: items.peek().map(|_| (start + PAGE).to_string()),
    }
}
