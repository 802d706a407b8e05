//! A value of any size is kept to the byte.

use shardferry::ShardId;
use shardferry::schema::key::Key as _;
use shardferry::schema::table::TableId;
use shardferry::schema::v1::SetAsideRow;

use super::repair;
use crate::support::{A, B, Place, Planter, clean, cluster};

#[test]
fn values_of_any_size_and_keys_that_are_none() {
    let max = usize::try_from(SetAsideRow::VALUE_BYTES_MAX).unwrap();
    let place = Place::new();
    drop(cluster(&place, 2, 3));
    let value = |len: usize| -> Vec<u8> { (0..len).map(|at| (at % 251) as u8).collect() };
    let planter = Planter::open(&place.path());
    let mut rows = Vec::new();
    for (at, len) in [0, 1, max - 1, max, max + 1, 2 * max, 5 * max + 7]
        .into_iter()
        .enumerate()
    {
        // Keys of which one is the beginning of the next.
        let key = vec![0; at + 20];
        planter.put_raw(TableId::Shards, &key, &value(len));
        rows.push((TableId::Shards, key, value(len)));
    }
    planter.put_raw(TableId::Shards, &ShardId(2).to_bytes(), &value(100_000));
    rows.push((TableId::Shards, ShardId(2).to_bytes(), value(100_000)));
    planter.put_raw(TableId::Nodes, &[9; 3000], &value(3 * max));
    rows.push((TableId::Nodes, vec![9; 3000], value(3 * max)));
    drop(planter);

    let tracker = place.open();
    let report = repair(&tracker);
    assert_eq!(report.changes.len(), rows.len());
    let mut kept: Vec<_> = tracker.set_aside().unwrap();
    assert_eq!(tracker.check().unwrap().set_aside, rows.len() as u64);
    kept.sort_by(|a, b| (a.table, &a.key).cmp(&(b.table, &b.key)));
    rows.sort();
    for (kept, (table, key, value)) in kept.iter().zip(&rows) {
        assert_eq!((kept.table, &kept.key), (Some(*table), key));
        assert_eq!(kept.value.as_ref(), Some(value), "{} bytes", value.len());
    }
    assert!(tracker.begin_migration(ShardId(2), A, B).is_err());
    for (table, key, _) in &rows {
        tracker.forgive_set_aside(*table, key, "seen").unwrap();
    }
    assert_eq!(
        tracker.image().unwrap().set_aside.len(),
        0,
        "every part is gone"
    );
    clean(&tracker);
}
