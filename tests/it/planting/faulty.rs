use shardferry::schema::codec::Record;
use shardferry::schema::key::Key as _;
use shardferry::schema::table::{Table, TableId};
use shardferry::tracker::check::Violation;
use shardferry::{EventSeq, MigrationId, MigrationTracker, Shard, ShardId};

use crate::support::{A, B, C, Place, Planter, clean, cluster, range, request, shard, worker};

/// A file in which every table has rows, closed.
pub(crate) struct Faulty {
    pub(crate) place: Place,
    /// Of shard 1, under way and claimed.
    pub(crate) claimed: MigrationId,
    /// Of shard 2, pending, with a request key.
    pub(crate) pending: MigrationId,
    /// Of shard 3, cut over from A to B, not settled.
    pub(crate) complete: MigrationId,
    /// Of shard 4, failed after its start.
    pub(crate) failed: MigrationId,
}

impl Faulty {
    pub(crate) fn new() -> Self {
        let place = Place::new();
        let tracker = cluster(&place, 3, 5);
        let ranged = Shard {
            range: Some(range("a", Some("m"))),
            replicas: vec![C],
            ..shard(6, A)
        };
        tracker.register_shard(ranged).unwrap();
        let claimed = tracker.begin_migration(ShardId(1), A, B).unwrap();
        let claim = tracker.claim(claimed, &worker()).unwrap();
        claim.report(40, Some(100), None).unwrap();
        let pending = tracker.begin(&request(ShardId(2), A, B, "two")).unwrap();
        let complete = tracker.begin_migration(ShardId(3), A, B).unwrap();
        tracker.start_migration(complete).unwrap();
        tracker.complete_migration(complete).unwrap();
        let failed = tracker.begin_migration(ShardId(4), A, B).unwrap();
        tracker.start_migration(failed).unwrap();
        tracker.fail_migration(failed, "broken").unwrap();
        clean(&tracker);
        drop(tracker);
        Self {
            place,
            claimed,
            pending,
            complete,
            failed,
        }
    }

    pub(crate) fn planter(&self) -> Planter {
        Planter::open(&self.place.path())
    }

    pub(crate) fn read<R: Record>(&self, table: Table<R>, key: &R::Key) -> R {
        let value = self.planter().get_raw(table.id(), &key.to_bytes());
        table.decode(key, &value).unwrap()
    }

    pub(crate) fn put<R: Record>(&self, table: Table<R>, key: &R::Key, row: &R) -> &Self {
        self.planter().put(table, key, row);
        self
    }

    pub(crate) fn delete<R: Record>(&self, table: Table<R>, key: &R::Key) -> &Self {
        self.planter().delete(table, key);
        self
    }

    pub(crate) fn change<R: Record>(
        &self,
        table: Table<R>,
        key: R::Key,
        change: impl Fn(&mut R),
    ) -> &Self {
        let mut row = self.read(table, &key);
        change(&mut row);
        self.put(table, &key, &row)
    }

    /// What `check` says now; it names `invariant`, `table` and `key`.
    #[track_caller]
    pub(crate) fn finds(&self, invariant: &str, table: TableId, key: &str) -> Vec<Violation> {
        let tracker = MigrationTracker::open(self.place.path()).unwrap();
        let before = tracker.image().unwrap();
        let report = tracker.check().unwrap();
        assert!(!report.is_clean());
        let named = report.violations.iter().any(|found| {
            found.invariant == invariant && found.table == table.name() && found.key.contains(key)
        });
        assert!(
            named,
            "{invariant}, {}, {key}: {:#?}",
            table.name(),
            report.violations
        );
        assert_eq!(before, tracker.image().unwrap(), "checking changes nothing");
        report.violations
    }
}

pub(crate) fn event_of(faulty: &Faulty, id: MigrationId, at: usize) -> EventSeq {
    let tracker = faulty.place.open();
    tracker.history(id).unwrap()[at].seq
}
