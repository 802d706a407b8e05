//! A long history by the shortest way through the tracker.

use std::path::Path;

use shardferry::tracker::BeginRequest;
use shardferry::{MigrationTracker, NodeId, ShardId};

use crate::Result;
use crate::race::each;

/// Migrations that begin in one transaction, and then are cancelled.
const BATCH: u64 = 25_600;

/// Those who cancel share commits.
const CALLERS: u64 = 256;

/// Adds so many cancelled migrations to the history of the file.
pub(super) fn add(path: &Path, migrations: u64) -> Result<()> {
    let tracker = MigrationTracker::open(path)?;
    for first in (0..migrations).step_by(usize::try_from(BATCH)?) {
        let shards = 0..BATCH.min(migrations - first);
        let requests: Vec<BeginRequest> = shards
            .map(|shard| BeginRequest::new(ShardId(FIRST_SHARD + shard), NodeId(1), NodeId(2)))
            .collect();
        let ids = tracker.begin_plan(&requests)?;
        each(CALLERS, |caller| {
            let mine = ids.iter().skip(usize::try_from(caller)?);
            for id in mine.step_by(usize::try_from(CALLERS)?) {
                tracker.cancel_migration(*id, "history")?;
            }
            Ok(())
        })?;
    }
    Ok(())
}

/// Of nobody else.
const FIRST_SHARD: u64 = 1 << 50;
