//! The machine reassignment problem of the ROADEF/EURO challenge 2012.

mod cost;
mod input;
mod instance;
mod reader;

pub(crate) use cost::{Cost, broken_dependencies};
pub(crate) use input::{input, policy, rules};
pub(crate) use instance::Instance;
