//! A page of a list.

/// A page of a list.
#[derive(Clone, Debug)]
pub struct Page<T> {
    /// The items, in no particular order.
    pub items: Vec<T>,
    /// The token that requests the next page. Absent on the last page.
    pub next: Option<String>,
}
