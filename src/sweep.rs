//! The sweep function. Only the operator can invoke it, and does so directly. `infra/template.yaml`
//! creates it from the same program as the broker's function. Its own role only allows reads,
//! unless the operator sets `SweepRemoves`.
//!
//! ```json
//! {"remove": {"stacks": ["osb-sqs-…"], "users": [], "roles": [], "instances": []}}
//! ```
//!
//! Without `remove` (`{}`) it only reports.

use lambda_runtime::{Error, LambdaEvent};
use serde::{Deserialize, Serialize};

use crate::broker::{
    self, Broker,
    upkeep::{self, Findings, Removal, Removed},
};

/// The `Handler` of the sweep's function.
pub const HANDLER: &str = "sweep";

/// The operator's request.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SweepRequest {
    /// The findings to remove. Anything that was not found is left alone.
    pub remove: Removal,
}

/// The response to the operator.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SweepResponse {
    /// The findings before anything was removed.
    #[serde(flatten)]
    pub findings: Findings,
    /// The outcome of each requested removal.
    #[serde(skip_serializing_if = "Removed::is_empty")]
    pub removed: Removed,
}

/// Finds orphans, and removes those that the operator has named, if `may_remove` allows it.
///
/// # Errors
///
/// Returns AWS's answer, for the operator. The same request can be sent again.
pub async fn handle(
    broker: &Broker,
    may_remove: bool,
    event: LambdaEvent<SweepRequest>,
) -> Result<SweepResponse, Error> {
    // IAM alone does not prevent it: the roles of locations may do more than this function's own.
    if !may_remove && event.payload.remove != Removal::default() {
        return Err(
            "nothing was removed: the parameter SweepRemoves of the broker's stack does \
                    not allow it"
                .into(),
        );
    }

    let swept = sweep(broker, &event.payload.remove).await;
    swept.map_err(|error| {
        let detail = error.log_text();
        tracing::error!(
            reason = detail,
            "the sweep failed; the same request can be sent again"
        );
        detail.into()
    })
}

async fn sweep(broker: &Broker, removal: &Removal) -> broker::Result<SweepResponse> {
    let findings = upkeep::sweep(broker).await?;

    tracing::info!(
        stacks_without_record = findings.stacks_without_record.len(),
        stacks_without_tag = findings.stacks_without_tag.len(),
        users_without_binding = findings.users_without_binding.len(),
        roles_without_binding = findings.roles_without_binding.len(),
        instances_without_stack = findings.instances_without_stack.len(),
        unreadable_records = findings.unreadable_records.len(),
        retained_resources = findings.retained_resources.len(),
        unreachable_locations = findings.unreachable_locations.len(),
        "the sweep is complete"
    );

    let removed = upkeep::remove(broker, &findings, removal).await?;
    Ok(SweepResponse { findings, removed })
}
