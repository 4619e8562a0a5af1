//! Location of an instance: the broker's own account and Region, or another one. The operator
//! decides which locations exist, and the user chooses one of them.

use serde::{Deserialize, Serialize};

use crate::osb::Object;

/// The parameter of a provision request that chooses the account. This name and the next two are
/// those of the archived AWS Service Broker.
pub const ACCOUNT: &str = "target_account_id";

/// The parameter of a provision request that chooses the Region.
pub const REGION: &str = "region";

/// The parameter of a provision request that chooses the role.
pub const ROLE: &str = "target_role_name";

/// An account and a Region other than the broker's own, or its own with another role.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Location {
    /// The AWS account id, of twelve digits.
    pub account_id: String,
    /// The Region's name, such as `eu-central-1`.
    pub region: String,
    /// The name of the role that the broker assumes in that account. `infra/target-account.yaml`
    /// creates one.
    pub role_name: String,
}

impl Location {
    /// True if a request's parameters choose a location.
    pub fn is_chosen(parameters: &Object) -> bool {
        [ACCOUNT, REGION, ROLE]
            .iter()
            .any(|name| parameters.contains_key(*name))
    }

    /// The request parameters that choose this location.
    pub fn parameters(&self) -> Object {
        let Self {
            account_id,
            region,
            role_name,
        } = self.clone();
        [(ACCOUNT, account_id), (REGION, region), (ROLE, role_name)]
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value.into()))
            .collect()
    }
}
