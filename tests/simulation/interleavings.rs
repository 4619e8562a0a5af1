//! Requests that run at the same time, interleaved at every call of a port.
//!
//! What they end as must be what they end as one after the other, in some order, without those that were told that
//! another request is at work.

use std::{collections::HashSet, pin::Pin};

use aws_service_broker::broker::operation::{OperationKind, OperationState};
use proptest::{
    collection::vec,
    prelude::*,
    sample::select,
    test_runner::{Config, RngSeed},
};

use crate::{
    block_on,
    platform::{Ask, Broken, Fate, Platform, check_account, promise},
    support::{Account, Answer, Fault, World},
};

/// What an account looks like before the requests come.
#[derive(Clone, Copy, Debug)]
struct Before {
    asks: &'static [Ask],
    /// Where the last one of them stopped; then nobody is at work on it any more.
    interrupted_at: Option<&'static str>,
    fate: Fate,
}

const fn before(asks: &'static [Ask]) -> Before {
    Before { asks, interrupted_at: None, fate: Fate::Well }
}

const fn interrupted(asks: &'static [Ask], call: &'static str) -> Before {
    Before { interrupted_at: Some(call), ..before(asks) }
}

use Ask::{
    Bind, BindAsync, Deprovision, FetchInstance, Poll, PollBinding, Provision, Rotate, Unbind, UnbindAsync, Update,
};

const STATES: [Before; 13] = [
    before(&[]),
    before(&[Provision(1)]),
    interrupted(&[Provision(1)], "stacks.create"),
    Before { fate: Fate::Fails, ..before(&[Provision(1), Poll]) },
    before(&[Provision(1), Poll]),
    before(&[Provision(1), Poll, Update(2)]),
    interrupted(&[Provision(1), Poll, Update(2)], "stacks.update"),
    before(&[Provision(1), Poll, Bind("one")]),
    interrupted(&[Provision(1), Poll, Bind("one")], "identities.create_user"),
    interrupted(&[Provision(1), Poll, Bind("one")], "vault.seal"),
    interrupted(&[Provision(1), Poll, Bind("one"), Unbind("one")], "identities.delete_user"),
    before(&[Provision(1), Poll, Bind("one"), Deprovision]),
    before(&[Provision(1), Poll, Bind("one"), Deprovision, Poll]),
];

const ASKS: [Ask; 13] = [
    Provision(1),
    Provision(2),
    Update(2),
    Update(3),
    Deprovision,
    Poll,
    FetchInstance,
    Bind("one"),
    BindAsync("one"),
    Rotate("two"),
    Unbind("one"),
    UnbindAsync("one"),
    PollBinding("one"),
];

impl Before {
    async fn prepare(self) -> World {
        let mut platform = Platform::new(World::new(), self.fate);
        let (last, rest) = self.asks.split_last().map_or((None, self.asks), |(last, rest)| (Some(last), rest));
        for ask in rest {
            platform.ask(*ask).await.expect("before").expect("an answer");
            platform.pause(5).await.expect("before");
        }
        if let Some(call) = self.interrupted_at {
            platform.world.inject(call, Fault::Crash);
        }
        if let Some(ask) = last {
            platform.ask(*ask).await.expect("before");
        }
        if self.interrupted_at.is_some() {
            platform.pause(31).await.expect("before");
        }
        platform.world.take_calls();
        platform.world
    }
}

/// How requests ended: their answers, and what there is when nothing is under way any more.
#[derive(Clone, Debug, PartialEq)]
struct Outcome {
    /// Whether each was refused; nothing for one that was told that another is at work, or only looks.
    refused: Vec<Option<bool>>,
    end: End,
}

#[derive(Clone, Debug, PartialEq)]
struct End {
    instance: Option<(OperationKind, OperationState, String)>,
    stacks: Vec<Option<String>>,
    /// Of each binding, whether it is usable and whether it is gone.
    bindings: Vec<(String, bool, bool)>,
}

impl End {
    fn of(account: &Account) -> Self {
        let instance = account.instances.values().next();
        let bindings = account.bindings.values();
        Self {
            instance: instance.map(|instance| {
                // What an instance is after a failed update is what it was before.
                let (kind, state) = (instance.operation.kind, instance.operation.state);
                (kind, state, format!("{:?}", instance.attributes.parameters))
            }),
            stacks: account.stacks.values().map(|stack| stack.parameters.get("Size").cloned()).collect(),
            bindings: bindings
                .map(|binding| (binding.id.to_string(), binding.is_usable(), binding.is_tombstone()))
                .collect(),
        }
    }
}

fn is_busy(answer: &Answer) -> bool {
    answer.body["error"] == "ConcurrencyError"
}

fn refusal(ask: Ask, answer: &Answer) -> Option<bool> {
    let looks = matches!(ask, Poll | FetchInstance | PollBinding(_));
    (!looks && !is_busy(answer)).then_some(answer.status.is_client_error())
}

/// Lets everything come to its end.
async fn end(world: &World) -> Result<End, Broken> {
    world.yield_at_calls(false);
    world.set_turn(9);
    let mut platform = Platform::new(world.clone(), Fate::Well);
    for _ in 0..3 {
        platform.pause(31).await?;
        for poll in [Poll, PollBinding("one"), PollBinding("two")] {
            platform.ask(poll).await?;
        }
    }
    let end = End::of(&world.account());
    platform.deprovision().await?;
    Ok(end)
}

