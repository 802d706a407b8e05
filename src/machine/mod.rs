//! The state machine: the only place that decides what may happen to a migration.
//!
//! Pure: a record and a command in, the next record and its effects out. No I/O, no clock, no
//! randomness. The diagram is at [`State`](crate::schema::v1::State).
//!
//! ```
//! use shardferry::machine::{self, Begin, By, Command, StepError};
//! use shardferry::schema::v1::{Settings, Status};
//! use shardferry::schema::{MigrationId, NodeId, ShardId, TimestampMs};
//!
//! let settings = Settings::default();
//! let id: MigrationId = "018f0000-0000-7000-8000-000000000001".parse()?;
//! let begun = machine::begin(&Begin::new(id, ShardId(7), NodeId(1), NodeId(2)), TimestampMs(1))?;
//!
//! let start = Command::Start { by: By::Caller };
//! let started = machine::step(&begun.next, &start, &settings, TimestampMs(2))?;
//! assert_eq!(started.next.status(), Status::InProgress);
//!
//! // What cannot follow is refused with a typed error, and nothing changes.
//! let again = machine::step(&started.next, &start, &settings, TimestampMs(3));
//! assert!(matches!(again, Err(StepError::WrongStatus { .. })));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod backoff;
mod begin;
mod claim;
mod command;
mod end;
mod error;
mod path;
mod progress;
mod stall;
mod step;
mod transition;
mod turn;
mod verify;

pub use backoff::backoff_ms;
pub use begin::{Begin, SameNode, begin};
pub use claim::claimable;
pub use command::{By, Command, CommandName, Report};
pub use error::StepError;
pub use path::{PathError, replay};
pub use step::step;
pub use transition::{Flip, Transition};
pub use turn::Turn;

#[cfg(test)]
mod tests;
