//! The command line of shardferry, as a library: for its one binary, and for fuzzers of the
//! cluster file. No interface that anybody else should build on.

mod program;

mod args;
mod commands;

mod cluster;
mod demo;
mod draining;
mod drive;
mod explained;
mod lines;
mod look;
mod marks;
mod mover;
mod planning;

mod names;
mod pauses;
mod progress;
mod registered;
mod show;
mod standing;
mod view;
mod waits;

mod control;
mod database;
mod draft;
mod exit;
mod failure;
mod holder;
mod interrupt;
mod output;
mod table;
mod text;

pub use cluster::{Changes, Counts, compare};
pub use exit::Exit;
pub use failure::{Failure, Problem};
pub use program::run;
