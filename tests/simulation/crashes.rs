//! Every call of every operation goes wrong in every way, alone and with every other one.

use crate::{
    block_on,
    platform::Fate,
    schedule::{FOLLOW_UPS, FollowUp, SCENARIOS, Scenario, Schedule, faults, prepare},
    support::World,
};

const FATES: [Fate; 4] = [Fate::Well, Fate::Fails, Fate::RollbackFails, Fate::DeletionFails];

async fn run(schedule: &Schedule, prepared: &World) -> Vec<&'static str> {
    schedule.run(prepared).await.unwrap_or_else(|broken| panic!("{broken}"))
}

/// Every schedule with one more fault than this one, of whose calls the first `from` are left alone.
fn with_another_fault<'a>(
    schedule: &'a Schedule,
    calls: &'a [&'static str],
    from: usize,
) -> impl Iterator<Item = Schedule> + 'a {
    calls.iter().enumerate().skip(from).flat_map(move |(number, call)| {
        faults(call).map(move |fault| {
            let mut schedule = schedule.clone();
            schedule.faults.push((number, fault));
            schedule
        })
    })
}

#[test]
fn nothing_is_lost_or_orphaned_whatever_goes_wrong_once() {
    let mut count = 0;
    let started = std::time::Instant::now();
    for (scenario, follow_up, fate) in combinations() {
        block_on(async {
            let prepared = prepare(scenario, fate).await;
            let plain = Schedule { scenario, follow_up, fate, faults: vec![] };
            let calls = run(&plain, &prepared).await;
            count += 1;
            for schedule in with_another_fault(&plain, &calls, 0) {
                run(&schedule, &prepared).await;
                count += 1;
            }
        });
    }
    println!("{count} schedules in {:?}", started.elapsed());
}

fn combinations() -> impl Iterator<Item = (Scenario, FollowUp, Fate)> {
    SCENARIOS.into_iter().flat_map(|scenario| {
        FOLLOW_UPS.into_iter().flat_map(move |follow_up| FATES.into_iter().map(move |fate| (scenario, follow_up, fate)))
    })
}
