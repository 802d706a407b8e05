//! What is left when a row is given up.

use shardferry::schema::key::{Key as _, RowKey};
use shardferry::schema::table::{self, TableId};
use shardferry::store::StoreError;
use shardferry::tracker::{BeginError, ForgiveError};
use shardferry::{Cleanup, CleanupKind, EventKind, EventSeq, ShardId};

use super::repair;
use crate::planting::{Faulty, event_of};
use crate::support::{A, B, C, Planter, clean, node, shard, sound};

fn damage(faulty: &Faulty, table: TableId, key: &[u8]) {
    Planter::open(&faulty.place.path()).put_raw(table, key, b"SF damaged row");
}

/// A migration whose record is lost may have copied something: that is to be discarded, like after
/// any failure, before the shard goes there again.
#[test]
fn a_migration_under_way_leaves_its_copy_to_be_discarded() {
    let faulty = Faulty::new();
    let id = faulty.claimed;
    damage(&faulty, TableId::Migrations, &id.to_bytes());
    let tracker = faulty.place.open();
    let report = repair(&tracker);
    // The slot that it held is counted again; its entry among the active shards stays.
    assert_eq!(report.left.len(), 1, "{:#?}", report.left);
    assert!(tracker.is_shard_migrating(ShardId(1)).unwrap());

    tracker
        .forgive_set_aside(TableId::Migrations, &id.to_bytes(), "gone")
        .unwrap();
    clean(&tracker);
    let cleanup = tracker.cleanup(B, ShardId(1)).unwrap().unwrap();
    assert_eq!(cleanup.kind, CleanupKind::DiscardDestination);
    assert_eq!((cleanup.from, cleanup.to, cleanup.migration), (A, B, id));
    let refused = tracker.begin_migration(ShardId(1), A, B).unwrap_err();
    assert!(
        matches!(refused, BeginError::CleanupOpen { .. }),
        "{refused}"
    );
    tracker.settle_cleanup(B, ShardId(1)).unwrap();
    tracker.begin_migration(ShardId(1), A, B).unwrap();
    clean(&tracker);
    let history = tracker.history(id).unwrap();
    let table = TableId::Migrations.tag();
    let last = history
        .iter()
        .rev()
        .find(|event| event.migration == Some(id));
    assert!(
        history
            .iter()
            .any(|event| event.kind == EventKind::RowForgiven { table })
    );
    assert!(last.is_some());
}

/// The record is lost, and the event that says that it was claimed: the events that are left lead to
/// `Pending`, as if nothing had been copied, and a part of a copy stayed for ever.
#[test]
fn an_event_that_is_lost_too_counts_as_the_start() {
    for event_first in [true, false] {
        let faulty = Faulty::new();
        let (id, claimed) = (faulty.claimed, event_of(&faulty, faulty.claimed, 1));
        damage(&faulty, TableId::Migrations, &id.to_bytes());
        damage(&faulty, TableId::Events, &claimed.to_bytes());
        let tracker = faulty.place.open();
        repair(&tracker);
        let mut rows = [
            (TableId::Events, claimed.to_bytes()),
            (TableId::Migrations, id.to_bytes()),
        ];
        if !event_first {
            rows.reverse();
        }
        for (table, key) in rows {
            tracker.forgive_set_aside(table, &key, "gone").unwrap();
            sound(&tracker);
        }
        clean(&tracker);
        let cleanup = tracker.cleanup(B, ShardId(1)).unwrap().unwrap();
        assert_eq!(cleanup.kind, CleanupKind::DiscardDestination);
        assert_eq!((cleanup.from, cleanup.to, cleanup.migration), (A, B, id));
        tracker.begin_migration(ShardId(1), A, C).unwrap();
        clean(&tracker);
    }
}

/// Nor is anything discarded of a migration that ended, whatever is lost of it: its destination may
/// be the owner.
#[test]
fn the_copy_of_a_migration_that_ended_is_not_discarded() {
    for finished_is_lost in [false, true] {
        for claimed_is_lost in [false, true] {
            let faulty = Faulty::new();
            let id = faulty.complete;
            let events = [event_of(&faulty, id, 1), event_of(&faulty, id, 2)];
            let finished = faulty.read(table::MIGRATIONS, &id).state.finished_at_ms();
            damage(&faulty, TableId::Migrations, &id.to_bytes());
            for seq in events.iter().skip(usize::from(!claimed_is_lost)) {
                damage(&faulty, TableId::Events, &seq.to_bytes());
            }
            if finished_is_lost {
                faulty.delete(table::FINISHED, &(finished.unwrap(), id));
            }
            let tracker = faulty.place.open();
            repair(&tracker);
            tracker
                .forgive_set_aside(TableId::Migrations, &id.to_bytes(), "gone")
                .unwrap();
            assert_eq!(tracker.cleanup(B, ShardId(3)).unwrap(), None);
        }
    }
}

