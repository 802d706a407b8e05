//! What one operation wrote, over what it found: kept or dropped as a whole.

use std::collections::BTreeMap;
use std::ops::Bound;

use super::{Direction, ReadRows, Scan, StoreError, Tx, Visit};
use crate::schema::table::TableId;

/// Rows of a table that were written (`Some`) or removed (`None`).
type Changes = BTreeMap<Vec<u8>, Option<Vec<u8>>>;

/// Rows of `base`, and changes that are not yet part of it.
pub(super) struct Overlay<'base> {
    base: &'base mut dyn Tx,
    tables: Vec<(TableId, Changes)>,
}

impl<'base> Overlay<'base> {
    pub(super) fn over(base: &'base mut dyn Tx) -> Self {
        Self {
            base,
            tables: Vec::new(),
        }
    }

    /// Makes the changes part of what they are over. After an error some are, and some are not.
    pub(super) fn keep(self) -> Result<(), StoreError> {
        for (table, changes) in self.tables {
            for (key, value) in changes {
                match value {
                    Some(value) => self.base.put(table, &key, &value)?,
                    None => self.base.delete(table, &key)?,
                }
            }
        }
        Ok(())
    }

    fn changes(&self, table: TableId) -> Option<&Changes> {
        let mut tables = self.tables.iter();
        tables.find(|(id, _)| *id == table).map(|(_, rows)| rows)
    }

    fn change(&mut self, table: TableId, key: &[u8], value: Option<Vec<u8>>) {
        let at = match self.tables.iter().position(|(id, _)| *id == table) {
            Some(at) => at,
            None => {
                self.tables.push((table, Changes::new()));
                self.tables.len() - 1
            }
        };
        if let Some((_, changes)) = self.tables.get_mut(at) {
            changes.insert(key.to_vec(), value);
        }
    }
}

impl ReadRows for Overlay<'_> {
    fn get(&mut self, table: TableId, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        match self.changes(table).and_then(|changes| changes.get(key)) {
            Some(value) => Ok(value.clone()),
            None => self.base.get(table, key),
        }
    }

    fn scan(
        &mut self,
        table: TableId,
        scan: &Scan,
        visit: &mut Visit<'_>,
    ) -> Result<(), StoreError> {
        let Some((_, changes)) = self.tables.iter().find(|(id, _)| *id == table) else {
            return self.base.scan(table, scan, visit);
        };
        if is_empty(scan) {
            return Ok(());
        }
        let within = changes.range::<Vec<u8>, _>((scan.start.as_ref(), scan.end.as_ref()));
        let mut merge = Merge {
            changes: match scan.direction {
                Direction::Up => within.collect(),
                Direction::Down => within.rev().collect(),
            },
            next: 0,
            left: scan.limit,
            direction: scan.direction,
            visit,
        };
        // Each change hides one row at most.
        let below = Scan {
            limit: scan.limit.saturating_add(merge.changes.len()),
            ..scan.clone()
        };
        self.base
            .scan(table, &below, &mut |key, value| merge.row(key, value))?;
        merge.rest()
    }

    fn len(&mut self, table: TableId) -> Result<u64, StoreError> {
        let mut len = self.base.len(table)?;
        let tables = self.tables.iter().filter(|(id, _)| *id == table);
        for (key, value) in tables.flat_map(|(_, changes)| changes) {
            let was_there = self.base.get(table, key)?.is_some();
            match (was_there, value.is_some()) {
                (false, true) => len = len.saturating_add(1),
                (true, false) => len = len.saturating_sub(1),
                (true, true) | (false, false) => {}
            }
        }
        Ok(len)
    }
}

impl Tx for Overlay<'_> {
    fn put(&mut self, table: TableId, key: &[u8], value: &[u8]) -> Result<(), StoreError> {
        self.change(table, key, Some(value.to_vec()));
        Ok(())
    }

    fn delete(&mut self, table: TableId, key: &[u8]) -> Result<(), StoreError> {
        self.change(table, key, None);
        Ok(())
    }
}

/// Whether no key is in the range: the standard library panics on some of these.
pub(super) fn is_empty(scan: &Scan) -> bool {
    match (&scan.start, &scan.end) {
        (Bound::Unbounded, _) | (_, Bound::Unbounded) => false,
        (Bound::Included(start), Bound::Included(end)) => start > end,
        (Bound::Included(start) | Bound::Excluded(start), Bound::Excluded(end))
        | (Bound::Excluded(start), Bound::Included(end)) => start >= end,
    }
}

/// Rows from below and changes, in one order.
struct Merge<'a, 'v> {
    changes: Vec<(&'a Vec<u8>, &'a Option<Vec<u8>>)>,
    next: usize,
    left: usize,
    direction: Direction,
    visit: &'a mut Visit<'v>,
}

