//! The formats of a file that this library reads, and how an older one becomes the one it writes.

use std::ops::Bound;

use super::rows::{get, put};
use super::{Procedure, Row, Scan, StoreError, Tx};
use crate::schema::FORMAT;
use crate::schema::key::MetaKey;
use crate::schema::table::{META, TableId};

/// Rows of one format become rows of the next. It runs in the transaction that upgrades the file:
/// all steps are applied, or none.
pub(crate) type Step = fn(&mut dyn Tx) -> Result<(), StoreError>;

/// How many rows are held in memory while a table is rewritten.
const ROWS_AT_ONCE: usize = 1024;

/// The formats that a version of the library knows: every one from the first on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Formats {
    /// The first leads from format 1 to format 2, and so on.
    steps: &'static [Step],
}

/// What this version knows.
pub(crate) const FORMATS: Formats = Formats::new(&[]);

const _: () = assert!(FORMATS.newest() == FORMAT, "each format has its step");

impl Formats {
    pub(crate) const fn new(steps: &'static [Step]) -> Self {
        Self { steps }
    }

    /// The format that is written.
    #[expect(
        clippy::cast_possible_truncation,
        reason = "one for each release at most"
    )]
    pub(crate) const fn newest(self) -> u32 {
        self.steps.len() as u32 + 1
    }

    /// The steps from format `found` on.
    fn steps_from(self, found: u32) -> &'static [Step] {
        let done = usize::try_from(found.saturating_sub(1)).unwrap_or(usize::MAX);
        self.steps.get(done..).unwrap_or_default()
    }
}

/// Makes a file of an older format one of the newest. A crash leaves the old one or the new one,
/// whole: it is one transaction, and its last row is the one that says what the file is.
pub(super) struct Upgrade {
    pub(super) formats: Formats,
    pub(super) found: u32,
}

impl Procedure for Upgrade {
    type Output = ();
    type Error = StoreError;

    fn run(&self, tx: &mut dyn Tx) -> Result<(), StoreError> {
        for step in self.formats.steps_from(self.found) {
            step(tx)?;
        }
        for table in TableId::ALL {
            // A table that came with a newer format is there from now on.
            tx.len(*table)?;
        }
        let Some(mut meta) = get(tx, META, &MetaKey::File)? else {
            let rule = "the row that says what the file is was there before the upgrade";
            return Err(StoreError::inconsistent(META.id(), &[], rule));
        };
        meta.format = self.formats.newest();
        put(tx, META, &MetaKey::File, &meta)
    }
}

/// Replaces each value of `table` by what `change` makes of it: the tool for a step. Memory is
/// bounded. (A format that changes keys does so in a new table: rows that move would be met twice.)
#[cfg_attr(
    not(feature = "testkit"),
    expect(dead_code, reason = "format 1 is the first")
)]
pub(crate) fn rewrite(
    tx: &mut dyn Tx,
    table: TableId,
    mut change: impl FnMut(Row) -> Result<Vec<u8>, StoreError>,
) -> Result<(), StoreError> {
    let mut scan = Scan::first(ROWS_AT_ONCE);
    loop {
        let mut rows = Vec::new();
        tx.scan(table, &scan, &mut |key, value| {
            let (key, value) = (key.to_vec(), value.to_vec());
            rows.push(Row { key, value });
            Ok(())
        })?;
        let Some(last) = rows.last() else {
            return Ok(());
        };
        scan.start = Bound::Excluded(last.key.clone());
        for row in rows {
            let key = row.key.clone();
            let value = change(row)?;
            tx.put(table, &key, &value)?;
        }
    }
}
