//! Schedules: what is asked in which state of things, what goes wrong, and what the platform does
//! about it.

use std::fmt;

use aws_service_broker::broker::{
    ports::PortErrorKind::{Denied, Throttled, Unavailable},
    records::{OperationKind, OperationState},
};

use crate::{
    platform::{Ask, Broken, Fate, Platform, Told, binding_key, instance_id, promise, set_zone},
    support::{Act, Answer, Fault, World},
};

/// A request, in a state of things that others have brought about.
#[derive(Clone, Copy, Debug)]
pub struct Scenario {
    /// What has happened before.
    pub before: &'static [Ask],
    /// What goes wrong.
    pub ask: Ask,
}

/// Everything that changes something, in the states in which it does.
pub const SCENARIOS: [Scenario; 21] = {
    use Ask::{
        Bind, BindAsync, BindRole, BindServiceAccount, Deprovision, Poll, Provision,
        ProvisionWithSecret, Rotate, StackEvent, Unbind, UnbindAsync, Update,
    };
    const CREATED: &[Ask] = &[Provision(1), Poll];
    const BOUND: &[Ask] = &[Provision(1), Poll, Bind("one")];
    [
        Scenario {
            before: &[],
            ask: Provision(1),
        },
        Scenario {
            before: &[],
            ask: ProvisionWithSecret,
        },
        Scenario {
            before: CREATED,
            ask: Update(2),
        },
        Scenario {
            before: &[ProvisionWithSecret, Poll],
            ask: Update(2),
        },
        Scenario {
            before: &[Provision(1), Poll, Update(2), Poll],
            ask: Update(1),
        },
        Scenario {
            before: &[],
            ask: Deprovision,
        },
        Scenario {
            before: &[Provision(1)],
            ask: Deprovision,
        },
        Scenario {
            before: BOUND,
            ask: Deprovision,
        },
        Scenario {
            before: CREATED,
            ask: Bind("one"),
        },
        Scenario {
            before: CREATED,
            ask: BindAsync("one"),
        },
        Scenario {
            before: CREATED,
            ask: BindRole("one"),
        },
        Scenario {
            before: CREATED,
            ask: BindServiceAccount("one"),
        },
        Scenario {
            before: BOUND,
            ask: Rotate("two"),
        },
        Scenario {
            before: BOUND,
            ask: Unbind("one"),
        },
        Scenario {
            before: BOUND,
            ask: UnbindAsync("one"),
        },
        Scenario {
            before: &[Provision(1), Poll, BindRole("two"), BindRole("one")],
            ask: Unbind("one"),
        },
        Scenario {
            before: &[Provision(1), Poll, BindServiceAccount("one")],
            ask: Unbind("one"),
        },
        Scenario {
            before: &[Provision(1), Poll, BindAsync("one"), Deprovision],
            ask: Poll,
        },
        Scenario {
            before: &[Provision(1)],
            ask: StackEvent,
        },
        Scenario {
            before: &[Provision(1), Poll, Update(2)],
            ask: StackEvent,
        },
        Scenario {
            before: &[Provision(1), Poll, Bind("one"), Deprovision],
            ask: StackEvent,
        },
    ]
};

/// What the platform does afterwards.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FollowUp {
    /// It sends the request again until it is answered, then polls.
    Resend,
    /// It does what OSBAPI's table of orphan mitigation says.
    Mitigate,
    /// It polls, and AWS tells the broker or does not.
    Poll(Told),
    /// Nothing for a day.
    Wait,
    /// It cleans up as for [`Self::Mitigate`], then asks for the same again under the same id, as
    /// Service Catalog does.
    Again,
}

/// One run of a scenario.
#[derive(Clone, Debug)]
pub struct Schedule {
    pub scenario: Scenario,
    pub follow_up: FollowUp,
    pub fate: Fate,
    /// By the number of the call at which it happens, from the request on.
    pub faults: Vec<(usize, Fault)>,
}

impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            scenario: Scenario { before, ask },
            follow_up,
            fate,
            faults,
        } = self;
        write!(
            f,
            "{ask:?} after {before:?}, fate {fate:?}, then {follow_up:?}; faults {faults:?}"
        )
    }
}

/// What can go wrong at a call of this name.
pub fn faults(call: &str) -> impl Iterator<Item = Fault> {
    let reason = "The account cannot have any more of these.";
    let is_rejectable = matches!(call, "stacks.create" | "stacks.update" | "stacks.delete");
    let rejected = is_rejectable.then_some(Fault::Rejected(reason));
    let lost_and_rejected =
        (is_rejectable && call != "stacks.delete").then_some(Fault::RejectedAfter(reason));

    [
        Fault::Crash,
        Fault::CrashAfter,
        Fault::Late(5),
        Fault::Late(28),
        Fault::Hang,
        Fault::HangAfter,
        Fault::Before(Throttled),
        Fault::Before(Unavailable),
        Fault::After(Unavailable),
        Fault::Before(Denied),
    ]
    .into_iter()
    .chain(rejected)
    .chain(lost_and_rejected)
}

