//! All that can be enumerated takes an hour, and optimised code: `make simulate`. Otherwise a part
//! of it is run: `SIMULATE=40` runs forty times as much as `cargo test`, and `SIMULATE=all`
//! everything.

use std::{
    env, fmt,
    hash::{DefaultHasher, Hash, Hasher},
    io::{self, Write},
    sync::LazyLock,
};

use crate::support::seed_or;

/// Decides which part, unless `SEED` is set: the same one every time.
const DEFAULT_SEED: u64 = 217;

fn seed() -> u64 {
    static SEED: LazyLock<u64> = LazyLock::new(|| seed_or(DEFAULT_SEED));
    *SEED
}

/// A part of an enumeration.
pub struct Sample {
    one_of: u64,
    seen: u64,
}

/// How many times as much as in `cargo test` is to be run.
fn factor() -> u64 {
    match env::var("SIMULATE").as_deref() {
        Ok("all") => u64::MAX,
        Ok(factor) => factor.parse().expect("SIMULATE is a number, or all"),
        Err(_) => 1,
    }
}

/// Whether all of everything is to be run.
pub fn is_everything() -> bool {
    factor() == u64::MAX
}

/// Says how much was run, also where the tests' output is not shown.
pub fn report(text: fmt::Arguments<'_>) {
    let _ = writeln!(io::stderr(), "simulation: {text}");
}

impl Sample {
    /// One of so many, or a larger part.
    pub fn one_of(share: u64) -> Self {
        Self {
            one_of: (share / factor()).max(1),
            seen: 0,
        }
    }

    /// Whether the next one is part of it.
    pub fn takes(&mut self) -> bool {
        self.seen += 1;
        let mut hasher = DefaultHasher::new();
        (seed(), self.seen).hash(&mut hasher);
        hasher.finish().is_multiple_of(self.one_of)
    }
}

impl fmt::Display for Sample {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { one_of, seen } = self;
        match one_of {
            1 => write!(f, "all {seen}"),
            _ => write!(f, "one in {one_of} of {seen} by the seed {}", seed()),
        }
    }
}
