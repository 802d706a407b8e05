use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use shardferry::MigrationId;
use shardferry::store::Snapshot;

use crate::{registered, text};

/// How often a line is due.
const LINE_EVERY: Duration = Duration::from_secs(5);

/// How many bytes of all are where they should be.
#[derive(Debug)]
pub(super) struct Tally {
    /// What every migration brings.
    expected: BTreeMap<MigrationId, u64>,
    expected_bytes: u64,
    /// What earlier attempts left of those that nobody works on now.
    waiting: BTreeMap<MigrationId, u64>,
    waiting_bytes: u64,
    /// What is being copied: as many as there are workers.
    copied: BTreeMap<MigrationId, u64>,
    done_bytes: u64,
    bytes_at_start: u64,
    started_at: Instant,
    line_at: Instant,
}

impl Tally {
    /// Of what `snapshot` has under way.
    pub(super) fn new(snapshot: &Snapshot) -> Self {
        let mut expected = BTreeMap::new();
        let mut waiting = BTreeMap::new();
        for migration in &snapshot.active {
            let bytes = registered::bytes_to_move(snapshot, migration);
            expected.insert(migration.id, bytes);
            let saved = migration.checkpoint.as_ref();
            waiting.insert(migration.id, saved.map_or(0, |saved| saved.bytes_migrated));
        }
        let sum = |bytes: &BTreeMap<MigrationId, u64>| {
            bytes.values().copied().fold(0, u64::saturating_add)
        };
        let waiting_bytes = sum(&waiting);
        Self {
            expected_bytes: sum(&expected),
            expected,
            waiting,
            waiting_bytes,
            copied: BTreeMap::new(),
            done_bytes: 0,
            bytes_at_start: waiting_bytes,
            started_at: Instant::now(),
            line_at: Instant::now(),
        }
    }

    /// The migration is worked on, from `resumed` bytes; what it brings in all.
    pub(super) fn begin(&mut self, id: MigrationId, resumed: u64) -> u64 {
        let waited = self.waiting.remove(&id).unwrap_or(0);
        self.waiting_bytes = self.waiting_bytes.saturating_sub(waited);
        self.copied.insert(id, resumed);
        self.expected.get(&id).copied().unwrap_or(0)
    }

    /// The migration is this far.
    pub(super) fn advance(&mut self, id: MigrationId, bytes: u64, total: Option<u64>) {
        if let Some(copied) = self.copied.get_mut(&id) {
            *copied = bytes;
        }
        if let Some(total) = total {
            let before = self.expected.insert(id, total).unwrap_or(0);
            self.expected_bytes = self
                .expected_bytes
                .saturating_sub(before)
                .saturating_add(total);
        }
    }

    /// Nobody works on the migration any more; the bytes that it brought.
    pub(super) fn end(&mut self, id: MigrationId, done: bool) -> u64 {
        let bytes = self.copied.remove(&id).unwrap_or(0);
        if done {
            self.done_bytes = self.done_bytes.saturating_add(bytes);
        }
        bytes
    }

    pub(super) fn bytes(&self) -> u64 {
        let copied = self.copied.values().copied();
        copied.fold(
            self.done_bytes.saturating_add(self.waiting_bytes),
            u64::saturating_add,
        )
    }

    pub(super) fn expected_bytes(&self) -> u64 {
        self.expected_bytes
    }

    /// `in all 41 MiB of 120 MiB (34 %), 55 MiB/s`, when it is time.
    pub(super) fn due_line(&mut self) -> Option<String> {
        if self.line_at.elapsed() < LINE_EVERY {
            return None;
        }
        self.line_at = Instant::now();
        let (done, whole) = (self.bytes(), self.expected_bytes);
        let ms = u64::try_from(self.started_at.elapsed().as_millis()).unwrap_or(u64::MAX);
        let fresh = done.saturating_sub(self.bytes_at_start);
        Some(format!(
            "in all {} of {} ({} %), {}/s",
            text::bytes(done),
            text::bytes(whole),
            text::percent(done, whole),
            text::bytes(fresh.saturating_mul(1000) / ms.max(1)),
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_copied_before_counts_once() {
        let id: MigrationId = "01a20000-0000-7000-8000-000000000000".parse().unwrap();
        let mut tally = Tally::new(&Snapshot::default());
        tally.expected.insert(id, 100);
        tally.expected_bytes = 100;
        tally.waiting.insert(id, 40);
        tally.waiting_bytes = 40;
        assert_eq!(tally.bytes(), 40);
        assert_eq!(tally.begin(id, 40), 100);
        assert_eq!(tally.bytes(), 40);
        tally.advance(id, 70, Some(110));
        assert_eq!((tally.bytes(), tally.expected_bytes()), (70, 110));
        assert_eq!(tally.end(id, true), 70);
        assert_eq!(tally.bytes(), 70);
    }
}
