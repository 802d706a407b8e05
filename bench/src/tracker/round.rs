//! A migration from its begin to its end.

use shardferry::schema::text::{Algorithm, Digest, ExecutorName};
use shardferry::schema::v1::Side;
use shardferry::{MigrationTracker, NodeId, ShardId};

use crate::Result;

/// Durable changes of a round.
pub(super) const CHANGES: f64 = 6.0;

/// Moves `shard` and settles the copy that it leaves: begin, claim, begin of the verification, its
/// evidence, cutover, cleanup. `turn` says how often it moved before: it goes back and forth.
pub(super) fn round(tracker: &MigrationTracker, shard: u64, turn: u64) -> Result<()> {
    let shard = ShardId(shard);
    let (from, to) = ends(turn);
    let id = tracker.begin_migration(shard, from, to)?;
    let claim = tracker.claim(id, &ExecutorName::new("bench")?)?;
    claim.begin_verification()?;
    let side = || {
        Ok::<_, crate::Error>(Side {
            items: 1,
            bytes: 1 << 20,
            digest: Digest::new([7; 32])?,
        })
    };
    claim.submit_evidence(Algorithm::new("blake3")?, side()?, side()?)?;
    claim.complete()?;
    tracker.settle_cleanup(from, shard)?;
    Ok(())
}

/// Where a shard is that moved so often, and where it goes.
pub(super) fn ends(turn: u64) -> (NodeId, NodeId) {
    if turn.is_multiple_of(2) {
        (NodeId(1), NodeId(2))
    } else {
        (NodeId(2), NodeId(1))
    }
}
