//! The network of the databases, and the broker's access to it.

use std::sync::Arc;

use catalog::{
    Level, OperatorValue, OperatorValues,
    model::{SECURITY_GROUP_IDS, SUBNET_IDS},
};

use crate::broker::{ports::DatabaseUsers, records::Instance};

/// The network that the operator has given to databases, with the function that manages their
/// users.
#[derive(Clone)]
pub struct Databases {
    /// The port for the users.
    pub users: Arc<dyn DatabaseUsers>,
    /// Ids of the subnets for databases, separated by commas.
    pub subnet_ids: String,
    /// Id of the security group that admits the function.
    pub security_group_id: String,
}

impl Databases {
    /// Returns the values of the operator's parameters that put a database into the network. The
    /// operator's overrides replace them.
    pub fn values(&self) -> OperatorValues {
        let values = [
            (SUBNET_IDS, &self.subnet_ids),
            (SECURITY_GROUP_IDS, &self.security_group_id),
        ];
        let values = values.map(|(name, value)| {
            let value = OperatorValue {
                value: value.clone(),
                level: Level::Everybody,
            };
            (name.to_owned(), value)
        });
        values.into_iter().collect()
    }

    /// True if the function reaches the instance's database: it has the security group that admits
    /// the function.
    pub fn reach(&self, instance: &Instance) -> bool {
        let groups = instance.attributes.overrides.get(SECURITY_GROUP_IDS);
        let mut groups = groups.into_iter().flat_map(|it| it.value.split(','));
        instance.location.is_none() && groups.any(|id| id.trim() == self.security_group_id)
    }
}
