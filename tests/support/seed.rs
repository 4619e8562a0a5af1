//! Chance that can be repeated.

/// The seed of the environment, `SEED`, or the one by which a test is the same every time.
pub fn seed_or(default: u64) -> u64 {
    match std::env::var("SEED") {
        Ok(seed) => seed.parse().expect("SEED is a whole number"),
        Err(_) => default,
    }
}
