//! The guard: a custom resource of the broker's own stack, which is deleted before anything else of it, and which cannot
//! be while there are instances. Without the broker nobody could delete these in an orderly way any more.
//!
//! <https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/crpg-ref.html>

use aws_lambda_events::cloudformation::{
    CloudFormationCustomResourceRequest::{self as CustomResourceRequest, Create, Delete, Update},
    CloudFormationCustomResourceResponse as CustomResourceResponse,
    CloudFormationCustomResourceResponseStatus as Status,
};
use lambda_http::{Error, lambda_runtime::LambdaEvent};

use crate::{
    aws,
    broker::{self, Broker},
};

/// The function's `Handler`.
pub const HANDLER: &str = "guard";

/// The resource's id: another one would have it replaced.
const PHYSICAL_ID: &str = "guard";
/// How many of the stacks that remain are named. An answer has 4,096 bytes at the most, and a name 128; same page.
const MAX_NAMED: usize = 10;

/// Answers CloudFormation.
///
/// # Errors
///
/// Where it cannot be answered. CloudFormation then gives up after the resource's `ServiceTimeout`.
pub async fn handle(broker: &Broker, event: LambdaEvent<CustomResourceRequest>) -> Result<(), Error> {
    let (url, answer) = answer(broker, event.payload).await?;
    aws::put_json(&url, serde_json::to_vec(&answer)?).await
}

/// What CloudFormation is to be told, and where.
///
/// # Errors
///
/// Where it asks for what it does not ask for today.
pub async fn answer(
    broker: &Broker,
    request: CustomResourceRequest,
) -> Result<(String, CustomResourceResponse), Error> {
    let mut answer = CustomResourceResponse::default();
    answer.physical_resource_id = PHYSICAL_ID.into();
    let (url, stack_id, request_id, logical_resource_id, is_deletion) = match request {
        Create(r) => (r.response_url, r.stack_id, r.request_id, r.logical_resource_id, false),
        Update(r) => (r.response_url, r.stack_id, r.request_id, r.logical_resource_id, false),
        Delete(r) => (r.response_url, r.stack_id, r.request_id, r.logical_resource_id, true),
        _ => return Err("a request of CloudFormation that is neither to create, nor to update, nor to delete".into()),
    };
    answer.stack_id = stack_id;
    answer.request_id = request_id;
    answer.logical_resource_id = logical_resource_id;
    if is_deletion && let Some(reason) = reason_to_stay(broker).await {
        tracing::warn!(reason, "the broker's stack is not deleted");
        answer.status = Status::Failed;
        answer.reason = Some(reason);
    }
    Ok((url, answer))
}

/// Why the broker has to stay, for its operator; nothing where it may go.
async fn reason_to_stay(broker: &Broker) -> Option<String> {
    let give_up = "To give them up, delete the stack without the resource Guard.";
    let remaining = match broker.remaining().await {
        Ok(remaining) => remaining,
        Err(error) => {
            let error = error.detail().unwrap_or_else(|| broker::Error::to_string(&error));
            return Some(format!("Whether instances remain cannot be seen ({error}). {give_up}"));
        }
    };
    if remaining.is_empty() {
        return None;
    }
    let named = remaining.iter().take(MAX_NAMED).map(String::as_str).collect::<Vec<_>>().join(", ");
    let more = remaining.len().saturating_sub(MAX_NAMED);
    let more = if more > 0 { format!(", and {more} more") } else { String::new() };
    let count = match remaining.len() {
        1 => "1 instance remains".to_owned(),
        count => format!("{count} instances remain"),
    };
    Some(format!(
        "{count}, which nobody could delete without the broker: {named}{more}. Deprovision on the platforms, then delete \
         this stack again. {give_up}"
    ))
}
