//! The format on disk, held to its bytes: golden fixtures of every table, damage of every kind,
//! keys, rules, and the document that describes it.
//!
//! `SHARDFERRY_BLESS=1 cargo test -p migrations-schema --test it the_code_writes` writes the fixtures
//! that are missing. It never changes one that exists: a released layout is never edited.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking; clippy.toml reaches test functions, not their helpers"
)]

mod cases;
mod fixture_file;
mod golden;
mod reread;

mod canonical;
mod damage;
mod document;
mod json;
mod keys;
mod rules;
mod tables;
mod wal;
