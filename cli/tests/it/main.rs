//! The real binary on real directories.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test that cannot go on ends with a panic"
)]
#![allow(missing_docs, unreachable_pub, reason = "nobody imports a test")]

mod digest;
mod random;
mod support;

mod apply;
mod apply_errors;
mod chaos;
#[cfg(unix)]
mod control;
mod damage;
mod demo;
mod draining;
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod every_write;
mod explaining;
mod full_disk;
mod lifecycle;
#[cfg(target_os = "linux")]
mod movers;
mod operators;
mod output;
mod plan_file;
mod plan_input;
mod rebalance;
mod scan;
mod seeing;
mod transfer;
mod watching;
