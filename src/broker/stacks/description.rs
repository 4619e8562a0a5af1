//! Descriptions of operations for a platform's users: progress, or the reason of a failure.

use std::collections::BTreeMap;

use catalog::Offered;
use jiff::{SignedDuration, Timestamp};

use super::{
    events::{OperationEvents, StackEvent, Subject},
    progress::Sight,
    remedies::remedy,
    status::StackStatus,
};
use crate::broker::records::{Operation, OperationKind, OperationState};

/// The end of CloudFormation's reason for a resource that it stopped after another one had failed.
const CANCELLED: &str = "cancelled";

const WITHHELD: &str = "the reason is withheld, because it may quote a secret parameter; the \
                        broker's operator can find it in the stack's events";

/// The properties of a plan's stacks, according to its template.
#[derive(Clone, Copy, Debug)]
pub struct ExpectedStack {
    /// The number of resources in the template; conditions may exclude some.
    pub resources: usize,
    /// The longest expected duration of a creation.
    pub longest_creation: SignedDuration,
}

impl ExpectedStack {
    /// Returns the properties of the plan's stacks.
    pub fn of(offered: &Offered<'_>) -> Self {
        Self {
            resources: offered.offering.resource_count,
            longest_creation: SignedDuration::from_secs(offered.plan.longest_creation.into()),
        }
    }
}

/// Describes a creation, update or deletion of an instance. `expected` is absent if the catalog no
/// longer has the plan.
pub fn of_instance(
    operation: &Operation,
    events: &OperationEvents,
    expected: Option<ExpectedStack>,
    now: Timestamp,
) -> String {
    match operation.state {
        OperationState::InProgress => running(operation.kind, events, expected, now),
        OperationState::Succeeded => match operation.kind {
            OperationKind::Deprovision => operation
                .reason
                .clone()
                .unwrap_or_else(|| "The instance has been deleted.".into()),
            OperationKind::Update => "The instance has been updated.".into(),
            _ => "The instance has been created.".into(),
        },
        OperationState::Failed => reason(operation),
    }
}

/// Describes a creation or deletion of a binding.
pub fn of_binding(operation: &Operation) -> String {
    match (operation.kind, operation.state) {
        (_, OperationState::Failed) => reason(operation),
        (OperationKind::Unbind, OperationState::InProgress) => {
            "The binding is being deleted.".into()
        }
        (OperationKind::Unbind, OperationState::Succeeded) => {
            "The binding has been deleted.".into()
        }
        (_, OperationState::InProgress) => "The binding is being created.".into(),
        (_, OperationState::Succeeded) => "The binding has been created.".into(),
    }
}

/// Joins AWS's reason, which may lack its full stop, and advice for the user.
pub fn with_advice(reason: &str, advice: &str) -> String {
    format!("{}. {advice}", reason.trim_end_matches('.'))
}

fn reason(operation: &Operation) -> String {
    operation
        .reason
        .clone()
        .unwrap_or_else(|| "The operation failed.".into())
}

fn running(
    kind: OperationKind,
    events: &OperationEvents,
    expected: Option<ExpectedStack>,
    now: Timestamp,
) -> String {
    use StackStatus as S;

    if let Some(act) = events
        .foreign
        .last()
        .filter(|event| event.stack_status().is_in_progress())
    {
        return format!(
            "Somebody else is changing the stack in AWS ({}). The broker waits until this ends.",
            act.status
        );
    }

    let sight = Sight::of(Some(events));
    let events = &*events.own;
    match sight {
        Sight::Reached(S::RollbackInProgress) => {
            let cause = root_cause(events);
            format!("The creation failed and is being rolled back. {cause}")
        }
        Sight::Reached(
            S::UpdateRollbackInProgress | S::UpdateRollbackCompleteCleanupInProgress,
        ) => {
            let cause = root_cause(events);
            format!("The update failed and is being rolled back. {cause}")
        }
        Sight::Reached(S::UpdateCompleteCleanupInProgress) => {
            "Updating: all changes are complete; the replaced resources are being deleted.".into()
        }
        _ => how_far(kind, events, expected, now),
    }
}

/// The number of resources done, the resource that has been in progress for longest, and the
/// expected duration.
fn how_far(
    kind: OperationKind,
    events: &[StackEvent],
    expected: Option<ExpectedStack>,
    now: Timestamp,
) -> String {
    let doing = match kind {
        OperationKind::Deprovision => "Deleting",
        OperationKind::Update => "Updating",
        _ => "Creating",
    };

    let resources = resources(events);
    let Some((current, at_work)) = resources
        .iter()
        .filter(|(_, resource)| resource.in_progress)
        .min_by_key(|(_, resource)| resource.since)
    else {
        let done = done(&resources, kind, expected);
        return format!("{doing}: {done}.{}", usual_duration(kind, expected));
    };

    format!(
        "{doing}: {}; {current} ({}) has taken {} so far.{}",
        done(&resources, kind, expected),
        at_work.kind,
        spell_out(now.duration_since(at_work.since)),
        usual_duration(kind, expected),
    )
}

/// The expected duration of a creation. Nobody states those of updates and deletions.
fn usual_duration(kind: OperationKind, expected: Option<ExpectedStack>) -> String {
    match expected {
        Some(expected) if kind == OperationKind::Provision => format!(
            " This usually takes less than {}.",
            spell_out(expected.longest_creation)
        ),
        _ => String::new(),
    }
}

