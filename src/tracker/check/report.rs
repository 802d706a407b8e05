use super::{Image, Violation, invariants_of};
use crate::schema::EventSeq;
use crate::schema::table::TableId;
use crate::store::{BadRow, ReadRows, StoreError};
use crate::tracker::MigrationTracker;
use crate::tracker::repair::planned;

/// How many rows a table has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TableRows {
    /// The name of the table.
    pub table: &'static str,
    /// All of them, damaged ones too.
    pub rows: u64,
}

/// What [`MigrationTracker::check`] found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckReport {
    /// What does not hold. Empty: everything does.
    pub violations: Vec<Violation>,
    /// Rows that could not be read. Each is among the violations too.
    pub bad_rows: Vec<BadRow>,
    /// How many rows are set aside. Those that still hold a place are among the violations too.
    pub set_aside: u64,
    /// How many rows a repair would set aside.
    pub repair_would_set_aside: u64,
    /// How many rows of indexes a repair would write or take out.
    pub repair_would_rebuild: u64,
    /// How many rows were looked at, by table.
    pub tables: Vec<TableRows>,
    /// How many migrations are under way.
    pub migrations_active: u64,
    /// How many migrations have ended and are kept.
    pub migrations_ended: u64,
    /// How many events the log has.
    pub events: u64,
    /// The newest event.
    pub newest_event: EventSeq,
    /// The newest event that retention took.
    pub events_pruned_through: EventSeq,
}

impl CheckReport {
    /// Whether everything holds.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.violations.is_empty()
    }

    /// How many rows were looked at.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.tables.iter().map(|table| table.rows).sum()
    }

    fn of(image: &Image, tables: Vec<TableRows>) -> Self {
        let active = count(image.under_way().count());
        let first_parts = image.set_aside.keys().filter(|key| key.part == 0);
        let (repair_would_set_aside, repair_would_rebuild) = planned(image);
        Self {
            set_aside: count(first_parts.count()),
            repair_would_set_aside,
            repair_would_rebuild,
            violations: invariants_of(image),
            bad_rows: image.bad_rows.clone(),
            tables,
            migrations_active: active,
            migrations_ended: count(image.migrations.len()).saturating_sub(active),
            events: count(image.events.len()),
            newest_event: image
                .events
                .last_key_value()
                .map(|(seq, _)| *seq)
                .unwrap_or_default(),
            events_pruned_through: image.pruned().through,
        }
    }
}

impl MigrationTracker {
    /// Checks every invariant that the file alone can answer. It changes nothing, and costs the
    /// whole file in memory.
    ///
    /// ```
    /// # use shardferry::{MigrationTracker, NodeId, ShardId};
    /// # let folder = tempfile::tempdir()?;
    /// let tracker = MigrationTracker::create(folder.path().join("shards.redb"))?;
    /// tracker.begin_migration(ShardId(7), NodeId(1), NodeId(2))?;
    ///
    /// let report = tracker.check()?;
    /// assert!(report.is_clean(), "{:?}", report.violations);
    /// assert_eq!(report.migrations_active, 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`StoreError`] when the file cannot be read. What is wrong with what it holds is not an
    /// error but in the report.
    pub fn check(&self) -> Result<CheckReport, StoreError> {
        let (image, tables) = self.store.read(read)?;
        Ok(CheckReport::of(&image, tables))
    }
}

fn read(rows: &mut dyn ReadRows) -> Result<(Image, Vec<TableRows>), StoreError> {
    let image = Image::read(rows)?;
    let tables = TableId::ALL.iter().map(|table| {
        Ok(TableRows {
            table: table.name(),
            rows: rows.len(*table)?,
        })
    });
    let tables = tables.collect::<Result<_, StoreError>>()?;
    Ok((image, tables))
}

fn count(len: usize) -> u64 {
    u64::try_from(len).unwrap_or(u64::MAX)
}
