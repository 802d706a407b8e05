//! Every state of a small world, by the real procedures over rows in memory.
//!
//! A world has a few shards, nodes and executors. From its first state each command that anybody
//! could give is given, and time, restarts and crashes happen, wherever they can; from each state
//! that was not seen before it goes on. The procedures (`begin`, `claim`, `machine::step` and what
//! [`super::super::apply`] writes, the ledger, the registry) are the ones of the tracker: only redb is
//! replaced, by [`super::rows::MemoryRows`].
//!
//! * In each state every invariant of one image holds, and around each step those of a step.
//! * From each state something leads to an end in which nothing is under way and nothing is left to
//!   clean up; and where every node is up, executors alone get there, without an operator.
//! * Each refusal and each way on is met: the counts are asserted, so that a world that became
//!   smaller is seen.
//!
//! Two states are one when they answer every command alike (`canonical.rs`): how many migrations
//! ended before, how high epochs are and what the log says is not part of it. So a search ends although
//! migrations, attempts and crashes go on for ever.

mod act;
mod action;
mod canonical;
mod checks;
mod facts;
mod found;
mod operate;
mod search;
mod size;
mod state;
mod tests;
