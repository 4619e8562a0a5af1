//! The log lines that are made for programs as much as for people: metrics and audits read their
//! fields.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use tracing::{error, info, warn};

use super::facts::Facts;

/// The target of the line that every request leaves.
pub const REQUEST: &str = "request";
/// The target of the line that every request leaves which is to change something.
pub const AUDIT: &str = "audit";
/// The target of the line that an operation leaves when it is over.
pub const OPERATION: &str = "operation";

/// Whether no request has been logged yet by this process.
static IS_FIRST: AtomicBool = AtomicBool::new(true);

/// How a request ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// What was asked for is so.
    Succeeded,
    /// What was asked for is going to be so, or not: an operation has begun.
    Accepted,
    /// By the fault of whoever asked.
    Refused,
    /// By that of the broker or of AWS.
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
    /// OSBAPI's word for what it asks for; `stack_event`.
    pub operation: &'a str,
    /// Whether it is to change something, and so leaves a line for the audit.
    pub is_mutation: bool,
    /// How it ended.
    pub outcome: Outcome,
    /// Of the answer, if it was one of HTTP.
    pub status: Option<u16>,
    /// From the first to the last moment of the broker's work.
    pub duration: Duration,
    /// What it is about.
    pub instance_id: Option<&'a str>,
    /// What it is about.
    pub binding_id: Option<&'a str>,
    /// Lambda's id of it.
    pub request_id: Option<&'a str>,
    /// The platform's id of it.
    pub request_identity: Option<&'a str>,
    /// Which platform has sent it, by its own word.
    pub originating_platform: Option<&'a str>,
    /// For whom, by the platform's word.
    pub originating_user: Option<&'a str>,
    /// What is wrong with the platform's word.
    pub originating_identity_mistake: Option<&'a str>,
    /// Why it ended so.
    pub reason: Option<&'a str>,
}

impl Request<'_> {
    /// Writes its lines.
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

    /// Logs who has asked for what, and how it went.
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

/// An operation on an instance is over.
#[derive(Clone, Copy, Debug)]
pub struct Operation<'a> {
    /// OSBAPI's word for it.
    pub operation: &'a str,
    /// What the platform polls with.
    pub operation_id: &'a str,
    /// Whether it did what it was to do.
    pub succeeded: bool,
    /// Since it was accepted, or last taken up again.
    pub seconds: i64,
    /// The name of the service offering.
    pub service: Option<&'a str>,
    /// The name of the plan.
    pub plan: Option<&'a str>,
    /// What it was about.
    pub instance_id: &'a str,
    /// Where AWS says more.
    pub stack_name: &'a str,
}

impl Operation<'_> {
    /// Writes its line.
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
