//! Shapes of stored records, by version.
//!
//! An item's attribute `schema` is the version of its shape. Older items are converted when they
//! are read, one version after the other, and stored in the current shape by the next write of the
//! whole record. `tests/broker/records/` has an item of every shape that was ever written.
//!
//! | version | instances                    | bindings                                       |
//! |---------|------------------------------|------------------------------------------------|
//! | 1       | in the broker's own location | the same                                       |
//! | 2       | with `location`, optional    | the same                                       |
//! | 3       |                              | `grants` in the place of `identity`, `function` |
//!
//! A broker must not read a version that it does not know: it would take an instance elsewhere for
//! one at home, or overlook a grant. An attribute that is optional, and that an earlier version can
//! do without, makes no new version.

use std::ops::RangeInclusive;

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_dynamo::Error;

use super::Item;
use crate::broker::records::{
    Binding, FunctionGrant, Grant, Instance, RoleGrant, RolePolicyGrant, UserGrant,
};

/// A record whose stored shape has versions.
pub trait Shape: Serialize + DeserializeOwned {
    /// The versions that this broker reads. It writes the last one.
    ///
    /// It replaces an item's operation without reading the item, because an operation has the same
    /// shape in all of them. A new version whose operation differs must also raise the first one.
    const VERSIONS: RangeInclusive<u32>;

    /// Converts an item of an older version to the current shape.
    ///
    /// # Errors
    ///
    /// Fails if the item does not have the shape of its version.
    fn upgrade(item: Item, version: u32) -> Result<Item, Error>;
}

impl Shape for Instance {
    const VERSIONS: RangeInclusive<u32> = 1..=2;

    /// Version 2 has only added an optional attribute.
    fn upgrade(item: Item, _: u32) -> Result<Item, Error> {
        Ok(item)
    }
}

impl Shape for Binding {
    const VERSIONS: RangeInclusive<u32> = 1..=3;

    fn upgrade(item: Item, version: u32) -> Result<Item, Error> {
        if version > 2 {
            return Ok(item);
        }

        // Version 2 has only added an optional attribute.
        let grants: GrantsV2 = serde_dynamo::from_item(item.clone())?;
        let grants: Vec<Grant> = grants.into();
        let mut item = item;
        item.insert("grants".into(), serde_dynamo::to_attribute_value(grants)?);
        Ok(item)
    }
}

/// The grants of a binding in versions 1 and 2.
#[derive(Deserialize)]
struct GrantsV2 {
    identity: Option<IdentityV2>,
    function: Option<FunctionGrant>,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum IdentityV2 {
    User(UserGrant),
    Role(RoleGrant),
    RolePolicy(RolePolicyGrant),
}

impl From<GrantsV2> for Vec<Grant> {
    fn from(GrantsV2 { identity, function }: GrantsV2) -> Self {
        let identity = identity.map(|identity| match identity {
            IdentityV2::User(user) => Grant::User(user),
            IdentityV2::Role(role) => Grant::Role(role),
            IdentityV2::RolePolicy(policy) => Grant::RolePolicy(policy),
        });
        // The function was called after the identity was created.
        identity
            .into_iter()
            .chain(function.map(Grant::Function))
            .collect()
    }
}
