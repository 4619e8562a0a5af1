//! Lists that are read page by page.

use std::time::Duration;

use crate::broker::ports::{Page, PortResult};

/// The pages of a list, read one at a time. Callers keep the items that they need and drop the
/// page.
pub struct Pages<F> {
    page: F,
    next: Next,
    pause: Duration,
}

enum Next {
    First,
    After(String),
    None,
}

impl<F> Pages<F> {
    /// Returns the pages of a list that `page` reads, with a pause before each page but the first.
    pub fn new(pause: Duration, page: F) -> Self {
        Self {
            page,
            next: Next::First,
            pause,
        }
    }

    /// Returns the next page, or `None` after the last one.
    pub async fn next<T>(&mut self) -> PortResult<Option<Vec<T>>>
    where
        F: AsyncFn(Option<String>) -> PortResult<Page<T>>,
    {
        let start = match std::mem::replace(&mut self.next, Next::None) {
            Next::First => None,
            Next::After(start) => {
                tokio::time::sleep(self.pause).await;
                Some(start)
            }
            Next::None => return Ok(None),
        };

        let page = (self.page)(start).await?;
        self.next = page.next.map_or(Next::None, Next::After);
        Ok(Some(page.items))
    }
}

/// The pause between two pages of the table. A page of 1 MB uses 256 of the 3,000 read units that a
/// partition has each second. Requests of platforms need the others. A million records are some
/// 1,500 pages.
/// <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/bp-partition-key-design.html>
pub const SCAN_PAUSE: Duration = Duration::from_millis(50);
