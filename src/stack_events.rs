//! CloudFormation's events about the stacks of instances. EventBridge sends them to the broker's
//! function, which then sees at once how an operation has ended. `infra/template.yaml` has the
//! rule.
//!
//! An event is only a hint. The broker looks up what it says, so it may come late, twice, out of
//! order or not at all. A forged event would gain its sender nothing.

use std::time::{Duration, Instant};

use lambda_http::{Error, Request, RequestExt, request::RequestContext};
use serde::Deserialize;

use crate::{
    broker::{self, Broker, instances},
    telemetry::{
        facts,
        lines::{self, Outcome},
    },
};

/// The `detail-type` of CloudFormation's events about a stack's status.
/// <https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-stack-event-bridge.html>
const DETAIL_TYPE: &str = "CloudFormation Stack Status Change";

/// The time limit of an event, below the function's timeout, so a slow one is still logged.
const LIMIT: Duration = Duration::from_secs(24);

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct StackStatusChange {
    detail_type: String,
    detail: Detail,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Detail {
    stack_id: String,
}

impl StackStatusChange {
    /// Returns the stack's name from its ARN.
    fn stack_name(&self) -> Option<&str> {
        self.detail.stack_id.split('/').nth(1)
    }
}

/// True if the invocation is an event of AWS, and not a platform's request. Platforms cannot forge
/// one, because a front door wraps their requests.
pub fn is_event(request: &Request) -> bool {
    matches!(
        request.request_context_ref(),
        Some(RequestContext::PassThrough)
    )
}

/// Looks up the stack that the event names, and updates the instance's record.
///
/// # Errors
///
/// Fails if the event is not such an event, or if AWS does not answer. Lambda then
/// retries once (`MaximumRetryAttempts` in `infra/template.yaml`).
pub async fn handle(broker: &Broker, request: &Request) -> Result<(), Error> {
    let unknown = "neither an API request nor a CloudFormation event";
    let event: StackStatusChange = serde_json::from_slice(request.body()).map_err(|_| unknown)?;
    let stack_name = event
        .stack_name()
        .filter(|_| event.detail_type == DETAIL_TYPE)
        .ok_or(unknown)?;

    let started = Instant::now();
    let (seen, facts) = facts::gather(tokio::time::timeout(
        LIMIT,
        instances::stack_changed(broker, stack_name),
    ))
    .await;

    let failure = match seen {
        Ok(Ok(())) => None,
        Ok(Err(error)) => Some(error.log_text()),
        Err(_) => Some("AWS did not respond in time".into()),
    };

    lines::Request {
        operation: "stack_event",
        is_mutation: false,
        outcome: if failure.is_none() {
            Outcome::Succeeded
        } else {
            Outcome::Failed
        },
        status: None,
        duration: started.elapsed(),
        instance_id: broker
            .naming
            .instance(stack_name)
            .as_ref()
            .map(broker::records::InstanceId::as_str),
        binding_id: None,
        request_id: request
            .lambda_context_ref()
            .map(|context| context.request_id.as_str()),
        request_identity: None,
        originating_platform: None,
        originating_user: None,
        originating_identity_mistake: None,
        reason: failure.as_deref(),
    }
    .log(&facts);

    failure.map_or(Ok(()), |failure| Err(failure.into()))
}
