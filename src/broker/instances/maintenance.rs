//! `maintenance_info` of a request.

use catalog::Offered;

use crate::{
    broker::error::{Error, Result},
    osb::RequestedMaintenanceInfo,
};

/// Checks that the platform's catalog is the broker's current one (OSBAPI, Maintenance Info
/// Object).
pub fn check_maintenance_info(
    offered: &Offered<'_>,
    requested: Option<&RequestedMaintenanceInfo>,
) -> Result<()> {
    let offered = offered.offering.version.as_deref();
    match requested.map(|requested| &*requested.version) {
        Some(requested) if Some(requested) != offered => Err(Error::MaintenanceInfoConflict {
            offered: offered.map(str::to_owned),
        }),
        _ => Ok(()),
    }
}
