//! Requests that run at the same time, interleaved at every call of a port.
//!
//! What they end as must be what they end as one after the other, in some order, without those that
//! were told that another request is at work.

use std::{
    collections::{BTreeSet, HashSet},
    future::poll_fn,
    pin::Pin,
    task::Poll::{Pending, Ready},
    time::Duration,
};

use aws_service_broker::broker::{
    records::{OperationKind, OperationState},
    upkeep::{self, Findings},
};
use proptest::{
    collection::vec,
    prelude::*,
    sample::select,
    test_runner::{Config, RngSeed},
};

use crate::{
    block_on,
    platform::{Ask, Broken, Fate, Platform, check_account, knows, promise},
    sample::{Sample, is_everything, report},
    support::{Account, Answer, Fault, World, seed_or},
};

/// What an account looks like before the requests come.
#[derive(Clone, Copy, Debug)]
pub struct Before {
    asks: &'static [Ask],
    /// Where the last one of them stopped; then nobody is at work on it any more.
    interrupted_at: Option<&'static str>,
    /// Whether CloudFormation has ended what it does without anybody having looked.
    settled: bool,
    fate: Fate,
}

const fn before(asks: &'static [Ask]) -> Before {
    Before {
        asks,
        interrupted_at: None,
        settled: false,
        fate: Fate::Well,
    }
}

const fn interrupted(asks: &'static [Ask], call: &'static str) -> Before {
    Before {
        interrupted_at: Some(call),
        ..before(asks)
    }
}

use Ask::{
    Bind, BindAsync, Deprovision, FetchInstance, Poll, PollBinding, Provision, Rotate, StackEvent,
    Unbind, UnbindAsync, Update,
};

pub const STATES: [Before; 14] = [
    before(&[]),
    before(&[Provision(1)]),
    interrupted(&[Provision(1)], "stacks.create"),
    Before {
        fate: Fate::Fails,
        ..before(&[Provision(1), Poll])
    },
    before(&[Provision(1), Poll]),
    before(&[Provision(1), Poll, Update(2)]),
    interrupted(&[Provision(1), Poll, Update(2)], "stacks.update"),
    before(&[Provision(1), Poll, Bind("one")]),
    interrupted(&[Provision(1), Poll, Bind("one")], "users.create_user"),
    interrupted(&[Provision(1), Poll, Bind("one")], "vault.seal"),
    interrupted(
        &[Provision(1), Poll, Bind("one"), Unbind("one")],
        "users.delete_user",
    ),
    before(&[Provision(1), Poll, Bind("one"), Deprovision]),
    Before {
        settled: true,
        ..before(&[Provision(1), Poll, Bind("one"), Deprovision])
    },
    before(&[Provision(1), Poll, Bind("one"), Deprovision, Poll]),
];

const ASKS: [Ask; 14] = [
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
    StackEvent,
];

impl Before {
    pub async fn prepare(self) -> World {
        let mut platform = Platform::new(World::new(), self.fate);
        let Some((last, rest)) = self.asks.split_last() else {
            return platform.world;
        };

        platform.begin(rest).await;
        match self.interrupted_at {
            None => platform.begin(&[*last]).await,
            Some(call) => {
                platform.world.inject(call, Fault::Crash);
                assert_eq!(platform.ask(*last).await.expect("it is interrupted"), None);
                platform
                    .pause(31)
                    .await
                    .expect("nothing goes wrong any more");
            }
        }

        if self.settled {
            platform
                .pause(31)
                .await
                .expect("nothing goes wrong any more");
        }
        platform.world
    }
}

/// How requests ended, and what there is when nothing is under way any more.
#[derive(Clone, Debug, PartialEq)]
struct Outcome {
    /// Which of them were done. One that was refused, whatever the reason, has had no effect. The
    /// same request may be done twice.
    done: BTreeSet<Ask>,
    end: End,
}

/// What requests may end as: as they do one after the other.
struct Allowed {
    outcomes: Vec<Outcome>,
    /// What each was answered.
    statuses: Vec<BTreeSet<u16>>,
}

impl Allowed {
    /// One that meets others is told to wait instead, or accepted for later; or it meets what they
    /// have half done: an id that has gone, or a predecessor. One that AWS refuses is told so.
    fn allows(&self, request: usize, ask: Ask, answer: &Answer, rejected: bool) -> bool {
        let (serial, status) = (&self.statuses[request], answer.status.as_u16());
        let must_wait = status == 422 && answer.body["error"] == "ConcurrencyError";
        let is_later = status == 202 && serial.iter().any(|serial| (200..300).contains(serial));
        let is_refused = status == 400 && (rejected || matches!(ask, Rotate(_)));
        // What AWS tells is as good as not told where it is in the way.
        let is_hint = ask == StackEvent;
        is_hint || serial.contains(&status) || must_wait || is_later || is_refused
    }
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
            stacks: account
                .stacks
                .values()
                .map(|stack| stack.parameters.get("Size").cloned())
                .collect(),
            bindings: bindings
                .map(|binding| {
                    (
                        binding.id.to_string(),
                        binding.is_usable(),
                        binding.is_tombstone(),
                    )
                })
                .collect(),
        }
    }
}

