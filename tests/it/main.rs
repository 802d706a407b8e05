//! The library, from outside: one binary, a module for each concern.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    clippy::wildcard_enum_match_arm,
    reason = "a test that cannot go on says so and fails"
)]

mod backup;
mod chaos_executors;
mod child;
mod claims;
#[cfg(target_os = "linux")]
mod command_mover;
mod conformance;
mod crash;
mod durability;
mod executor;
mod faults;
mod files;
mod full_disk;
mod io_errors;
mod late_reports;
mod layering;
mod ledger;
mod linear;
mod model;
mod observed;
mod operations;
mod pains;
mod planning;
mod planting;
mod power_loss;
mod queries;
mod registry;
mod regressions;
mod released;
mod repair;
mod rich;
mod steps;
mod support;
mod syscalls;
mod threads;
mod transfer;
mod upgrade;
mod write_ahead;
