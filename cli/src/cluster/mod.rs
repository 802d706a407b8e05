//! The cluster file: what it declares, what lies in the directories, and what that changes.

mod changes;
mod declared;
mod nodes;
mod scanned;
mod shards;
mod source;

use std::path::Path;

use shardferry::store::Snapshot;

pub use changes::{Changes, Counts};

use crate::failure::Failure;
use source::Source;
pub(crate) use source::place_in;

/// Reads the cluster file at `path` and compares it with what is registered. Changes nothing.
///
/// # Errors
/// [`Failure`] that names the place of everything that is wrong with the file.
pub fn compare(path: &Path, now: &Snapshot, database: &Path) -> Result<Changes, Failure> {
    let mut source = Source::read(path)?;
    let declared = declared::parse(&mut source)?;
    let mut notes = Vec::new();
    let nodes = nodes::wanted(&mut source, &declared, now, database);
    let mut shards = shards::wanted(&mut source, &declared, &nodes, now, &mut notes);
    source.sound()?;
    scanned::adopt(&mut source, &nodes, now, &mut shards, &mut notes);
    source.sound()?;
    Ok(Changes::between(&source, now, nodes, shards, notes))
}
