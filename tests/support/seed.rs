//! Chance that can be repeated.

use proptest::{prelude::ProptestConfig, test_runner::RngSeed};

/// The seed of the environment, `SEED`, or the one by which a test is the same every time.
pub fn seed_or(default: u64) -> u64 {
    match std::env::var("SEED") {
        Ok(seed) => seed.parse().expect("SEED is a whole number"),
        Err(_) => default,
    }
}

/// The configuration of a test by chance with this number of cases. It prints its seed.
pub fn config(cases: u32, default_seed: u64) -> ProptestConfig {
    let seed = seed_or(default_seed);
    println!("seed {seed}");
    ProptestConfig {
        cases,
        rng_seed: RngSeed::Fixed(seed),
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}