/// What somebody can do in the AWS console at the time of a call.
pub fn acts() -> impl Iterator<Item = Fault> {
    [
        Act::CancelUpdate,
        Act::ContinueRollback,
        Act::Update,
        Act::Delete,
        Act::Untag,
    ]
    .into_iter()
    .map(Fault::Console)
}

/// An account in which what comes before a scenario has happened.
pub async fn prepare(scenario: Scenario, fate: Fate) -> World {
    let before = if fate == Fate::DeletionFails {
        fate
    } else {
        Fate::Well
    };
    let mut platform = Platform::new(World::new(), before);
    platform.begin(scenario.before).await;
    platform.world
}

/// How often a platform sends a request again, within two minutes.
const ROUNDS: usize = 14;

impl Schedule {
    /// Runs it in a copy of the account. Returns the calls at which something could have gone
    /// wrong, or the broken promise with what led to it.
    pub async fn run(&self, prepared: &World) -> Result<Vec<&'static str>, String> {
        let world = prepared.copy();
        set_zone(&world, "two");
        // Authentication changes nothing, and comes before anything else.
        let mut platform = Platform::new(world, self.fate).told(match self.follow_up {
            FollowUp::Poll(told) => told,
            _ => Told::No,
        });
        platform.ask(Ask::FetchInstance).await?;
        if self.scenario.ask == Ask::StackEvent {
            platform.pause(5).await?;
        }
        platform.world.script(self.faults.iter().copied());
        let ran = self.run_with(&mut platform).await;
        ran.map_err(|broken| format!("{self}\n\n{}\nBroken: {broken}", platform.trace()))
    }

    async fn run_with(&self, platform: &mut Platform) -> Result<Vec<&'static str>, Broken> {
        let answer = platform.ask(self.scenario.ask).await?;
        match self.follow_up {
            FollowUp::Resend => self.resend(platform, answer).await?,
            FollowUp::Mitigate => drop(self.mitigate(platform, answer).await?),
            FollowUp::Again => self.ask_for_the_same_again(platform, answer).await?,
            FollowUp::Poll(_) => self.poll_to_the_end(platform).await?,
            FollowUp::Wait => platform.pause(24 * 60 * 60).await?,
        }

        let (calls, _) = platform.world.calls_and_faults();
        platform.world.end_script();

        // A platform that knows how its request ended may delete at once, although others are still
        // under way; but for one that has not reached the table yet, and of which nothing can be
        // known.
        let is_unknown = |(call, fault): &(usize, Fault)| {
            matches!(fault, Fault::Late(_)) && calls.get(*call) == Some(&"records.insert_instance")
        };
        if self.follow_up != FollowUp::Resend || self.faults.iter().any(is_unknown) {
            platform.pause(31).await?;
        }

        platform.deprovision().await?;
        Ok(calls)
    }

    fn poll(&self) -> Ask {
        match self.scenario.ask {
            ask if ask.is_of_instance() => Ask::Poll,
            ask => Ask::PollBinding(ask.binding()),
        }
    }

    /// What was begun comes to an end while the platform polls, whatever goes wrong; unless AWS
    /// denies what it takes.
    async fn poll_to_the_end(&self, platform: &mut Platform) -> Result<(), Broken> {
        let state = platform.poll(self.poll()).await?;
        let is_denied = self
            .faults
            .iter()
            .any(|(_, fault)| *fault == Fault::Before(Denied));
        promise!(state.is_some() || is_denied, "it does not come to an end");
        Ok(())
    }

    async fn resend(
        &self,
        platform: &mut Platform,
        mut answer: Option<Answer>,
    ) -> Result<(), Broken> {
        for round in 0..ROUNDS {
            let status = answer.as_ref().map(|answer| answer.status.as_u16());
            let is_busy = answer
                .as_ref()
                .is_some_and(|answer| answer.body["error"] == "ConcurrencyError");

            match status {
                Some(202) => {
                    platform.ask(self.scenario.ask).await?;
                    platform.poll(self.poll()).await?;
                }
                Some(200..500) if !is_busy => {}
                _ => {
                    platform.pause(if round < 2 { 1 } else { 10 }).await?;
                    answer = platform.ask(self.scenario.ask).await?;
                    continue;
                }
            }

            self.check_converged(platform)?;
            return self.ask_again(platform).await;
        }
        Err("the request, sent again, is never answered".into())
    }

    /// What has come about is there for the same request, too.
    async fn ask_again(&self, platform: &mut Platform) -> Result<(), Broken> {
        if !self.has_to_come_about() {
            return Ok(());
        }

        let expected = match self.scenario.ask {
            Ask::Deprovision | Ask::Unbind(_) | Ask::UnbindAsync(_) => 410,
            _ => 200,
        };

        for _ in 0..ROUNDS {
            match platform
                .ask(self.scenario.ask)
                .await?
                .map(|answer| answer.status.as_u16())
            {
                None | Some(500..) => platform.pause(10).await?,
                Some(status) if status == expected => return Ok(()),
                Some(status) => {
                    return Err(format!(
                        "it has come about, and the same request is answered with {status}"
                    ));
                }
            }
        }
        Err("it has come about, and the same request is never answered".into())
    }

    /// Whether nothing refuses the request.
    fn has_to_come_about(&self) -> bool {
        let ends_when_denied = matches!(
            self.scenario.ask,
            Ask::BindAsync(_) | Ask::UnbindAsync(_) | Ask::Rotate(_) | Ask::BindRole(_)
        );
        let is_refusal = |fault: &Fault| match fault {
            Fault::Rejected(_) | Fault::Console(_) => true,
            // What is tried again while the platform polls ends where AWS denies it, and a role
            // that AWS does not show is not allowed.
            Fault::Before(Denied) => ends_when_denied,
            _ => false,
        };
        self.fate == Fate::Well && !self.faults.iter().any(|(_, fault)| is_refusal(fault))
    }

    /// What nothing has refused, and CloudFormation does, has come about.
    fn check_converged(&self, platform: &Platform) -> Result<(), Broken> {
        if !self.has_to_come_about() {
            return Ok(());
        }

        let account = platform.world.account();
        let instance = account.instances.get(&instance_id());
        let has = |kind, state| instance.is_some_and(|instance| instance.operation.is(kind, state));

        let kept = match self.scenario.ask {
            Ask::Provision(_) | Ask::ProvisionWithSecret => {
                has(OperationKind::Provision, OperationState::Succeeded)
            }
            Ask::Update(size) => {
                let mut stacks = account.stacks.values();
                has(OperationKind::Update, OperationState::Succeeded)
                    && stacks.any(|stack| stack.parameters["Size"] == size.to_string())
            }
            Ask::Deprovision => instance.is_none_or(|instance| instance.is_tombstone()),
            Ask::Bind(id)
            | Ask::BindAsync(id)
            | Ask::BindRole(id)
            | Ask::BindServiceAccount(id)
            | Ask::Rotate(id) => account
                .bindings
                .get(&binding_key(id))
                .is_some_and(|binding| binding.is_usable()),
            Ask::Unbind(id) | Ask::UnbindAsync(id) => account
                .bindings
                .get(&binding_key(id))
                .is_none_or(|binding| binding.is_tombstone()),
            _ => true,
        };

        promise!(
            kept,
            "it did not come about: {:?} {:?}",
            instance.map(|instance| &instance.operation),
            account
                .bindings
                .values()
                .map(|binding| &binding.operation)
                .collect::<Vec<_>>()
        );
        Ok(())
    }

    /// What was cleaned up can come about under the same id.
    async fn ask_for_the_same_again(
        &self,
        platform: &mut Platform,
        answer: Option<Answer>,
    ) -> Result<(), Broken> {
        let mut was_cleaned_up = self.mitigate(platform, answer).await?;
        if !self.scenario.ask.creates() {
            return Ok(());
        }

        for _ in 0..ROUNDS {
            if !was_cleaned_up {
                return self.check_converged(platform);
            }

            platform.forget_operations();
            platform.pause(10).await?;
            let answer = platform.ask(self.scenario.ask).await?;

            // An earlier request may still be under way.
            if answer
                .as_ref()
                .is_some_and(|answer| answer.body["error"] == "ConcurrencyError")
            {
                continue;
            }

            was_cleaned_up = self.mitigate(platform, answer).await?;
            let is_refused = !self.has_to_come_about();
            if is_refused {
                return Ok(());
            }
        }
        Err("the same id can never be used again".into())
    }

    /// OSBAPI, Orphan Mitigation: what may have made something, and was not answered properly, or
    /// failed, is deleted. True if that was so.
    async fn mitigate(
        &self,
        platform: &mut Platform,
        answer: Option<Answer>,
    ) -> Result<bool, Broken> {
        let delete = match self.scenario.ask {
            Ask::Provision(_) | Ask::ProvisionWithSecret | Ask::Deprovision => {
                Some(Ask::Deprovision)
            }
            Ask::Bind(id) | Ask::BindRole(id) | Ask::BindServiceAccount(id) | Ask::Unbind(id) => {
                Some(Ask::Unbind(id))
            }
            Ask::BindAsync(id) | Ask::Rotate(id) | Ask::UnbindAsync(id) => {
                Some(Ask::UnbindAsync(id))
            }
            // An update is never mitigated.
            _ => None,
        };

        let is_lost = match answer.as_ref().map(|answer| answer.status.as_u16()) {
            Some(202) => platform.poll(self.poll()).await?.as_deref() == Some("failed"),
            Some(status) => status >= 500,
            None => true,
        };
        let Some(delete) = delete.filter(|_| is_lost) else {
            return Ok(false);
        };

        for round in 0..ROUNDS {
            platform.pause(if round < 2 { 1 } else { 10 }).await?;
            let deleted = platform.ask(delete).await?;
            match deleted.map(|answer| answer.status.as_u16()) {
                Some(200 | 410) => return Ok(true),
                Some(202) if platform.poll(self.poll()).await?.as_deref() != Some("failed") => {
                    return Ok(true);
                }
                _ => {}
            }
        }
        Err("the deletion never succeeds".into())
    }
}
