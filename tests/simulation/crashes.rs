//! Every call of every operation goes wrong in every way, alone and with every other one.

use crate::{
    block_on,
    platform::{Fate, Told},
    sample::{Sample, report},
    schedule::{FollowUp, SCENARIOS, Schedule, acts, faults, prepare},
    support::World,
};

const FATES: [Fate; 4] = [
    Fate::Well,
    Fate::Fails,
    Fate::RollbackFails,
    Fate::DeletionFails,
];

#[test]
fn resent_requests_after_faults_lose_nothing() {
    simulate(FollowUp::Resend);
}

#[test]
fn orphan_mitigation_after_faults_loses_nothing() {
    simulate(FollowUp::Mitigate);
}

#[test]
fn polls_after_faults_lose_nothing() {
    simulate(FollowUp::Poll(Told::No));
}

#[test]
fn duplicate_stack_events_after_faults_lose_nothing() {
    simulate(FollowUp::Poll(Told::Twice));
}

#[test]
fn lost_stack_events_after_faults_lose_nothing() {
    simulate(FollowUp::Poll(Told::Lost));
}

#[test]
fn a_day_of_silence_after_faults_loses_nothing() {
    simulate(FollowUp::Wait);
}

#[test]
fn recreation_after_faults_loses_nothing() {
    simulate(FollowUp::Again);
}

/// Whatever somebody does in the AWS console, and whenever, operations end and the instance can be
/// deleted.
#[test]
fn console_actions_lose_nothing() {
    let (mut count, mut sample) = (0, Sample::one_of(7));
    for follow_up in [
        FollowUp::Resend,
        FollowUp::Mitigate,
        FollowUp::Poll(Told::Twice),
        FollowUp::Wait,
    ] {
        for (scenario, fate) in SCENARIOS
            .into_iter()
            .flat_map(|scenario| FATES.map(|fate| (scenario, fate)))
        {
            block_on(async {
                let prepared = prepare(scenario, fate).await;
                let plain = Schedule {
                    scenario,
                    follow_up,
                    fate,
                    faults: vec![],
                };
                let calls = run(&plain, &prepared).await;

                for (number, act) in
                    (0..calls.len()).flat_map(|number| acts().map(move |act| (number, act)))
                {
                    if sample.takes() {
                        run(
                            &Schedule {
                                faults: vec![(number, act)],
                                ..plain.clone()
                            },
                            &prepared,
                        )
                        .await;
                        count += 1;
                    }
                }
            });
        }
    }

    report(format_args!(
        "schedules with an act in the console {count}; {sample}"
    ));
}

/// Runs every scenario without a fault, with every fault, and with every two.
fn simulate(follow_up: FollowUp) {
    let mut counts = [0; 3];
    let (mut ones, mut twos) = (Sample::one_of(7), Sample::one_of(400));
    for (scenario, fate) in SCENARIOS
        .into_iter()
        .flat_map(|scenario| FATES.map(|fate| (scenario, fate)))
    {
        block_on(async {
            let prepared = prepare(scenario, fate).await;
            let plain = Schedule {
                scenario,
                follow_up,
                fate,
                faults: vec![],
            };
            let calls = run(&plain, &prepared).await;
            counts[0] += 1;

            for one in with_another_fault(&plain, &calls, 0) {
                if !ones.takes() {
                    continue;
                }

                let calls = run(&one, &prepared).await;
                counts[1] += 1;
                let (first, _) = one.faults[0];
                for two in with_another_fault(&one, &calls, first + 1) {
                    if twos.takes() {
                        run(&two, &prepared).await;
                        counts[2] += 1;
                    }
                }
            }
        });
    }

    let [none, one, two] = counts;
    report(format_args!(
        "{follow_up:?}: schedules without a fault {none}, with one {one}, with two {two}; {ones}, \
         {twos}"
    ));
}

/// The calls that the schedule makes. A broken promise is told with what led to it.
async fn run(schedule: &Schedule, prepared: &World) -> Vec<&'static str> {
    schedule
        .run(prepared)
        .await
        .unwrap_or_else(|broken| panic!("{broken}"))
}

/// Every schedule with one more fault than this one, at its call of the number `from` or a later
/// one.
fn with_another_fault<'a>(
    schedule: &'a Schedule,
    calls: &'a [&'static str],
    from: usize,
) -> impl Iterator<Item = Schedule> + 'a {
    calls
        .iter()
        .enumerate()
        .skip(from)
        .flat_map(move |(number, call)| {
            faults(call).map(move |fault| {
                let mut schedule = schedule.clone();
                schedule.faults.push((number, fault));
                schedule
            })
        })
}
