//! The guard: a custom resource of the broker's own stack that keeps the broker while it has
//! instances.
//!
//! CloudFormation deletes it before the rest of the stack. The guard refuses its deletion while
//! there are instances, because nobody could delete these in an orderly way without the broker. It
//! also refuses its creation and update if the broker could not start with its settings. The
//! deployment then reports the reason and is rolled back.
//!
//! <https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/crpg-ref.html>

use lambda_runtime::{Error, LambdaEvent};
use serde::{Deserialize, Serialize};

use crate::{
    aws,
    broker::{Broker, upkeep},
    settings::InvalidSetting,
};

/// The `Handler` of the guard's function.
pub const HANDLER: &str = "guard";

/// The resource's physical id. With another one, CloudFormation would replace the resource.
const PHYSICAL_ID: &str = "guard";
/// The physical id of a resource whose creation was refused. It guards nothing.
const NOT_MADE: &str = "not-made";
/// The maximum length of a reason as JSON, in bytes. A whole answer may have 4,096 bytes, and the
/// ids take less than 1,000.
/// <https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/crpg-ref-responses.html>
const MAX_REASON_LENGTH: usize = 3_000;

/// A request of CloudFormation, with the members that an answer needs.
///
/// <https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/crpg-ref-requests.html>
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Request {
    request_type: RequestType,
    /// The presigned URL for the answer. A secret.
    #[serde(rename = "ResponseURL")]
    response_url: String,
    stack_id: String,
    request_id: String,
    logical_resource_id: String,
    /// The resource's physical id; absent during creation.
    #[serde(default)]
    physical_resource_id: String,
    #[serde(default)]
    resource_properties: Properties,
    /// The properties before an update; absent during creation and deletion.
    #[serde(default)]
    old_resource_properties: Properties,
}

/// The resource's properties that the guard reads. The other settings are in its environment.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Properties {
    /// The broker's name prefix; absent in stacks of earlier versions.
    name_prefix: Option<String>,
}

#[derive(Clone, Copy, Debug, Deserialize)]
enum RequestType {
    Create,
    Update,
    Delete,
}

/// An answer to CloudFormation. CloudFormation rejects an answer with a null member or one of
/// another type, and treats it as a failure. Therefore no member is optional, and a success has a
/// reason, too.
///
/// <https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/crpg-ref-responses.html>
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Answer {
    status: Status,
    reason: String,
    physical_resource_id: String,
    stack_id: String,
    request_id: String,
    logical_resource_id: String,
}

#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
enum Status {
    Success,
    Failed,
}

impl Request {
    /// True if an update changes the name prefix.
    fn changes_prefix(&self) -> bool {
        let (before, after) = (&self.old_resource_properties, &self.resource_properties);
        before.name_prefix.is_some() && before.name_prefix != after.name_prefix
    }
}

/// Answers a request of CloudFormation.
///
/// # Errors
///
/// Fails if the answer cannot be delivered. CloudFormation then gives up after the resource's
/// `ServiceTimeout`.
pub async fn handle(
    broker: Result<&Broker, &InvalidSetting>,
    event: LambdaEvent<Request>,
) -> Result<(), Error> {
    let (url, answer) = answer(broker, event.payload).await;
    aws::put_json(&url, serde_json::to_vec(&answer)?).await
}

/// Returns the URL to answer to, and the answer. `broker` is an error if the settings are invalid.
pub async fn answer(
    broker: Result<&Broker, &InvalidSetting>,
    request: Request,
) -> (String, Answer) {
    let refusal = refusal(broker, &request).await;

    let (status, reason) = match &refusal {
        None => (
            Status::Success,
            format!("{:?} is allowed", request.request_type),
        ),
        Some(reason) => {
            tracing::warn!(reason, "the guard rejected a request of CloudFormation");
            (Status::Failed, fitting(reason))
        }
    };

    let physical_resource_id = match request.request_type {
        RequestType::Create if refusal.is_some() => NOT_MADE.to_owned(),
        RequestType::Create => PHYSICAL_ID.to_owned(),
        RequestType::Update | RequestType::Delete => request.physical_resource_id,
    };

    let answer = Answer {
        status,
        reason,
        physical_resource_id,
        stack_id: request.stack_id,
        request_id: request.request_id,
        logical_resource_id: request.logical_resource_id,
    };
    (request.response_url, answer)
}

/// Returns the reason for refusing the request, for the operator; `None` if it is allowed.
async fn refusal(broker: Result<&Broker, &InvalidSetting>, request: &Request) -> Option<String> {
    match request.request_type {
        RequestType::Update if request.changes_prefix() => {
            let prefix = request.resource_properties.name_prefix.as_deref();
            reason_to_stay(broker, prefix, KEEP_PREFIX).await
        }
        RequestType::Create | RequestType::Update => broker.err().map(ToString::to_string),
        RequestType::Delete if request.physical_resource_id == NOT_MADE => None,
        RequestType::Delete => reason_to_stay(broker, None, GIVE_UP).await,
    }
}

/// Returns as much of a text as an answer can hold. Control characters become spaces: one of them
/// would make the events of the whole stack unreadable.
/// <https://github.com/aws-cloudformation/cloudformation-coverage-roadmap/issues/1601>
fn fitting(text: &str) -> String {
    let mut length = 0;
    text.chars()
        .map(|character| {
            if character.is_control() {
                ' '
            } else {
                character
            }
        })
        .take_while(|&character| {
            let is_escaped = matches!(character, '"' | '\\');
            length += character.len_utf8() + usize::from(is_escaped);
            length <= MAX_REASON_LENGTH
        })
        .collect()
}

/// Advice to an operator who deletes the stack in spite of its instances.
const GIVE_UP: &str = "Delete the instances on the platforms, then delete this stack again. To \
                       abandon the instances, delete this stack with --retain-resources Guard. \
                       If the deletion then fails at Services or StackRolesBoundary, delete the \
                       stack again and name those that failed in --retain-resources.";

/// Advice to an operator who changes the prefix in spite of instances.
const KEEP_PREFIX: &str = "Their names begin with the earlier NamePrefix: deploy the stack with that \
                           one. To change it, delete the instances first.";

/// Returns the reason to reject the change of the stack, with advice for the operator; `None` if no
/// instance would be lost.
async fn reason_to_stay(
    broker: Result<&Broker, &InvalidSetting>,
    prefix: Option<&str>,
    advice: &str,
) -> Option<String> {
    let remaining = match broker {
        Ok(broker) => upkeep::remaining(broker, prefix)
            .await
            .map_err(|error| error.log_text()),
        Err(wrong) => Err(wrong.to_string()),
    };

    let remaining = match remaining {
        Ok(remaining) => remaining,
        Err(reason) => {
            return Some(format!(
                "The broker could not check whether instances remain ({reason}). {advice}"
            ));
        }
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
        "{count}, which only the broker can delete: {named}{more}. {advice}"
    ))
}