/// Where it went is in the event that began it: when that is lost as well, the log says so, unless
/// its request is known.
#[test]
fn what_nobody_knows_is_said() {
    for (requested, shard) in [(false, ShardId(1)), (true, ShardId(2))] {
        let faulty = Faulty::new();
        let id = if requested {
            faulty.pending
        } else {
            faulty.claimed
        };
        damage(&faulty, TableId::Migrations, &id.to_bytes());
        let begun = event_of(&faulty, id, 0);
        damage(&faulty, TableId::Events, &begun.to_bytes());
        let tracker = faulty.place.open();
        repair(&tracker);
        tracker
            .forgive_set_aside(TableId::Migrations, &id.to_bytes(), "gone")
            .unwrap();
        let cleanup = tracker.cleanup(B, shard).unwrap();
        assert_eq!(cleanup.is_some(), requested);
        let newest = tracker.check().unwrap().newest_event;
        let last = tracker.events(EventSeq(newest.0 - 1), 1).unwrap();
        let said = last[0].cause.as_str().contains("is not known");
        assert_eq!(said, !requested, "{:?}", last[0].cause);
    }
}

/// Both the record and its entry among the active shards are lost: the log says that the migration
/// is under way, and the entry is written again.
#[test]
fn the_log_says_that_a_lost_migration_is_under_way() {
    let faulty = Faulty::new();
    damage(&faulty, TableId::Migrations, &faulty.claimed.to_bytes());
    let planter = faulty.planter();
    planter.delete_raw(TableId::ActiveShards, &ShardId(1).to_bytes());
    drop(planter);
    let tracker = faulty.place.open();
    repair(&tracker);
    assert!(tracker.is_shard_migrating(ShardId(1)).unwrap());
    assert!(tracker.begin_migration(ShardId(1), A, C).is_err());
}

/// A record that is gone without a trace of its own, but not from the log, keeps its shard blocked.
#[test]
fn a_migration_that_is_missing_stays_in_the_indexes() {
    let faulty = Faulty::new();
    let planter = faulty.planter();
    planter.delete_raw(TableId::Migrations, &faulty.pending.to_bytes());
    drop(planter);
    let tracker = faulty.place.open();
    let report = repair(&tracker);
    assert_eq!(report.changes, []);
    assert!(!report.is_sound());
    assert!(tracker.begin_migration(ShardId(2), A, C).is_err());
}

/// Begins said that the migration is under way, cancelling it that there is none, and forgiving it
/// that it is not set aside: nobody could free its shard.
#[test]
fn what_is_missing_is_given_up_while_others_name_it() {
    let faulty = Faulty::new();
    let id = faulty.claimed;
    for (table, key) in [
        (TableId::Migrations, id.to_bytes()),
        (TableId::Shards, ShardId(5).to_bytes()),
        (TableId::Nodes, C.to_bytes()),
    ] {
        faulty.planter().delete_raw(table, &key);
        let tracker = faulty.place.open();
        assert!(!repair(&tracker).is_sound());
        tracker.forgive_set_aside(table, &key, "missing").unwrap();
        let refused = tracker.forgive_set_aside(table, &key, "again");
        assert!(
            matches!(refused, Err(ForgiveError::NotSetAside { .. })),
            "{refused:?}"
        );
        if table == TableId::Nodes {
            tracker.register_node(node(3)).unwrap();
        }
        clean(&tracker);
    }
    let tracker = faulty.place.open();
    assert!(tracker.cleanup(B, ShardId(1)).unwrap().is_some());
    tracker.begin_migration(ShardId(1), A, C).unwrap();
    tracker.register_shard(shard(5, A)).unwrap();
    clean(&tracker);
    // What is there, and what never was, is not given up.
    for (table, key) in [
        (TableId::Shards, ShardId(4).to_bytes()),
        (TableId::Shards, ShardId(99).to_bytes()),
        (TableId::Events, EventSeq(999).to_bytes()),
    ] {
        let refused = tracker.forgive_set_aside(table, &key, "no").unwrap_err();
        assert!(
            matches!(refused, ForgiveError::NotSetAside { .. }),
            "{refused}"
        );
    }
}

/// What was set aside of a migration is damaged in turn, and given up by the key that `check` names:
/// its shard stayed blocked for ever, because its place was free and its indexes were not.
#[test]
fn a_row_whose_remains_are_damaged_is_given_up_by_their_key() {
    let faulty = Faulty::new();
    let id = faulty.claimed;
    damage(&faulty, TableId::Migrations, &id.to_bytes());
    repair(&faulty.place.open());
    let place = RowKey::first(TableId::Migrations, &id.to_bytes()).to_bytes();
    damage(&faulty, TableId::SetAside, &place);
    let tracker = faulty.place.open();
    let named = &tracker.check().unwrap().bad_rows[0];
    assert_eq!(named.table, "set_aside");
    tracker
        .forgive_set_aside(TableId::SetAside, &place, "lost twice")
        .unwrap();
    clean(&tracker);
    assert!(!tracker.is_shard_migrating(ShardId(1)).unwrap());
    assert!(tracker.cleanup(B, ShardId(1)).unwrap().is_some());
    tracker.begin_migration(ShardId(1), A, C).unwrap();
    clean(&tracker);
}

