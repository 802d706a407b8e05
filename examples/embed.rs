//! A database embeds the tracker: it keeps its own data and moves it itself; shardferry remembers
//! what is under way, across every restart.
//!
//! `cargo run --example embed`

#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::error::Error;
use std::path::Path;

use shardferry::schema::text::{NodeName, RangeKey, ShardName};
use shardferry::{KeyRange, MigrationTracker, Node, NodeId, Shard, ShardId, State};

fn main() -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("shards.redb");

    first_life(&path)?;
    // The process ends here, one way or another: a crash, kill -9, a deploy.
    second_life(&path)
}

/// Registers the cluster, begins a move, copies half of it.
fn first_life(path: &Path) -> Result<(), Box<dyn Error>> {
    let tracker = MigrationTracker::open_or_create(path)?;
    for (id, name) in [(1, "berlin-1"), (2, "berlin-2")] {
        tracker.register_node(Node::new(NodeId(id), NodeName::new(name)?))?;
    }
    let mut orders = Shard::new(ShardId(7), ShardName::new("orders")?, NodeId(1));
    orders.range = Some(KeyRange {
        start: RangeKey::new("a")?,
        end: Some(RangeKey::new("m")?),
    });
    orders.bytes = 1_000;
    tracker.register_shard(orders)?;

    let id = tracker.begin_migration(ShardId(7), NodeId(1), NodeId(2))?;
    tracker.update_progress(id, 500, 1_000)?;
    println!("begun {id}, 500 of 1000 bytes copied");
    Ok(())
}

/// Asks what there is to go on with, and finishes it.
fn second_life(path: &Path) -> Result<(), Box<dyn Error>> {
    let tracker = MigrationTracker::open(path)?;
    for migration in tracker.unfinished()? {
        println!(
            "going on with shard {} from node {} to {} at byte {}",
            migration.shard, migration.from, migration.to, migration.progress.bytes_migrated
        );
        tracker.update_progress(migration.id, 1_000, 1_000)?;
        tracker.begin_verification(migration.id)?;
        tracker.complete_migration(migration.id)?;
        // The database has removed its copy at the source.
        tracker.settle_cleanup(migration.from, migration.shard)?;

        let state = tracker.get_migration(migration.id)?.map(|now| now.state);
        assert!(matches!(state, Some(State::Complete { .. })));
    }

    let owner = tracker
        .find_shard_for_key(b"hello")?
        .map(|shard| shard.owner);
    println!("the key \"hello\" is now on node {owner:?}");
    assert_eq!(owner, Some(NodeId(2)));
    Ok(())
}