/// The number of resources done, and the template's maximum. An update has no maximum: it touches
/// only changed resources, and nobody counts them in advance.
fn done(
    resources: &BTreeMap<&str, Resource<'_>>,
    kind: OperationKind,
    expected: Option<ExpectedStack>,
) -> String {
    let done = resources.values().filter(|resource| resource.done).count();
    match expected.filter(|_| kind != OperationKind::Update) {
        Some(ExpectedStack { resources, .. }) => {
            format!("{done} of at most {resources} resources done")
        }
        None => format!("{done} resource{} done", if done == 1 { "" } else { "s" }),
    }
}

/// The progress of one resource.
pub struct Resource<'a> {
    kind: &'a str,
    in_progress: bool,
    done: bool,
    since: Timestamp,
}

fn resources(events: &[StackEvent]) -> BTreeMap<&str, Resource<'_>> {
    let mut resources: BTreeMap<&str, Resource<'_>> = BTreeMap::new();
    for event in events {
        let Subject::Resource { logical_id, kind } = &event.subject else {
            continue;
        };

        let in_progress = event.status.ends_with("_IN_PROGRESS");
        // CloudFormation reports the start twice: when it begins, and when the service has accepted
        // the request.
        let begun = resources
            .get(logical_id.as_str())
            .filter(|before| in_progress && before.in_progress);
        let since = begun.map_or(event.at, |before| before.since);
        let done = event.status.ends_with("_COMPLETE") || event.status == "DELETE_SKIPPED";

        resources.insert(
            logical_id,
            Resource {
                kind,
                in_progress,
                done,
                since,
            },
        );
    }

    resources
}

/// Replaces CloudFormation's reasons, which may quote values of `NoEcho` parameters. The broker
/// does not store these values, so it cannot find them in a text.
pub fn withhold_reasons(events: &mut OperationEvents) {
    for event in events.own.iter_mut().chain(&mut events.foreign) {
        // Cancelled resources must stay distinguishable from the one that failed.
        event.reason = event.reason.take().map(|reason| {
            // A stack policy knows no values.
            if refused_by_policy(&reason).is_some() {
                return reason;
            }

            let withheld = if reason.ends_with(CANCELLED) {
                CANCELLED
            } else {
                WITHHELD
            };
            withheld.to_owned()
        });
    }
}

/// The reason why an operation failed: an interruption by somebody else, or the first failure.
pub fn cause(events: &OperationEvents) -> String {
    match events.interruption() {
        None => root_cause(&events.own),
        Some(act) => {
            let reason = act
                .reason
                .as_deref()
                .map(|reason| format!(": {}", readable(reason)))
                .unwrap_or_default();
            format!(
                "Somebody else interrupted the operation in AWS ({}{}).",
                act.status,
                reason.trim_end_matches('.')
            )
        }
    }
}

/// The first failure in one sentence: all later ones follow from it.
pub fn root_cause(events: &[StackEvent]) -> String {
    let failed = events
        .iter()
        .find_map(|event| match (&event.subject, &event.reason) {
            (Subject::Resource { logical_id, kind }, Some(reason))
                if event.status.ends_with("_FAILED") && !reason.ends_with(CANCELLED) =>
            {
                if let Some((verb, protected)) = refused_by_policy(reason) {
                    return Some(format!(
                        "The update would have {verb} {protected} and lost its data, so \
                         CloudFormation refused it"
                    ));
                }
                let action = event
                    .status
                    .trim_end_matches("_FAILED")
                    .to_ascii_lowercase();
                let text = format!(
                    "CloudFormation could not {action} {logical_id} ({kind}): {}",
                    readable(reason)
                );
                Some(match remedy(reason) {
                    Some(remedy) => format!("{}. {remedy}", text.trim_end_matches('.')),
                    None => text,
                })
            }
            _ => None,
        });

    let text = failed
        .or_else(|| reason_of_stack(events))
        .unwrap_or_else(|| "CloudFormation gave no reason".into());
    format!("{}.", text.trim_end_matches('.'))
}

/// Returns the reason in the last event of the stack itself.
fn reason_of_stack(events: &[StackEvent]) -> Option<String> {
    let of_stack = events
        .iter()
        .filter(|event| event.subject == Subject::Stack);
    of_stack
        .filter_map(|event| event.reason.as_deref())
        .next_back()
        .map(|reason| readable(reason).to_owned())
}

/// Returns the refused change and its resource, if the stack policy refused an update. The change
/// is a past participle, such as `deleted`.
///
/// CloudFormation says: `Action denied by stack policy: Statement [#1] does not allow
/// [Update:Replace] for resource [LogicalResourceId/Table]`.
fn refused_by_policy(reason: &str) -> Option<(&'static str, &str)> {
    let denied = reason.strip_prefix("Action denied by stack policy: ")?;
    let verb = if denied.contains("[Update:Delete]") {
        "deleted"
    } else if denied.contains("[Update:Replace]") {
        "replaced"
    } else {
        return None;
    };
    let (_, resource) = denied.split_once("[LogicalResourceId/")?;
    Some((verb, resource.split(']').next()?))
}

/// The reason without the text that CloudFormation and the SDK of the resource's handler add.
fn readable(reason: &str) -> &str {
    let message = reason
        .strip_prefix("Resource handler returned message: \"")
        .unwrap_or(reason);
    let end = [" (Service: ", "\" (RequestToken: ", " (RequestToken: "]
        .iter()
        .filter_map(|end| message.find(end))
        .min();
    let message = end.and_then(|end| message.get(..end)).unwrap_or(message);
    message.trim_end_matches('"').trim()
}

fn spell_out(duration: SignedDuration) -> String {
    match duration.as_secs().max(0) {
        1 => "1 second".into(),
        seconds @ 0..120 => format!("{seconds} seconds"),
        seconds => format!("{} minutes", seconds / 60),
    }
}