#[test]
fn nodes_and_shards_are_registered_again() {
    let faulty = Faulty::new();
    damage(&faulty, TableId::Nodes, &B.to_bytes());
    damage(&faulty, TableId::Shards, &ShardId(5).to_bytes());
    let tracker = faulty.place.open();
    repair(&tracker);
    assert!(
        tracker.register_node(node(2)).is_err(),
        "its place is taken"
    );
    assert!(
        tracker.register_shard(shard(5, A)).is_err(),
        "its place is taken"
    );
    assert!(tracker.remove_node(B).is_err());
    tracker
        .forgive_set_aside(TableId::Nodes, &B.to_bytes(), "known")
        .unwrap();
    tracker
        .forgive_set_aside(TableId::Shards, &ShardId(5).to_bytes(), "known")
        .unwrap();
    tracker.register_node(node(2)).unwrap();
    tracker.register_shard(shard(5, A)).unwrap();
    clean(&tracker);
    tracker.begin_migration(ShardId(5), A, B).unwrap();
    clean(&tracker);
}

/// The log keeps its length, and a follower reads on.
#[test]
fn an_event_is_given_up_in_its_place() {
    for at in [2, 5, 8, 12, 17, 20] {
        let faulty = Faulty::new();
        let before = faulty.place.open().events(EventSeq(0), 100).unwrap();
        let seq = before[at.min(before.len() - 1)].seq;
        damage(&faulty, TableId::Events, &seq.to_bytes());
        let tracker = faulty.place.open();
        repair(&tracker);
        assert!(tracker.events(EventSeq(0), 100).is_err());
        tracker
            .forgive_set_aside(TableId::Events, &seq.to_bytes(), "gone")
            .unwrap();
        clean(&tracker);
        let after = tracker.events(EventSeq(0), 100).unwrap();
        assert_eq!(after.len(), before.len());
        let changed: Vec<_> = before.iter().zip(&after).filter(|(a, b)| a != b).collect();
        assert_eq!(changed.len(), 1);
        assert_eq!(
            changed[0].1.kind,
            EventKind::RowForgiven {
                table: TableId::Events.tag()
            }
        );
        assert_eq!(changed[0].1.migration, changed[0].0.migration);
    }
}

/// A copy that nobody waits for any more, and the log says which.
#[test]
fn a_cleanup_is_forgiven_in_the_log() {
    let faulty = Faulty::new();
    let place = (B, ShardId(4));
    damage(&faulty, TableId::Cleanups, &place.to_bytes());
    let tracker = faulty.place.open();
    repair(&tracker);
    tracker
        .forgive_set_aside(TableId::Cleanups, &place.to_bytes(), "by hand")
        .unwrap();
    clean(&tracker);
    let history = tracker.history(faulty.failed).unwrap();
    assert_eq!(
        history.last().unwrap().kind,
        EventKind::CleanupForgiven { node: B }
    );
    assert!(history.last().unwrap().cause.as_str().contains("by hand"));
}

/// The cutover was recorded, and a crash came before the destination was made to serve. The entry
/// that asks for it was damaged and given up: then nobody asked for it any more, and the shard was
/// served nowhere.
#[test]
fn an_entry_that_has_to_make_the_destination_serve_is_written_again() {
    type Lose = fn(&Faulty);
    let losses: [Lose; 3] = [
        |_| {},
        // What the last move says is known from the record, and the other way round.
        |faulty| damage(faulty, TableId::LastMoves, &ShardId(3).to_bytes()),
        |faulty| damage(faulty, TableId::Migrations, &faulty.complete.to_bytes()),
    ];
    for lose in losses {
        let faulty = Faulty::new();
        let place = (A, ShardId(3));
        let before = faulty.read(table::CLEANUPS, &place);
        assert!(!before.activated);
        damage(&faulty, TableId::Cleanups, &place.to_bytes());
        lose(&faulty);
        let tracker = faulty.place.open();
        repair(&tracker);
        tracker
            .forgive_set_aside(TableId::Cleanups, &place.to_bytes(), "unknown")
            .unwrap();
        sound(&tracker);
        let again = tracker.cleanup(A, ShardId(3)).unwrap().unwrap();
        assert_eq!(
            Cleanup {
                retry_at_ms: before.retry_at_ms,
                ..again
            },
            before
        );
        let refused = tracker.begin_migration(ShardId(3), B, A).unwrap_err();
        assert!(matches!(refused, BeginError::CleanupOpen { .. }) || lost(&refused));
    }
}

fn lost(error: &BeginError) -> bool {
    matches!(error, BeginError::Store(StoreError::SetAside { .. }))
}