impl Merge<'_, '_> {
    /// A row from below.
    fn row(&mut self, key: &[u8], value: &[u8]) -> Result<(), StoreError> {
        while let Some((changed, change)) = self.changes.get(self.next).copied() {
            let order = match self.direction {
                Direction::Up => changed.as_slice().cmp(key),
                Direction::Down => key.cmp(changed.as_slice()),
            };
            if order.is_gt() {
                break;
            }
            self.next += 1;
            self.show(changed, change.as_deref())?;
            if order.is_eq() {
                return Ok(());
            }
        }
        self.show(key, Some(value))
    }

    /// The changes after all rows from below.
    fn rest(&mut self) -> Result<(), StoreError> {
        while let Some((key, change)) = self.changes.get(self.next).copied() {
            self.next += 1;
            self.show(key, change.as_deref())?;
        }
        Ok(())
    }

    fn show(&mut self, key: &[u8], value: Option<&[u8]>) -> Result<(), StoreError> {
        match value {
            Some(value) if self.left > 0 => {
                self.left -= 1;
                (self.visit)(key, value)
            }
            Some(_) | None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::schema::table::TableId;
    use crate::store::tests::rows::Rows;

    const TABLE: TableId = TableId::Nodes;

    fn rows(of: &mut dyn Tx, scan: &Scan) -> Vec<(Vec<u8>, Vec<u8>)> {
        let mut found = Vec::new();
        of.scan(TABLE, scan, &mut |key, value| {
            found.push((key.to_vec(), value.to_vec()));
            Ok(())
        })
        .unwrap();
        found
    }

    fn bound() -> impl Strategy<Value = Bound<Vec<u8>>> {
        let key = || (0..12_u8).prop_map(|key| vec![key]);
        prop_oneof![
            Just(Bound::Unbounded),
            key().prop_map(Bound::Included),
            key().prop_map(Bound::Excluded),
        ]
    }

    fn scans() -> impl Strategy<Value = Scan> {
        let limit = prop_oneof![3 => 0..6_usize, 1 => Just(usize::MAX)];
        (bound(), bound(), any::<bool>(), limit).prop_map(|(start, end, up, limit)| Scan {
            start,
            end,
            direction: if up { Direction::Up } else { Direction::Down },
            limit,
        })
    }

    proptest! {
        /// An overlay answers as if its changes had been made, and keeping it makes them.
        #[test]
        fn it_is_what_its_changes_would_make(
            below in prop::collection::btree_map(0..12_u8, 0..9_u8, 0..8),
            changes in prop::collection::vec((0..12_u8, prop::option::of(10..20_u8)), 0..8),
            scans in prop::collection::vec(scans(), 1..6),
        ) {
            let found = below.into_iter().map(|(key, value)| (vec![key], vec![value])).collect();
            let mut base = Rows(found);
            let untouched = base.clone();
            let mut expected = base.clone();
            let mut overlay = Overlay::over(&mut base);
            for (key, value) in changes {
                for tx in [&mut overlay as &mut dyn Tx, &mut expected] {
                    match value {
                        Some(value) => tx.put(TABLE, &[key], &[value]).unwrap(),
                        None => tx.delete(TABLE, &[key]).unwrap(),
                    }
                }
            }
            for scan in &scans {
                prop_assert_eq!(rows(&mut overlay, scan), rows(&mut expected, scan));
            }
            for key in 0..12 {
                prop_assert_eq!(
                    overlay.get(TABLE, &[key]).unwrap(),
                    expected.get(TABLE, &[key]).unwrap()
                );
            }
            prop_assert_eq!(overlay.len(TABLE).unwrap(), expected.len(TABLE).unwrap());
            drop(overlay);
            prop_assert_eq!(&base.0, &untouched.0, "dropped: nothing is left of it");
        }

        #[test]
        fn kept_it_is_part_of_what_it_was_over(
            changes in prop::collection::vec((0..12_u8, prop::option::of(10..20_u8)), 0..8),
        ) {
            let mut base = Rows::default();
            base.put(TABLE, &[3], &[3]).unwrap();
            let mut expected = base.clone();
            let mut overlay = Overlay::over(&mut base);
            for (key, value) in changes {
                for tx in [&mut overlay as &mut dyn Tx, &mut expected] {
                    match value {
                        Some(value) => tx.put(TABLE, &[key], &[value]).unwrap(),
                        None => tx.delete(TABLE, &[key]).unwrap(),
                    }
                }
            }
            overlay.keep().unwrap();
            prop_assert_eq!(base.0, expected.0);
        }
    }
}
