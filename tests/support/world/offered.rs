//! The catalog of the tests, with everything allowed.

use super::*;

/// The operator's consent to whatever users name.
pub fn everything() -> Restrictions {
    let entries = offerings::settings()
        .into_iter()
        .map(|name| (name.to_owned(), vec!["*".to_owned()]))
        .collect();
    Restrictions {
        consents: Consents {
            entries,
            ..Consents::default()
        },
        ..Restrictions::default()
    }
}

/// The catalog that the tests use: that of the account and broker for which the sample events were
/// made.
pub fn catalog() -> Catalog {
    Catalog::new(OFFERINGS.into(), "000000000000", "awsservicebroker").restricted(&everything())
}
