//! Callers of the tracker under a scheduler that decides at every lock and every atomic, of ours and of
//! redb, who runs next. `tests/shuttle/run` builds this in a copy of the tree; it is no test of the package.
//!
//! `SHARDFERRY_SCHEDULES` says how many random schedules each test runs; a quarter as many are of PCT, which
//! rather lets one thread run and interrupts it at few places. A schedule that fails is written to a file,
//! and `SHARDFERRY_REPLAY=FILE` runs it again, with the name of the test as the argument.

#[path = "../it/linear/history.rs"]
mod history;
#[path = "../it/linear/order.rs"]
mod order;
#[path = "../it/linear/shard.rs"]
mod shard;
#[path = "../it/linear/subject.rs"]
mod subject;
#[path = "../it/support.rs"]
mod support;

mod schedules;
mod settled;
mod tests;