/// All outcomes of requests that come one after the other, in any order, where any of them may be left out.
async fn serial_outcomes(prepared: &World, asks: &[Ask]) -> Vec<Outcome> {
    let mut outcomes = Vec::new();
    let mut orders: Vec<Vec<usize>> = vec![vec![]];
    while let Some(order) = orders.pop() {
        let world = prepared.copy();
        world.script([]);
        let mut platform = Platform::new(world.clone(), Fate::Well);
        let mut refused = vec![None; asks.len()];
        for index in &order {
            world.set_turn(*index + 1);
            let answer = platform.ask(asks[*index]).await;
            let answer = answer.unwrap_or_else(|broken| panic!("{}\n\nBroken: {broken}", platform.trace()));
            let answer = answer.expect("an answer");
            refused[*index] = refusal(asks[*index], &answer);
        }
        outcomes.push(Outcome { refused, end: end(&world).await.expect("one after the other") });
        for next in (0..asks.len()).filter(|index| !order.contains(index)) {
            orders.push(order.iter().copied().chain([next]).collect());
        }
    }
    outcomes
}

/// Requests that run at the same time.
struct Running<'a> {
    world: World,
    asks: &'a [Ask],
    requests: Vec<Option<Pin<Box<dyn Future<Output = Answer>>>>>,
    answers: Vec<Option<Answer>>,
    turns: Vec<usize>,
}

impl<'a> Running<'a> {
    fn new(prepared: &World, asks: &'a [Ask], rejected: Option<&'static str>) -> Self {
        let world = prepared.copy();
        world.script([]);
        if let Some(call) = rejected {
            world.inject(call, Fault::Rejected("The account cannot have any more of these."));
        }
        world.yield_at_calls(true);
        let client = Platform::new(world.clone(), Fate::Well).client;
        let requests = asks.iter().map(|ask| Some(ask.send(&client))).collect();
        Self { world, asks, requests, answers: vec![None; asks.len()], turns: Vec::new() }
    }

    fn waiting(&self) -> Vec<usize> {
        (0..self.requests.len()).filter(|index| self.requests[*index].is_some()).collect()
    }

    /// Lets a request make its next call and go on to the one after.
    async fn step(&mut self, index: usize) -> Result<(), Broken> {
        self.turns.push(index);
        self.world.set_turn(index + 1);
        let Some(mut request) = self.requests[index].take() else { unreachable!("it is waiting") };
        let polled = std::future::poll_fn(|context| std::task::Poll::Ready(request.as_mut().poll(context))).await;
        match polled {
            std::task::Poll::Ready(answer) => self.answers[index] = Some(answer),
            std::task::Poll::Pending => self.requests[index] = Some(request),
        }
        check_account(&self.world.account())
    }

    /// What the requests have ended as is among what they could have ended as without each other.
    async fn check(self, allowed: &[Outcome], rejected: bool) -> Result<(), Broken> {
        let answers: Vec<_> = self.answers.iter().flatten().collect();
        for answer in &answers {
            promise!(!answer.status.is_server_error(), "{answer:?}");
        }
        let refused = self.asks.iter().zip(&answers).map(|(ask, answer)| refusal(*ask, answer)).collect();
        let outcome = Outcome { refused, end: end(&self.world).await? };
        // Whose request was rejected is nothing that an order would tell.
        promise!(
            rejected || allowed.contains(&outcome),
            "{outcome:#?}\nis none of the outcomes that the requests have one after the other:\n{allowed:#?}"
        );
        Ok(())
    }

    fn trace(&self) -> String {
        let (calls, _) = self.world.calls_and_faults();
        let statuses: Vec<_> =
            self.answers.iter().map(|answer| answer.as_ref().map(|a| (a.status.as_u16(), a.body.clone()))).collect();
        format!("{:?}\nturns {:?}\ncalls {calls:#?}\nanswers {statuses:#?}", self.asks, self.turns)
    }
}

/// Every interleaving of these requests, as far as they can end differently: where two have led to the same account and
/// the requests have been told the same, one of them is followed. How many were followed to their end.
async fn explore(prepared: &World, asks: &[Ask], rejected: Option<&'static str>) -> usize {
    let allowed = serial_outcomes(prepared, asks).await;
    let (mut seen, mut ends) = (HashSet::new(), 0);
    let mut beginnings: Vec<Vec<usize>> = vec![vec![]];
    while let Some(beginning) = beginnings.pop() {
        let mut running = Running::new(prepared, asks, rejected);
        let mut turns = beginning.into_iter();
        loop {
            let waiting = running.waiting();
            let Some(first) = waiting.first() else {
                let trace = running.trace();
                let checked = running.check(&allowed, rejected.is_some()).await;
                checked.unwrap_or_else(|broken| panic!("{trace}\n\nBroken: {broken}"));
                ends += 1;
                break;
            };
            let next = match turns.next() {
                Some(next) => next,
                None if !seen.insert(running.world.fingerprint()) => break,
                None => {
                    let others = waiting.iter().skip(1);
                    beginnings.extend(others.map(|other| running.turns.iter().copied().chain([*other]).collect()));
                    *first
                }
            };
            let stepped = running.step(next).await;
            stepped.unwrap_or_else(|broken| panic!("{}\n\nBroken: {broken}", running.trace()));
        }
    }
    ends
}

fn pairs() -> impl Iterator<Item = [Ask; 2]> {
    ASKS.iter().enumerate().flat_map(|(index, one)| ASKS[index..].iter().map(move |other| [*one, *other]))
}

#[test]
fn two_requests_at_the_same_time_end_as_if_one_came_after_the_other() {
    let (mut ends, started) = (0, std::time::Instant::now());
    for state in STATES {
        ends += block_on(async {
            let (prepared, mut ends) = (state.prepare().await, 0);
            for asks in pairs() {
                ends += explore(&prepared, &asks, None).await;
            }
            ends
        });
    }
    println!("{ends} interleavings of two requests in {:.1?}", started.elapsed());
}
