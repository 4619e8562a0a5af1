//! The guard: a custom resource of the broker's own stack, which is deleted before anything else of it, and which cannot
//! be while there are instances. Without the broker nobody could delete these in an orderly way any more. Nor can it be
//! made, or changed, where the broker could not start: the deployment then says why, and is undone.
//!
//! <https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/crpg-ref.html>

use aws_lambda_events::cloudformation::{
    CloudFormationCustomResourceRequest::{self as CustomResourceRequest, Create, Delete, Update},
    CloudFormationCustomResourceResponse as CustomResourceResponse,
    CloudFormationCustomResourceResponseStatus as Status,
};
use lambda_http::{Error, lambda_runtime::LambdaEvent};

use crate::{aws, broker::Broker, settings::InvalidSetting};

/// The function's `Handler`.
pub const HANDLER: &str = "guard";

/// The resource's id: another one would have it replaced.
const PHYSICAL_ID: &str = "guard";
/// That of one that was not made, which guards nothing.
const NOT_MADE: &str = "not-made";
/// How long a reason is at the most, in characters: an answer has 4,096 bytes; same page.
const MAX_REASON_LENGTH: usize = 2_000;

/// Answers CloudFormation.
///
/// # Errors
///
/// Where it cannot be answered. CloudFormation then gives up after the resource's `ServiceTimeout`.
pub async fn handle(
    broker: Result<&Broker, &InvalidSetting>,
    event: LambdaEvent<CustomResourceRequest>,
) -> Result<(), Error> {
    let (url, answer) = answer(broker, event.payload).await?;
    aws::put_json(&url, serde_json::to_vec(&answer)?).await
}

/// What CloudFormation is to be told, and where, by a broker of these settings, unless they are wrong.
///
/// # Errors
///
/// Where it asks for what it does not ask for today.
pub async fn answer(
    broker: Result<&Broker, &InvalidSetting>,
    request: CustomResourceRequest,
) -> Result<(String, CustomResourceResponse), Error> {
    let mut answer = CustomResourceResponse::default();
    let wrong = broker.err().map(ToString::to_string);
    let (url, stack_id, request_id, logical_resource_id, refusal) = match request {
        Create(r) => {
            answer.physical_resource_id = if wrong.is_none() { PHYSICAL_ID } else { NOT_MADE }.into();
            (r.response_url, r.stack_id, r.request_id, r.logical_resource_id, wrong)
        }
        Update(r) => {
            answer.physical_resource_id = r.physical_resource_id;
            (r.response_url, r.stack_id, r.request_id, r.logical_resource_id, wrong)
        }
        Delete(r) => {
            let refusal = if r.physical_resource_id == NOT_MADE { None } else { reason_to_stay(broker).await };
            answer.physical_resource_id = r.physical_resource_id;
            (r.response_url, r.stack_id, r.request_id, r.logical_resource_id, refusal)
        }
        _ => return Err("a request of CloudFormation that is neither to create, nor to update, nor to delete".into()),
    };
    answer.stack_id = stack_id;
    answer.request_id = request_id;
    answer.logical_resource_id = logical_resource_id;
    if let Some(reason) = refusal {
        tracing::warn!(reason, "what CloudFormation asks for is refused");
        answer.status = Status::Failed;
        answer.reason = Some(reason.chars().take(MAX_REASON_LENGTH).collect());
    }
    Ok((url, answer))
}

/// Why the broker has to stay, for its operator; nothing where it may go.
async fn reason_to_stay(broker: Result<&Broker, &InvalidSetting>) -> Option<String> {
    let give_up = "To give them up, delete the stack without the resource Guard.";
    let remaining = match broker {
        Ok(broker) => broker.remaining().await.map_err(|error| error.detail().unwrap_or_else(|| error.to_string())),
        Err(wrong) => Err(wrong.to_string()),
    };
    let remaining = match remaining {
        Ok(remaining) => remaining,
        Err(reason) => return Some(format!("Whether instances remain cannot be seen ({reason}). {give_up}")),
    };
    if remaining.count == 0 {
        return None;
    }
    let named = remaining.named.join(", ");
    let more = match remaining.count - remaining.named.len() {
        0 => String::new(),
        more => format!(", and {more} more"),
    };
    let count = match remaining.count {
        1 => "1 instance remains".to_owned(),
        count if remaining.or_more => format!("{count} instances or more remain"),
        count => format!("{count} instances remain"),
    };
    Some(format!(
        "{count}, which nobody could delete without the broker: {named}{more}. Deprovision on the platforms, then delete \
         this stack again. {give_up}"
    ))
}
