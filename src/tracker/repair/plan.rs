//! What a repair changes, worked out from the rows alone.

use std::convert::Infallible;
use std::fmt::Debug;

use super::{Repair, Repaired};
use crate::schema::codec::{EncodeError, Record};
use crate::schema::key::{Key as _, RowKey};
use crate::schema::table::TableId;
use crate::tracker::check::{EachIndex, Image, Index, ShownKey, each_index, hex};

/// One row of a repair.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Change {
    pub(super) table: TableId,
    pub(super) key: Vec<u8>,
    pub(super) what: What,
}

/// What becomes of a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum What {
    /// Its bytes go to the table `set_aside`.
    SetAside { reason: String },
    /// It is written.
    Put { value: Vec<u8>, added: bool },
    /// It is taken out.
    Delete,
}

impl Change {
    /// As it is reported; `value_bytes` is the length of what stands there now.
    pub(super) fn told(&self, value_bytes: u64) -> Repaired {
        Repaired {
            table: self.table.name(),
            key: hex(&self.key),
            repair: match &self.what {
                What::SetAside { reason } => Repair::SetAside {
                    reason: reason.clone(),
                    value_bytes,
                },
                What::Put { added: true, .. } => Repair::Added,
                What::Put { added: false, .. } => Repair::Replaced,
                What::Delete => Repair::Removed,
            },
        }
    }
}

/// How many rows a repair of `image` would set aside, and how many rows of indexes it would change.
pub(in crate::tracker) fn planned(image: &Image) -> (u64, u64) {
    let changes = changes(image);
    let is_set_aside = |change: &&Change| matches!(change.what, What::SetAside { .. });
    let set_aside = changes.iter().filter(is_set_aside).count();
    let others = changes.len().saturating_sub(set_aside);
    let count = |len| u64::try_from(len).unwrap_or(u64::MAX);
    (count(set_aside), count(others))
}

/// Every change that a repair of `image` makes. Making them leaves nothing more to change.
pub(super) fn changes(image: &Image) -> Vec<Change> {
    let mut plan = Plan {
        image,
        changes: Vec::new(),
    };
    plan.set_aside();
    match each_index(image, &mut plan) {
        Ok(()) => plan.changes,
        Err(never) => match never {},
    }
}

struct Plan<'a> {
    image: &'a Image,
    changes: Vec<Change>,
}

impl Plan<'_> {
    /// Rows that cannot be read and that nothing can be built from. Where one was set aside from the
    /// same place already, the row stays: neither may push the other out. A damaged row of
    /// `set_aside` itself stays too: it keeps a place taken.
    fn set_aside(&mut self) {
        for ((table, key), reason) in &self.image.unreadable {
            let first = RowKey::first(*table, key);
            let taken = self.image.set_aside.contains_key(&first)
                || self.image.is_lost(TableId::SetAside, &first);
            if !table.is_index() && *table != TableId::SetAside && !taken {
                let reason = reason.clone();
                self.add(*table, key, What::SetAside { reason });
            }
        }
    }

    fn add(&mut self, table: TableId, key: &[u8], what: What) {
        self.changes.push(Change {
            table,
            key: key.to_vec(),
            what,
        });
    }
}

impl EachIndex for Plan<'_> {
    type Error = Infallible;

    fn index<R>(&mut self, index: Index<'_, R>) -> Result<(), Infallible>
    where
        R: Record<Key: ShownKey + Ord + Clone> + PartialEq + Debug + Clone,
    {
        let table = index.table.id();
        for (key, claims) in &index.expected {
            let found = index.found.get(key);
            // Two rows claim this place: which of them is wrong, nobody here can know.
            let [claim] = claims.as_slice() else { continue };
            let names_lost = found.and_then(|row| (index.names_lost)(key, row)).is_some();
            if found == Some(claim) || names_lost {
                continue;
            }
            let encoded: Result<Vec<u8>, EncodeError> = index.table.encode(key, claim);
            if let Ok(value) = encoded {
                let damaged = self.image.is_lost(table, key);
                let added = found.is_none() && !damaged;
                self.add(table, &key.to_bytes(), What::Put { value, added });
            }
        }
        for (key, row) in index.found {
            if !index.expected.contains_key(key) && (index.names_lost)(key, row).is_none() {
                self.add(table, &key.to_bytes(), What::Delete);
            }
        }
        // A damaged row that no row claims, unless one that cannot be read might.
        let image = self.image;
        let primary_is_whole = !image.has_lost(index.primary);
        let damaged = image.unreadable.range((table, Vec::new())..);
        for ((_, key), _) in damaged.take_while(|((of, _), _)| *of == table) {
            let claimed = index.table.key(key);
            let claimed = claimed.is_ok_and(|key| index.expected.contains_key(&key));
            if !claimed && primary_is_whole {
                self.add(table, key, What::Delete);
            }
        }
        Ok(())
    }
}
