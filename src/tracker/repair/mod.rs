//! What can be put right without guessing: indexes are built again from their tables, and rows that
//! cannot be read are set aside, with their bytes, until an operator gives them up.

mod plan;
mod report;
mod run;

mod copies;
mod forgive;
mod forgiven;
mod set_aside;

pub use forgive::ForgiveError;
pub use report::{Repair, RepairOptions, RepairReport, Repaired};
pub use set_aside::SetAside;

pub(super) use plan::planned;
