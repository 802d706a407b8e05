//! The records of format 1. Frozen at release: fields keep their order, enums grow only at the end.

mod attempt;
mod cleanup;
mod event;
mod evidence;
mod file;
mod index;
mod migration;
mod node;
mod pause;
mod progress;
mod quarantine;
mod request;
mod settings;
mod shard;

pub use attempt::{Attempt, Failure, FailureClass};
pub use cleanup::{Cleanup, CleanupKind};
pub use event::{Actor, Event, EventKind};
pub use evidence::{Evidence, Side};
pub use file::{FileMeta, Pruned, SetAsideRow};
pub use index::{
    ActiveShard, Finished, InFlight, LastMove, MigrationEvent, NodeNameEntry, Placement,
    RangeEntry, ShardNameEntry,
};
pub use migration::{CancelRequest, Migration, State, Status, Trigger};
pub use node::{Node, NodeState};
pub use pause::{Pause, PauseScope};
pub use progress::{Progress, SavedCheckpoint};
pub use quarantine::Quarantined;
pub use request::Request;
pub use settings::{Settings, Verification};
pub use shard::{KeyRange, Shard};

/// A rule of a record that does not hold, for people.
type Rule = &'static str;

/// `Ok` when `holds`, else the rule.
fn rule(holds: bool, rule: Rule) -> Result<(), Rule> {
    if holds { Ok(()) } else { Err(rule) }
}

/// The version of every record of format 1.
const VERSION: u8 = 1;
