use super::forgiven::Forgiven;
use super::set_aside;
use crate::schema::TimestampMs;
use crate::schema::key::{Key as _, RowKey};
use crate::schema::table::{self, SET_ASIDE, TableId};
use crate::schema::text::Reason;
use crate::store::{Procedure, StoreError, Tx, log_end};
use crate::tracker::MigrationTracker;
use crate::tracker::check::{Image, hex};

/// Why a row stays set aside. Nothing changed.
#[derive(Debug, thiserror::Error)]
pub enum ForgiveError {
    /// No row of that table and key was set aside, nor is it missing while others name it.
    #[error("no row of table {table} with key {key} is set aside")]
    NotSetAside {
        /// The name of the table.
        table: &'static str,
        /// The key, in hex.
        key: String,
    },
    /// Without the row the file would have no settings.
    #[error("the settings were set aside; put others into force first, then give these up")]
    NoSettings,
    /// The file.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl MigrationTracker {
    /// Gives up a row that was set aside: its bytes are removed, what it blocked is free, and the log
    /// says so, with `reason`. For when nobody can restore the row, and somebody knows, or has seen
    /// to, what it was about.
    ///
    /// What then holds depends on the table. A shard or a node is no longer registered: register it
    /// again. A migration is gone, and what it copied, by its events, has to be discarded (a cleanup
    /// like any other; an event of it that is lost counts as its start). Where the event that began it
    /// is lost as well, the log says that nobody knows what it copied. Where its events say that it stopped writes to the source, they have to be
    /// let go on by hand. A cleanup is no longer waited for: remove the copy by hand. But where it is
    /// that of the shard's last cutover, whose destination is not known to serve yet, it is written
    /// again, from the last move or the record: somebody has to make the destination serve. In the
    /// place of an event the log says that one was given up.
    ///
    /// A node, a shard or a migration whose row is missing outright, while indexes or (for a migration)
    /// events still name it, is given up in the same way. So is a row of which what was set aside is
    /// damaged in turn, by its own table and key, or by the table `set_aside` and the key there.
    ///
    /// # Errors
    /// [`ForgiveError`]; nothing changed.
    pub fn forgive_set_aside(
        &self,
        table: TableId,
        key: &[u8],
        reason: impl Into<Reason>,
    ) -> Result<(), ForgiveError> {
        self.write_alone(&Forgive {
            table,
            key: key.to_vec(),
            reason: reason.into(),
            now: self.now(),
        })
    }
}

struct Forgive {
    table: TableId,
    key: Vec<u8>,
    reason: Reason,
    now: TimestampMs,
}

impl Procedure for Forgive {
    type Output = ();
    type Error = ForgiveError;

    fn run(&self, tx: &mut dyn Tx) -> Result<(), ForgiveError> {
        let image = Image::read(tx)?;
        // While the row still holds its place: an event that was the last one counts.
        let log_end = log_end(tx)?.next;
        let (table, key) = self.given_up(&image);
        if table == TableId::SetAside {
            self.remove_remains(tx, &image)?;
        } else {
            let first = RowKey::first(table, key);
            let kept = tx.get(TableId::SetAside, &first.to_bytes())?.is_some();
            let missing = tx.get(table, key)?.is_none() && image.is_missing(table, key);
            if !kept && !missing {
                return Err(self.not_set_aside());
            }
            set_aside::remove(tx, &first)?;
        }
        let replaced = tx.get(table, key)?.is_some();
        if table == TableId::Settings && image.settings.is_empty() {
            return Err(ForgiveError::NoSettings);
        }
        let forgiven = Forgiven {
            image: &image,
            table,
            key,
            cause: Reason::new(format!("{}: {}", hex(key), self.reason)),
            log_end,
            now: self.now,
        };
        if replaced {
            return Ok(forgiven.log_only(tx)?);
        }
        Ok(forgiven.undo(tx)?)
    }
}

impl Forgive {
    /// The table and the key of the row that is given up. Where the row that keeps it is damaged in
    /// turn, its key still says of which table and key it is.
    fn given_up(&self, image: &Image) -> (TableId, &[u8]) {
        let named = (self.table, self.key.as_slice());
        let place = (TableId::SetAside, self.key.clone());
        if self.table != TableId::SetAside || !image.unreadable.contains_key(&place) {
            return named;
        }
        match first_part(&self.key) {
            Some((table, key)) if table != TableId::SetAside => (table, key),
            Some(_) | None => named,
        }
    }

    /// Removes a row of `set_aside` itself that is damaged, or a part whose first part is gone.
    fn remove_remains(&self, tx: &mut dyn Tx, image: &Image) -> Result<(), ForgiveError> {
        let key = self.key.as_slice();
        let damaged = image
            .unreadable
            .contains_key(&(TableId::SetAside, key.to_vec()));
        let orphan = SET_ASIDE
            .key(key)
            .is_ok_and(|row| image.set_aside.contains_key(&row) && !image.is_there(&row.part(0)));
        if !damaged && !orphan {
            return Err(self.not_set_aside());
        }
        Ok(tx.delete(TableId::SetAside, key)?)
    }

    fn not_set_aside(&self) -> ForgiveError {
        ForgiveError::NotSetAside {
            table: self.table.name(),
            key: hex(&self.key),
        }
    }
}

/// The table and the key of the row whose first part stands under `key`.
fn first_part(key: &[u8]) -> Option<(TableId, &[u8])> {
    let row = RowKey::parse(key).filter(|row| row.part == 0)?;
    let table = TableId::from_tag(row.table)?;
    Some((table, key.get(key.len().checked_sub(row.key.len())?..)?))
}

impl Image {
    /// Whether others still name the row under `key`, of a node, a shard or a migration. What they
    /// block is as blocked as by a row that was set aside.
    fn is_missing(&self, table: TableId, key: &[u8]) -> bool {
        match table {
            TableId::Nodes => table::NODES
                .key(key)
                .is_ok_and(|id| self.node_names.values().any(|row| row.node == id)),
            TableId::Shards => table::SHARDS.key(key).is_ok_and(|id| {
                self.shard_names.values().any(|row| row.shard == id)
                    || self.shard_ranges.values().any(|row| row.shard == id)
                    || self.placements.keys().any(|(_, of)| *of == id)
            }),
            TableId::Migrations => table::MIGRATIONS
                .key(key)
                .is_ok_and(|id| self.is_named(id) && !self.was_given_up(id)),
            TableId::Meta
            | TableId::Settings
            | TableId::NodeNames
            | TableId::ShardNames
            | TableId::ShardRanges
            | TableId::Placements
            | TableId::ActiveShards
            | TableId::Events
            | TableId::MigrationEvents
            | TableId::Finished
            | TableId::Retention
            | TableId::Cleanups
            | TableId::LastMoves
            | TableId::Requests
            | TableId::InFlight
            | TableId::Pauses
            | TableId::Quarantine
            | TableId::SetAside => false,
        }
    }

    /// Whether a part of a row that was set aside is there, readable or not.
    fn is_there(&self, part: &RowKey) -> bool {
        let place = (TableId::SetAside, part.to_bytes());
        self.set_aside.contains_key(part) || self.unreadable.contains_key(&place)
    }
}
