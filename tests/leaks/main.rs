//! Every secret that goes through the broker is looked for in all that it leaves behind: in every
//! operation, where it succeeds and where a call of AWS goes wrong, with the log as verbose as it
//! can be.

#[path = "../support/mod.rs"]
mod support;

mod life;
mod needles;

use std::{
    panic,
    sync::{Mutex, Once, PoisonError},
};

use aws_service_broker::broker::ports::PortErrorKind::{Denied, Throttled, Unavailable};
use support::Fault;

use crate::{
    life::{Life, QUOTING},
    needles::Needles,
};

/// What can go wrong at a call.
const FAULTS: [Fault; 5] = [
    Fault::Before(Throttled),
    Fault::Before(Denied),
    Fault::After(Unavailable),
    Fault::Hang,
    Fault::Panic,
];

/// One test after the other: they have one log.
fn block_on<T>(test: impl Future<Output = T>) -> T {
    static TURN: Mutex<()> = Mutex::new(());
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    quieten_injected_panics();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build();
    runtime.expect("a runtime").block_on(test)
}

/// Their backtraces would take most of the time.
fn quieten_injected_panics() {
    static QUIET: Once = Once::new();
    QUIET.call_once(|| {
        let hook = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if !info
                .payload_as_str()
                .is_some_and(|text| text.starts_with("injected into"))
            {
                hook(info);
            }
        }));
    });
}

#[test]
fn secrets_never_leak_into_logs_responses_or_records() {
    block_on(async {
        let needles = Needles::new(life::secrets());
        let plain = Life::lead([]).await;
        needles.check(&plain, "nothing goes wrong");
        let mut count = 0;
        for (number, call) in plain.calls.iter().enumerate() {
            let refusals = QUOTING.iter().filter(|(quoting, _)| quoting == call);
            for fault in refusals
                .map(|(_, reason)| Fault::Rejected(reason))
                .chain(FAULTS)
            {
                let life = Life::lead([(number, fault)]).await;
                needles.check(&life, &format!("{fault:?} at the call {number}, {call}"));
                count += 1;
            }
        }
        eprintln!(
            "leaks: {count} lives, {} calls each where nothing goes wrong",
            plain.calls.len()
        );
    });
}

/// What would be found, were it there.
#[test]
fn every_form_of_a_seeded_leak_is_found() {
    block_on(async {
        let needles = Needles::new(life::secrets());
        let life = Life::lead([]).await;
        for (image, _) in &life.images {
            for secret in life::secrets() {
                for form in needles::forms(&secret) {
                    let mut seeded = life.clone();
                    for (name, text) in &mut seeded.images {
                        if name == image {
                            text.push_str(&form);
                        }
                    }
                    assert!(
                        needles.find(&seeded).is_some(),
                        "{form} in {image} is not found"
                    );
                }
            }
        }
    });
}

/// The images are of something: what is no secret is in them.
#[test]
fn searched_images_contain_the_expected_data() {
    block_on(async {
        let life = Life::lead([]).await;
        for (image, expected) in [
            ("log", support::INSTANCE),
            ("answers", "in progress"),
            ("records", support::INSTANCE),
            ("records", "secretsmanager:"),
            ("tags and policies", "servicebroker:binding-id"),
            ("stacks", "servicebroker:instance-id"),
        ] {
            let text = &life
                .images
                .iter()
                .find(|(name, _)| *name == image)
                .expect("an image")
                .1;
            assert!(
                text.contains(expected),
                "{image} without {expected}: {text}"
            );
        }
        assert_eq!(life.credentials, 5, "the credentials went through");
    });
}
