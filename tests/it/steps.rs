//! The invariants of a step find what is wrong between two images.

use shardferry::schema::v1::FailureClass;
use shardferry::tracker::check::{
    Acknowledged, Image, invariant_i3_terminal_rows_never_change,
    invariant_i4_stale_epoch_changes_nothing, invariant_i5_owner_changes_only_at_cutover,
    invariant_i8_progress_is_monotone_within_an_attempt, invariant_i11_reopening_changes_nothing,
    invariant_i12_acknowledged_survives,
};
use shardferry::{Epoch, MigrationId, Settings, ShardId, State, Status, TimestampMs};

use crate::support::{A, B, C, Place, clean, cluster, worker};

/// An image with a migration under way (of shard 1) and an ended one (of shard 2).
fn image() -> (Image, MigrationId, MigrationId) {
    let place = Place::new();
    let tracker = cluster(&place, 3, 2);
    let open = tracker.begin_migration(ShardId(1), A, B).unwrap();
    let claim = tracker.claim(open, &worker()).unwrap();
    claim.report(40, Some(100), None).unwrap();
    let ended = tracker.begin_migration(ShardId(2), A, B).unwrap();
    tracker.fail_migration(ended, "broken").unwrap();
    (clean(&tracker), open, ended)
}

#[test]
fn i3_an_end_that_changes_or_goes() {
    let (before, _, ended) = image();
    assert_eq!(
        invariant_i3_terminal_rows_never_change(&before, &before),
        []
    );
    let mut after = before.clone();
    let row = after.migrations.get_mut(&ended).unwrap();
    row.state = State::Complete {
        started_at_ms: TimestampMs(1),
        finished_at_ms: TimestampMs(2),
    };
    let found = invariant_i3_terminal_rows_never_change(&before, &after);
    assert_eq!(found.len(), 1);
    assert!(found[0].key.contains(&ended.to_string()));
    assert!(found[0].rule.contains("failed") && found[0].rule.contains("complete"));

    let mut after = before.clone();
    let row = after.migrations.get_mut(&ended).unwrap();
    let State::Failed { class, .. } = &mut row.state else {
        panic!()
    };
    *class = FailureClass::Unknown;
    assert_eq!(
        invariant_i3_terminal_rows_never_change(&before, &after).len(),
        1
    );

    let mut after = before.clone();
    after.migrations.remove(&ended);
    assert_eq!(
        invariant_i3_terminal_rows_never_change(&before, &after).len(),
        1
    );
}

#[test]
fn i4_and_i11_any_row_that_changes() {
    let (before, open, _) = image();
    for invariant in [
        invariant_i4_stale_epoch_changes_nothing,
        invariant_i11_reopening_changes_nothing,
    ] {
        assert_eq!(invariant(&before, &before), []);
        let mut after = before.clone();
        after
            .migrations
            .get_mut(&open)
            .unwrap()
            .progress
            .bytes_migrated = 41;
        after.active_shards.remove(&ShardId(1));
        let new = after.cleanups.insert((C, ShardId(1)), {
            let tracker = Place::new().create();
            let id = tracker.begin_migration(ShardId(1), A, C).unwrap();
            tracker.start_migration(id).unwrap();
            tracker.fail_migration(id, "broken").unwrap();
            tracker.cleanups().unwrap().pop().unwrap()
        });
        assert!(new.is_none());
        let tables: Vec<_> = invariant(&before, &after)
            .iter()
            .map(|found| found.table)
            .collect();
        assert_eq!(tables, ["migrations", "active_shards", "cleanups"]);
    }
}

#[test]
fn i5_an_owner_that_changes_without_a_cutover() {
    let (before, ..) = image();
    let mut after = before.clone();
    after.shards.get_mut(&ShardId(1)).unwrap().owner = C;
    let found = invariant_i5_owner_changes_only_at_cutover(&before, &after);
    assert_eq!(found.len(), 1);
    assert_eq!(
        (found[0].table, found[0].key.as_str()),
        ("shards", "shard 1")
    );
    let mut after = before.clone();
    after.shards.get_mut(&ShardId(1)).unwrap().version = 9;
    assert_eq!(
        invariant_i5_owner_changes_only_at_cutover(&before, &after).len(),
        1
    );

    let place = Place::new();
    let tracker = cluster(&place, 2, 1);
    let id = tracker.begin_migration(ShardId(1), A, B).unwrap();
    tracker.start_migration(id).unwrap();
    let before = clean(&tracker);
    tracker.complete_migration(id).unwrap();
    let after = clean(&tracker);
    assert_eq!(
        invariant_i5_owner_changes_only_at_cutover(&before, &after),
        []
    );
}

/// Without history, a migration goes in the very transaction that ends it, and its events with it.
/// The invariant found the new owner, looked for the event, and called it a change without a cutover.
#[test]
fn i5_a_cutover_whose_history_is_pruned_with_it() {
    let settings = Settings {
        retention_count_max: Some(0),
        ..Settings::default()
    };
    let place = Place::new();
    let tracker = cluster(&place, 3, 1);
    tracker.set_settings(&settings).unwrap();
    let id = tracker.begin_migration(ShardId(1), A, B).unwrap();
    tracker.start_migration(id).unwrap();
    let before = clean(&tracker);
    tracker.complete_migration(id).unwrap();
    let after = clean(&tracker);
    assert!(after.migrations.is_empty() && after.shards[&ShardId(1)].owner == B);
    let found = |before: &Image, after: &Image| {
        invariant_i5_owner_changes_only_at_cutover(before, after).len()
    };
    assert_eq!(found(&before, &after), 0);

    let mut unpruned = after.clone();
    unpruned.retention = before.retention.clone();
    assert_eq!(found(&before, &unpruned), 1, "nothing was pruned");
    let mut earlier = before.clone();
    earlier.last_moves = after.last_moves.clone();
    assert_eq!(found(&earlier, &after), 1, "that move was an earlier one");
    let mut elsewhere = after;
    elsewhere.last_moves.get_mut(&ShardId(1)).unwrap().to = C;
    assert_eq!(found(&before, &elsewhere), 1, "that move went elsewhere");
}

#[test]
fn i8_progress_and_epochs_that_go_back() {
    let (before, open, _) = image();
    let with = |bytes, epoch| {
        let mut after = before.clone();
        let row = after.migrations.get_mut(&open).unwrap();
        (row.progress.bytes_migrated, row.epoch) = (bytes, Epoch(epoch));
        invariant_i8_progress_is_monotone_within_an_attempt(&before, &after).len()
    };
    assert_eq!(with(40, 1), 0);
    assert_eq!(with(41, 1), 0);
    assert_eq!(with(39, 1), 1);
    assert_eq!(with(0, 2), 0, "a new attempt starts anew");
    assert_eq!(with(40, 0), 1);
}

#[test]
fn i12_what_was_acknowledged_and_is_not_there() {
    let (image, open, ended) = image();
    let lost = |id, status| {
        invariant_i12_acknowledged_survives(&[Acknowledged { id, status }], &image).len()
    };
    assert_eq!(lost(open, Status::Pending), 0, "it has gone on");
    assert_eq!(lost(open, Status::InProgress), 0);
    assert_eq!(lost(open, Status::Verifying), 0, "a new attempt led back");
    assert_eq!(lost(open, Status::Complete), 1);
    assert_eq!(lost(ended, Status::Failed), 0);
    assert_eq!(lost(ended, Status::Complete), 1);
    assert_eq!(lost(MigrationId(uuid::Uuid::nil()), Status::Pending), 1);
    assert_eq!(lost(MigrationId(uuid::Uuid::nil()), Status::Failed), 1);
}
