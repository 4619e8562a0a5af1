//! In-memory twins of the broker's ports, and a client that speaks to the router over them.

#![allow(
    dead_code,
    unused_imports,
    reason = "every test target uses a part of it"
)]

mod client;
mod log;
mod offering;
mod seed;
mod world;

pub use client::{Answer, Client, INSTANCE, basic, plan, plan_id, service_id};
pub use log::Log;
pub use offering::{body_of, catalog_of, ids_of};
pub use seed::{config, seed_or};
pub use world::{
    Account, Act, DATABASE_GROUP, DATABASE_SUBNETS, FakeDatabase, FakeDatabaseUser, FakeFunction,
    FakeRole, FakeStack, Fault, World, catalog, everything, password_of, secret_of, user_of,
};
