//! Log lines for programs as well as for people: metrics and audits read their fields.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use tracing::{error, info, warn};

use super::facts::Facts;

/// The target of the line that every request writes.
pub const REQUEST: &str = "request";
/// The target of the second line that every authenticated request for a change writes.
pub const AUDIT: &str = "audit";
/// The target of the line that an operation writes at its end.
pub const OPERATION: &str = "operation";

/// True until this process logs its first request.
static IS_FIRST: AtomicBool = AtomicBool::new(true);

/// The outcome of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The request was completed.
    Succeeded,
    /// An operation has begun, which may still fail.
    Accepted,
    /// The caller made a mistake.
    Refused,
    /// The broker or AWS failed.
    Failed,
}

impl Outcome {
    fn name(self) -> &'static str {
        match self {
            Self::Succeeded => "succeeded",
            Self::Accepted => "accepted",
            Self::Refused => "refused",
            Self::Failed => "failed",
        }
    }
}

/// A request of a platform, or an event of AWS.
#[derive(Clone, Debug)]
pub struct Request<'a> {
    /// OSBAPI's name of the operation. `stack_event` for an event of AWS, `unknown` for anything
    /// else.
    pub operation: &'a str,
    /// True if the request is for a change, which adds a line to the audit.
    pub is_mutation: bool,
    /// The outcome.
    pub outcome: Outcome,
    /// The HTTP status; absent for an event of AWS.
    pub status: Option<u16>,
    /// The time that the broker took to handle it.
    pub duration: Duration,
    /// The id of the instance in question; absent if there is none.
    pub instance_id: Option<&'a str>,
    /// The id of the binding in question; absent if there is none.
    pub binding_id: Option<&'a str>,
    /// Lambda's id of the request.
    pub request_id: Option<&'a str>,
    /// The platform's id of the request.
    pub request_identity: Option<&'a str>,
    /// The platform that sent it, according to the platform.
    pub originating_platform: Option<&'a str>,
    /// The user behind it, according to the platform.
    pub originating_user: Option<&'a str>,
    /// The mistake in the header that names platform and user.
    pub originating_identity_mistake: Option<&'a str>,
    /// The reason for a refusal or failure.
    pub reason: Option<&'a str>,
}

impl Request<'_> {
    /// Writes the request's line and, for a change, its audit line.
    pub fn log(&self, facts: &Facts) {
        let duration_ms = u64::try_from(self.duration.as_millis()).unwrap_or(u64::MAX);
        let in_flight_seconds = facts.in_flight.map(|age| age.as_secs());
        let cold_start = IS_FIRST.swap(false, Ordering::Relaxed).then_some(1_u64);

        macro_rules! line {
            ($level:ident) => {
                $level!(
                    target: REQUEST,
                    operation = self.operation,
                    service = facts.service.as_deref(),
                    plan = facts.plan.as_deref(),
                    instance_id = self.instance_id,
                    binding_id = self.binding_id,
                    outcome = self.outcome.name(),
                    status = self.status,
                    duration_ms,
                    aws_calls = facts.aws_calls,
                    in_flight_seconds,
                    cold_start,
                    request_id = self.request_id,
                    request_identity = self.request_identity,
                    originating_platform = self.originating_platform,
                    originating_user = self.originating_user,
                    originating_identity_mistake = self.originating_identity_mistake,
                    reason = self.reason,
                    "request"
                )
            };
        }

        match self.outcome {
            Outcome::Failed => line!(error),
            Outcome::Refused => line!(warn),
            Outcome::Succeeded | Outcome::Accepted => line!(info),
        }

        if self.is_mutation {
            self.audit(facts);
        }
    }

    /// Writes the audit line: caller, operation and outcome.
    fn audit(&self, facts: &Facts) {
        info!(
            target: AUDIT,
            operation = self.operation,
            service = facts.service.as_deref(),
            plan = facts.plan.as_deref(),
            instance_id = self.instance_id,
            binding_id = self.binding_id,
            organization_guid = facts.organization_guid.as_deref(),
            space_guid = facts.space_guid.as_deref(),
            outcome = self.outcome.name(),
            status = self.status,
            originating_platform = self.originating_platform,
            originating_user = self.originating_user,
            request_id = self.request_id,
            request_identity = self.request_identity,
            "audit"
        );
    }
}

/// The end of an operation on an instance.
#[derive(Clone, Copy, Debug)]
pub struct Operation<'a> {
    /// OSBAPI's name of the operation.
    pub operation: &'a str,
    /// The operation's id, with which the platform polls.
    pub operation_id: &'a str,
    /// True if the operation succeeded.
    pub succeeded: bool,
    /// Seconds since the operation was accepted or last resumed.
    pub seconds: i64,
    /// The name of the service offering.
    pub service: Option<&'a str>,
    /// The name of the plan.
    pub plan: Option<&'a str>,
    /// The instance's id.
    pub instance_id: &'a str,
    /// The name of the stack, under which AWS shows details.
    pub stack_name: &'a str,
}

impl Operation<'_> {
    /// Writes the operation's line.
    pub fn log(&self) {
        let Self {
            operation,
            operation_id,
            service,
            plan,
            instance_id,
            stack_name,
            ..
        } = *self;

        let operation_seconds = self.seconds;
        let outcome = if self.succeeded {
            Outcome::Succeeded
        } else {
            Outcome::Failed
        }
        .name();

        macro_rules! line {
            ($level:ident) => {
                $level!(
                    target: OPERATION,
                    operation,
                    operation_id,
                    service,
                    plan,
                    instance_id,
                    stack_name,
                    outcome,
                    operation_seconds,
                    "operation"
                )
            };
        }

        if self.succeeded {
            line!(info)
        } else {
            line!(warn)
        }
    }
}