impl Outcome {
    /// A creation that was accepted and then failed is told to who polls. It is not done.
    fn new(mut done: BTreeSet<Ask>, end: End) -> Self {
        if matches!(
            &end.instance,
            Some((OperationKind::Provision, OperationState::Failed, _))
        ) {
            done.retain(|ask| !matches!(ask, Provision(_)));
        }
        Self { done, end }
    }
}

/// What of the requests was done, whether or not the platform polls.
fn done(asked: impl Iterator<Item = (Ask, Answer)>) -> BTreeSet<Ask> {
    asked
        .filter(|(_, answer)| answer.status.is_success())
        .filter_map(|(ask, _)| match ask {
            Poll | FetchInstance | PollBinding(_) | StackEvent => None,
            BindAsync(id) => Some(Bind(id)),
            UnbindAsync(id) => Some(Unbind(id)),
            ask => Some(ask),
        })
        .collect()
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

/// All outcomes of requests that come one after the other, in any order, where all but one may be
/// left out; and what they are answered, also where AWS rejects this call once.
async fn serial_outcomes(
    prepared: &World,
    asks: &[Ask],
    rejected: Option<&'static str>,
) -> Allowed {
    let mut allowed = serial_outcomes_rejecting(prepared, asks, None).await;
    if rejected.is_some() {
        let of_rejected = serial_outcomes_rejecting(prepared, asks, rejected).await;
        for (statuses, others) in allowed.statuses.iter_mut().zip(of_rejected.statuses) {
            statuses.extend(others);
        }
    }
    allowed
}

async fn serial_outcomes_rejecting(
    prepared: &World,
    asks: &[Ask],
    rejected: Option<&'static str>,
) -> Allowed {
    let mut outcomes = Vec::new();
    let mut statuses = vec![BTreeSet::new(); asks.len()];
    let mut orders: Vec<Vec<usize>> = (0..asks.len()).map(|first| vec![first]).collect();

    while let Some(order) = orders.pop() {
        let world = prepared.copy();
        world.script([]);
        reject_once(&world, rejected);
        let mut platform = Platform::new(world.clone(), Fate::Well);

        let mut asked = Vec::new();
        for index in &order {
            world.set_turn(*index + 1);
            let answer = platform.ask(asks[*index]).await;
            let answer =
                answer.unwrap_or_else(|broken| panic!("{}\n\nBroken: {broken}", platform.trace()));
            let answer = answer.expect("an answer");
            statuses[*index].insert(answer.status.as_u16());
            asked.push((asks[*index], answer));
        }

        let done = done(asked.into_iter());
        outcomes.push(Outcome::new(
            done,
            end(&world).await.expect("one after the other"),
        ));

        for next in (0..asks.len()).filter(|index| !order.contains(index)) {
            orders.push(order.iter().copied().chain([next]).collect());
        }
    }
    Allowed { outcomes, statuses }
}

fn reject_once(world: &World, call: Option<&'static str>) {
    if let Some(call) = call {
        world.inject(
            call,
            Fault::Rejected("The account cannot have any more of these."),
        );
    }
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
    async fn new(prepared: &World, asks: &'a [Ask], rejected: Option<&'static str>) -> Self {
        let world = prepared.copy();
        let client = Platform::new(world.clone(), Fate::Well).client;
        // Requests wait for each other's authentication, which changes nothing.
        client.request("GET", "/v2/catalog", None).await;
        world.script([]);
        reject_once(&world, rejected);
        world.yield_at_calls(true);

        // Tokio would have a request that is polled often wait for the end of this task's turn,
        // which never comes.
        let request = |ask: &Ask| {
            Some(Box::pin(tokio::task::unconstrained(ask.send(&client, None))) as Pin<Box<_>>)
        };
        let requests = asks.iter().map(request).collect();

        Self {
            world,
            asks,
            requests,
            answers: vec![None; asks.len()],
            turns: Vec::new(),
        }
    }

    fn waiting(&self) -> Vec<usize> {
        (0..self.requests.len())
            .filter(|index| self.requests[*index].is_some())
            .collect()
    }

    /// Stands for all that can make a difference from now on.
    fn fingerprint(&self) -> (Vec<usize>, u64) {
        let steps = |request| self.turns.iter().filter(|turn| **turn == request).count();
        (
            (0..self.asks.len()).map(steps).collect(),
            self.world.fingerprint(),
        )
    }

    /// Lets a request make its next call and go on to the one after.
    async fn step(&mut self, index: usize) -> Result<(), Broken> {
        self.turns.push(index);
        self.world.set_turn(index + 1);
        let Some(mut request) = self.requests[index].take() else {
            unreachable!("it is waiting")
        };
        let polled = poll_fn(|context| Ready(request.as_mut().poll(context))).await;
        match polled {
            Ready(answer) => self.answers[index] = Some(answer),
            Pending => self.requests[index] = Some(request),
        }
        check_account(&self.world.account())
    }

    /// What the requests have ended as is among what they could have ended as without each other.
    async fn check(self, allowed: &Allowed, rejected: bool) -> Result<(), Broken> {
        let answers: Vec<_> = self.answers.iter().flatten().collect();
        for (request, answer) in answers.iter().enumerate() {
            promise!(
                allowed.allows(request, self.asks[request], answer, rejected),
                "{} is none of {:?}: {answer:?}",
                answer.status,
                allowed.statuses[request]
            );
        }

        let operations = answers
            .iter()
            .filter_map(|answer| answer.body["operation"].as_str());
        let answers_operations: Vec<_> = operations.map(str::to_owned).collect();
        let done = done(self.asks.iter().copied().zip(answers.into_iter().cloned()));

        // Nobody is told of an operation that there is not.
        let account = self.world.account();
        for operation in answers_operations {
            promise!(knows(&account, &operation), "nothing knows of {operation}");
        }

        let is_done = !done.is_empty();
        let outcome = Outcome::new(done, end(&self.world).await?);
        let somebody_wins = allowed
            .outcomes
            .iter()
            .all(|serial| !serial.done.is_empty());
        promise!(rejected || !somebody_wins || is_done, "nobody wins");

        // Whose request was rejected is nothing that an order would tell.
        promise!(
            rejected || allowed.outcomes.contains(&outcome),
            "{outcome:?}\nis none of the outcomes that the requests have one after the \
             other:\n{:?}",
            allowed.outcomes
        );
        Ok(())
    }

    fn trace(&self) -> String {
        let (calls, _) = self.world.calls_and_faults();
        let statuses: Vec<_> = self
            .answers
            .iter()
            .map(|answer| answer.as_ref().map(|a| (a.status.as_u16(), a.body.clone())))
            .collect();
        format!(
            "{:?}\nturns {:?}\ncalls {calls:?}\nanswers {statuses:?}",
            self.asks, self.turns
        )
    }
}

/// Every interleaving of these requests, as far as they can end differently: where two have led to
/// the same account and the requests have been told the same, one of them is followed. How many
/// were followed to their end.
async fn explore(prepared: &World, asks: &[Ask], rejected: Option<&'static str>) -> usize {
    let allowed = serial_outcomes(prepared, asks, rejected).await;
    let (mut seen, mut ends) = (HashSet::new(), 0);
    let mut beginnings: Vec<Vec<usize>> = vec![vec![]];

    while let Some(beginning) = beginnings.pop() {
        let mut running = Running::new(prepared, asks, rejected).await;
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
                None if !seen.insert(running.fingerprint()) => break,
                None => {
                    let others = waiting.iter().skip(1);
                    beginnings.extend(
                        others.map(|other| running.turns.iter().copied().chain([*other]).collect()),
                    );
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
    ASKS.iter()
        .enumerate()
        .flat_map(|(index, one)| ASKS[index..].iter().map(move |other| [*one, *other]))
}

/// What CloudFormation may refuse of these requests, once; or nothing.
fn rejections(asks: &[Ask]) -> impl Iterator<Item = Option<&'static str>> {
    let asks_for = |any: fn(&Ask) -> bool, call| asks.iter().any(any).then_some(Some(call));
    let create = asks_for(|ask| matches!(ask, Provision(_)), "stacks.create");
    let update = asks_for(|ask| matches!(ask, Update(_)), "stacks.update");
    let delete = asks_for(|ask| matches!(ask, Deprovision), "stacks.delete");
    [Some(None), create, update, delete].into_iter().flatten()
}

fn explore_pairs(states: &[Before]) {
    let (mut ends, mut sample) = (0, Sample::one_of(24));
    for state in states {
        block_on(async {
            let prepared = state.prepare().await;
            for asks in pairs() {
                for rejected in rejections(&asks) {
                    // A request that is sent twice is what happens most, and is always tried.
                    if asks[0] == asks[1] || sample.takes() {
                        ends += explore(&prepared, &asks, rejected).await;
                    }
                }
            }
        });
    }

    report(format_args!(
        "{ends} interleavings of two requests; {sample}"
    ));
}

#[test]
fn request_pairs_before_any_binding_are_serializable() {
    explore_pairs(&STATES[..7]);
}

#[test]
fn request_pairs_with_bindings_are_serializable() {
    explore_pairs(&STATES[7..]);
}

/// One of the first two may have read a record that goes and has a successor before it writes.
#[test]
fn rejected_creation_does_not_touch_a_later_record() {
    block_on(async {
        let prepared = STATES[0].prepare().await;
        let asks = [Provision(1), Provision(1), Provision(2)];
        let ends = explore(&prepared, &asks, Some("stacks.create")).await;
        report(format_args!(
            "{ends} interleavings of three requests of which one is refused"
        ));
    });
}

fn random(cases: u32, default_seed: u64) -> Config {
    let seed = seed_or(default_seed);
    let cases = if is_everything() { 100 * cases } else { cases };
    report(format_args!("{cases} cases by the seed {seed}"));
    Config {
        cases,
        rng_seed: RngSeed::Fixed(seed),
        failure_persistence: None,
        ..Config::default()
    }
}

/// Whose turn it is, call after call.
fn turns() -> impl Strategy<Value = Vec<usize>> {
    vec(0..6usize, 60)
}

#[test]
fn request_triples_are_serializable() {
    let asks = [select(&ASKS[..]), select(&ASKS[..]), select(&ASKS[..])];
    proptest!(random(100, 218), |(
        state in select(&STATES[..]), asks in asks, turns in turns(), rejected in 0..4usize,
    )| {
        block_on(async {
            let prepared = state.prepare().await;
            let rejected = rejections(&asks).nth(rejected).flatten();
            let allowed = serial_outcomes(&prepared, &asks, rejected).await;
            let mut running = Running::new(&prepared, &asks, rejected).await;

            for turn in turns.iter().cycle() {
                let waiting = running.waiting();
                let Some(next) = waiting.get(turn % waiting.len().max(1)) else { break };
                let stepped = running.step(*next).await;
                stepped.unwrap_or_else(|broken| panic!("{}\n\nBroken: {broken}", running.trace()));
            }

            let trace = running.trace();
            let checked = running.check(&allowed, rejected.is_some()).await;
            checked.unwrap_or_else(|broken| panic!("{trace}\n\nBroken: {broken}"));
        });
    });
}

/// A sweep, in the middle of which a request comes and is answered, and CloudFormation does what it
/// was asked for. Nothing where it makes fewer calls.
async fn sweep_around(prepared: &World, ask: Ask, calls_before: usize) -> Option<Findings> {
    let world = prepared.copy();
    let mut platform = Platform::new(world.clone(), Fate::Well);
    let broker = platform.client.broker();
    let mut sweep = Box::pin(tokio::task::unconstrained(upkeep::sweep(&broker)));

    // More than a sweep of an account with one instance has reason to make.
    const MOST_CALLS: usize = 80;
    for call in 0..MOST_CALLS {
        if call == calls_before {
            world.yield_at_calls(false);
            platform
                .ask(ask)
                .await
                .expect("nothing goes wrong")
                .expect("an answer");
            world.complete_stacks();
            platform
                .ask(Poll)
                .await
                .expect("nothing goes wrong")
                .expect("an answer");
        }

        world.yield_at_calls(true);
        world.set_turn(0);
        if let Ready(findings) = poll_fn(|context| Ready(sweep.as_mut().poll(context))).await {
            return Some(findings.expect("the sweep")).filter(|_| call >= calls_before);
        }

        // It pauses between calls.
        tokio::time::advance(Duration::from_secs(1)).await;
    }
    panic!("{ask:?} at the call {calls_before}: the sweep has not ended");
}

#[test]
fn sweep_reports_no_orphan_during_a_request() {
    let (mut count, mut sample) = (0, Sample::one_of(4));
    for state in STATES {
        block_on(async {
            let prepared = state.prepare().await;
            for ask in ASKS {
                for calls_before in 0..9 {
                    // What goes is what a sweep could be wrong about.
                    if matches!(ask, Unbind(_) | Deprovision) || sample.takes() {
                        let Some(findings) = sweep_around(&prepared, ask, calls_before).await
                        else {
                            continue;
                        };

                        let lost = (
                            &findings.stacks_without_record,
                            &findings.users_without_binding,
                        );
                        assert!(
                            lost.0.is_empty() && lost.1.is_empty(),
                            "{state:?} {ask:?} {calls_before}: {findings:#?}"
                        );

                        // A creation that did not reach CloudFormation has failed, and has no stack
                        // indeed.
                        let mut without_stack = findings.instances_without_stack.iter();
                        assert!(
                            without_stack.all(|instance| {
                                instance
                                    .last_operation
                                    .is(OperationKind::Provision, OperationState::Failed)
                            }),
                            "{state:?} {ask:?}: {findings:#?}"
                        );
                        count += 1;
                    }
                }
            }
        });
    }

    report(format_args!(
        "{count} sweeps with a request in the middle; {sample}"
    ));
}
