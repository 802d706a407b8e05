//! The integration tests of the library: one binary.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking; clippy.toml reaches test functions, not their helpers"
)]

mod layering;
mod planning;
