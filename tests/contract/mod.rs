//! What the implementations of a port have in common: promises that are tested of the in-memory
//! twin, on which all other tests and the simulation stand, and of the adapter, on a local AWS.
//! Neither can drift from the other unnoticed.

pub mod database_users;
pub mod functions;
pub mod override_records;
pub mod platform_secrets;
pub mod records;
pub mod resources;
pub mod roles;
pub mod secrets;
pub mod stacks;
pub mod users;
pub mod vault;

use aws_service_broker::broker::ports::{Page, PortResult};
use uuid::Uuid;

/// Makes a test of each promise of a port's, for the implementation that the expression makes.
macro_rules! promises {
    ($port:ident, $new:expr; $($promise:ident)+) => {
        $(
            #[tokio::test]
            async fn $promise() {
                crate::contract::$port::$promise(&$new).await;
            }
        )+
    };
}
pub(crate) use promises;

/// An id that no other test has.
pub fn unique() -> String {
    Uuid::new_v4().to_string()
}

/// All items of a list that comes page by page.
pub async fn all<T>(page: impl AsyncFn(Option<String>) -> PortResult<Page<T>>) -> Vec<T> {
    let (mut items, mut next) = (Vec::new(), None);
    loop {
        let page = page(next).await.expect("a page");
        items.extend(page.items);
        next = page.next;
        if next.is_none() {
            return items;
        }
    }
}
