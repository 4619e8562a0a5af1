//! Upkeep by the operator: finding and removing orphans, and the instances that remain when the
//! broker's own stack is to be deleted.

pub(super) mod findings;
pub(super) mod inventory;
pub(super) mod names;
pub(super) mod pages;
pub(super) mod remaining;
pub(super) mod removal;
pub(super) mod retained;
pub(super) mod sweep;

pub use self::{
    findings::*,
    remaining::{Remaining, remaining},
    removal::{Removal, Removed, remove},
    retained::{CostClass, RetainedResource},
    sweep::sweep,
};
