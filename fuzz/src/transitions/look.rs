use shardferry::schema::EventSeq;
use shardferry::{MigrationTracker, ShardId};

use super::read;

/// Reads in every way that there is: each answer is what the rows say.
pub(super) fn look(tracker: &MigrationTracker) {
    let image = read(tracker);
    let snapshot = tracker.snapshot().expect("a snapshot");
    assert!(snapshot.nodes.iter().eq(image.nodes.values()));
    assert!(snapshot.shards.iter().eq(image.shards.values()));
    assert!(snapshot.cleanups.iter().eq(image.cleanups.values()));
    assert_eq!(snapshot.settings, image.settings_in_force());
    assert_eq!(
        snapshot.active,
        tracker.active_migrations().expect("a scan")
    );

    let mut unfinished = tracker.unfinished().expect("a scan");
    unfinished.sort_by_key(|row| row.id);
    let rows = image.migrations.values();
    let expected = rows.filter(|row| !row.status().is_terminal());
    assert!(unfinished.iter().eq(expected));

    for (id, row) in &image.migrations {
        assert_eq!(
            tracker.get_migration(*id).expect("a read").as_ref(),
            Some(row)
        );
        let events = image.events.values();
        let events = events.filter(|event| event.migration == Some(*id));
        assert!(tracker.history(*id).expect("a scan").iter().eq(events));
    }
    for (id, row) in &image.migrations {
        let explained = tracker.explain(*id).expect("a read").expect("it is there");
        assert_eq!(&explained.migration, row);
        let ended = row.status().is_terminal();
        assert!(!ended || !explained.obstacles.is_empty(), "it has ended");
    }
    let recent = tracker.recent_migrations(3).expect("a scan");
    assert!(recent.iter().eq(image.migrations.values().rev().take(3)));
    let events = tracker
        .events(EventSeq::default(), usize::MAX)
        .expect("a scan");
    assert!(events.iter().eq(image.events.values()));

    for id in 0..=8 {
        let shard = ShardId(id);
        let active = tracker.active_migration(shard).expect("a read");
        assert_eq!(
            active.is_some(),
            tracker.is_shard_migrating(shard).expect("a read")
        );
        assert_eq!(
            active.map(|row| row.id),
            image.active_shards.get(&shard).map(|row| row.migration)
        );
        assert_eq!(
            tracker.shard(shard).expect("a read").as_ref(),
            image.shards.get(&shard)
        );
    }
    for shard in image.shards.values() {
        let named = tracker.shard_by_name(&shard.name).expect("a read");
        assert_eq!(named.as_ref(), Some(shard));
    }
    for node in image.nodes.values() {
        let named = tracker.node_by_name(&node.name).expect("a read");
        assert_eq!(named.as_ref(), Some(node));
    }
    for key in [&b""[..], b"a", b"bz", b"c", b"e\xff", b"zz"] {
        let holds_key = |shard: &&shardferry::Shard| {
            shard
                .range
                .as_ref()
                .is_some_and(|range| range.contains(key))
        };
        let expected = image.shards.values().find(holds_key);
        let found = tracker.find_shard_for_key(key).expect("a read");
        assert_eq!(found.as_ref(), expected);
    }
}
