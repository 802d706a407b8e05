//! Files with many ended migrations.

use std::convert::Infallible;
use std::path::Path;
use std::time::{Duration, Instant};

use shardferry::schema::v1::{Event, LastMove, Migration, State};
use shardferry::store::OpenOptions;
use shardferry::tracker::{ExportError, Exported, Fact};
use shardferry::{EventSeq, MigrationId, MigrationTracker, Settings, ShardId, TimestampMs};
use tempfile::TempDir;
use uuid::Builder;

use super::cancelled;
use super::round::round;
use crate::Result;

/// Shards that the history is about: each moves forth and back, again and again.
const SHARDS: u64 = 10_000;

/// The first shard that a history is not about.
pub(super) const FREE_SHARD: u64 = SHARDS;

/// So many are imported at most: what is imported is checked in memory, and takes 4 KB for each.
const IMPORTED_MAX: u64 = 1_000_000;

/// Creates a file in which so many migrations ended, all of them kept. Says how long that took.
///
/// They are imported: what two rounds of one shard wrote, again and again, with other ids and times.
/// What is beyond the limit of that is begun and cancelled: they have two events, the imported ones six.
pub(super) fn create(path: &Path, ended: u64) -> Result<Duration> {
    let started = Instant::now();
    let imported = ended.min(IMPORTED_MAX);
    import(path, imported)?;
    cancelled::add(path, ended - imported)?;
    Ok(started.elapsed())
}

fn import(path: &Path, ended: u64) -> Result<()> {
    let pattern = Pattern::record()?;
    let facts = pattern.facts(ended.div_ceil(2));
    let facts = facts.map(Ok::<Fact, Infallible>);
    MigrationTracker::import(path, &OpenOptions::default(), facts)?;
    Ok(())
}

/// Settings that keep every ended migration.
pub(super) fn keep_all() -> Settings {
    Settings {
        retention_count_max: None,
        ..Settings::default()
    }
}

/// What a shard leaves that moved forth and back.
struct Pattern {
    /// What the file is, and its settings.
    head: Vec<Fact>,
    migrations: Vec<Migration>,
    events: Vec<Event>,
    last_move: LastMove,
    /// From one pair of migrations to the next.
    stride_ms: u64,
}

impl Pattern {
    fn record() -> Result<Self> {
        let folder = TempDir::new()?;
        let path = folder.path().join("pattern.redb");
        let tracker = MigrationTracker::create_with(path, &OpenOptions::default(), &keep_all())?;
        round(&tracker, 0, 0)?;
        round(&tracker, 0, 1)?;
        let (mut head, mut migrations, mut events) = (Vec::new(), Vec::new(), Vec::new());
        let mut last_move = None;
        tracker.export(&mut |exported| {
            match exported {
                Exported::Fact(fact) => match *fact {
                    Fact::Migration(_, migration) => migrations.push(migration),
                    Fact::Event(_, event) => events.push(event),
                    Fact::LastMove(_, last) => last_move = Some(last),
                    other => head.push(other),
                },
                Exported::Counts(_) => {}
            }
            Ok::<(), ExportError>(())
        })?;
        let times = |event: Option<&Event>| event.map(|event| event.at_ms).unwrap_or_default();
        let took_ms = times(events.last()).ms_since(times(events.first()));
        Ok(Self {
            head,
            migrations,
            events,
            last_move: last_move.ok_or("a shard that moved has a last move")?,
            stride_ms: took_ms + 1,
        })
    }

    /// The facts of so many pairs of migrations, in the order of an export.
    fn facts(&self, pairs: u64) -> impl Iterator<Item = Fact> {
        let migrations = (0..pairs).flat_map(move |pair| {
            let each = 0..self.migrations.len();
            each.map(move |at| self.migration(pairs, pair, at))
        });
        let events = (0..pairs).flat_map(move |pair| {
            let each = self.events.iter();
            each.map(move |event| self.event(pairs, pair, event))
        });
        let last_moves = (0..pairs.min(SHARDS)).map(move |shard| {
            let newest = pairs - 1;
            let pair = newest - (newest - shard) % SHARDS;
            self.last_move(pairs, pair)
        });
        let head = self.head.iter().cloned();
        head.chain(migrations).chain(events).chain(last_moves)
    }

    fn migration(&self, pairs: u64, pair: u64, at: usize) -> Fact {
        let mut migration = self.migrations[at].clone();
        let earlier = |time: &mut TimestampMs| *time = self.time(pairs, pair, *time);
        migration.id = self.id(pairs, pair, at);
        migration.shard = ShardId(pair % SHARDS);
        earlier(&mut migration.created_at_ms);
        if let State::Complete {
            started_at_ms,
            finished_at_ms,
        } = &mut migration.state
        {
            earlier(started_at_ms);
            earlier(finished_at_ms);
        }
        Fact::Migration(migration.id, migration)
    }

    fn event(&self, pairs: u64, pair: u64, event: &Event) -> Fact {
        let mut event = event.clone();
        event.seq = EventSeq(pair * self.events.len() as u64 + event.seq.0);
        event.at_ms = self.time(pairs, pair, event.at_ms);
        event.migration = event.migration.map(|id| self.renamed(pairs, pair, id));
        event.shard = Some(ShardId(pair % SHARDS));
        Fact::Event(event.seq, event)
    }

    fn last_move(&self, pairs: u64, pair: u64) -> Fact {
        let mut last = self.last_move;
        last.at_ms = self.time(pairs, pair, last.at_ms);
        last.migration = self.renamed(pairs, pair, last.migration);
        Fact::LastMove(ShardId(pair % SHARDS), last)
    }

    fn renamed(&self, pairs: u64, pair: u64, id: MigrationId) -> MigrationId {
        let at = self.migrations.iter().position(|one| one.id == id);
        self.id(pairs, pair, at.unwrap_or_default())
    }

    /// In the order of the pairs.
    fn id(&self, pairs: u64, pair: u64, at: usize) -> MigrationId {
        let created = self.time(pairs, pair, self.migrations[at].created_at_ms);
        let mut number = [0; 10];
        number[2..].copy_from_slice(&(pair * 2 + at as u64).to_be_bytes());
        MigrationId(Builder::from_unix_timestamp_millis(created.0, &number).into_uuid())
    }

    /// When `at` was in this pair: the last one is just over.
    fn time(&self, pairs: u64, pair: u64, at: TimestampMs) -> TimestampMs {
        TimestampMs(at.0 - (pairs - pair) * self.stride_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_parts_of_a_history_are_kept_and_sound() -> Result<()> {
        let folder = TempDir::new()?;
        let path = folder.path().join("history.redb");
        import(&path, 100)?;
        cancelled::add(&path, 60)?;
        let report = MigrationTracker::open(&path)?.check()?;
        assert!(report.is_clean(), "{:?}", report.violations);
        assert_eq!(
            (report.migrations_ended, report.migrations_active),
            (160, 0)
        );
        Ok(())
    }
}
