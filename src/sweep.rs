//! The sweep function: the operator invokes it directly, and nobody else can. `infra/template.yaml`
//! makes it from the same program as the broker's function, with a role of its own that only reads
//! unless the operator says otherwise.
//!
//! ```json
//! {"remove": {"stacks": ["osb-sqs-…"], "users": [], "roles": [], "instances": []}}
//! ```
//!
//! Without `remove` (`{}`) it only looks.

use lambda_http::{Error, lambda_runtime::LambdaEvent};
use serde::{Deserialize, Serialize};

use crate::broker::{
    self, Broker,
    sweep::{Findings, Removal, Removed},
};

/// The function's `Handler`.
pub const HANDLER: &str = "sweep";

/// What the operator asks for.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SweepRequest {
    /// What is to be removed, if it is among the findings.
    pub remove: Removal,
}

/// What the operator gets.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SweepResponse {
    /// As it was before anything was removed.
    #[serde(flatten)]
    pub findings: Findings,
    /// What became of what was to be removed.
    #[serde(skip_serializing_if = "Removed::is_empty")]
    pub removed: Removed,
}

/// Looks for what is left in spite of all, and removes what the operator has named of it, if it
/// may.
///
/// # Errors
///
/// What AWS has answered, for the operator. The same request can be sent again.
pub async fn handle(
    broker: &Broker,
    may_remove: bool,
    event: LambdaEvent<SweepRequest>,
) -> Result<SweepResponse, Error> {
    // The roles of locations may do more than this function's own.
    if !may_remove && event.payload.remove != Removal::default() {
        return Err(
            "nothing was removed: the parameter SweepRemoves of the broker's stack does \
                    not allow it"
                .into(),
        );
    }
    let swept = sweep(broker, &event.payload.remove).await;
    swept.map_err(|error| {
        let detail = error.detail().unwrap_or_else(|| error.to_string());
        tracing::error!(reason = detail, "the sweep was not finished");
        detail.into()
    })
}

async fn sweep(broker: &Broker, removal: &Removal) -> broker::Result<SweepResponse> {
    let findings = broker.sweep().await?;
    tracing::info!(
        stacks_without_record = findings.stacks_without_record.len(),
        stacks_without_tag = findings.stacks_without_tag.len(),
        users_without_binding = findings.users_without_binding.len(),
        roles_without_binding = findings.roles_without_binding.len(),
        instances_without_stack = findings.instances_without_stack.len(),
        unreadable_records = findings.unreadable_records.len(),
        retained_resources = findings.retained_resources.len(),
        unreachable_locations = findings.unreachable_locations.len(),
        "swept"
    );
    let removed = broker.remove(&findings, removal).await?;
    Ok(SweepResponse { findings, removed })
}
