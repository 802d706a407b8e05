//! What the tests share: files in folders of their own, short names, images that must be clean.

use std::path::{Path, PathBuf};

use shardferry::schema::codec::Record;
use shardferry::schema::key::Key as _;
use shardferry::schema::table::{Table, TableId};
use shardferry::schema::text::{
    Algorithm, Digest, ExecutorName, NodeName, RangeKey, RequestKey, ShardName,
};
use shardferry::schema::v1::{KeyRange, Node, NodeState, Shard, Side};
use shardferry::tracker::BeginRequest;
use shardferry::tracker::check::Image;
use shardferry::{MigrationTracker, NodeId, Settings, ShardId};

/// A folder for one file, removed at the end.
pub(crate) struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self { folder }
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.folder.path().join("shards.redb")
    }

    pub(crate) fn create(&self) -> MigrationTracker {
        MigrationTracker::create(self.path()).unwrap()
    }

    pub(crate) fn create_with(&self, settings: &Settings) -> MigrationTracker {
        MigrationTracker::create_with(self.path(), &Default::default(), settings).unwrap()
    }

    pub(crate) fn open(&self) -> MigrationTracker {
        MigrationTracker::open(self.path()).unwrap()
    }

    /// The names of everything in the folder.
    pub(crate) fn names(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.folder()).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        names.collect()
    }
}

/// Shard 7.
pub(crate) const S: ShardId = ShardId(7);
pub(crate) const A: NodeId = NodeId(1);
pub(crate) const B: NodeId = NodeId(2);
pub(crate) const C: NodeId = NodeId(3);

/// The image of a file in which everything holds.
#[track_caller]
pub(crate) fn clean(tracker: &MigrationTracker) -> Image {
    let report = tracker.check().unwrap();
    assert!(report.is_clean(), "{:#?}", report.violations);
    tracker.image().unwrap()
}

/// The image of a file in which everything holds, but for rows that were set aside.
#[track_caller]
pub(crate) fn sound(tracker: &MigrationTracker) -> Image {
    let mut violations = tracker.check().unwrap().violations;
    violations.retain(|violation| !violation.is_set_aside());
    assert!(violations.is_empty(), "{violations:#?}");
    tracker.image().unwrap()
}

pub(crate) fn worker() -> ExecutorName {
    ExecutorName::new("worker").unwrap()
}

pub(crate) fn node(id: u64) -> Node {
    Node::new(NodeId(id), NodeName::new(format!("node-{id}")).unwrap())
}

pub(crate) fn node_in(id: u64, state: NodeState) -> Node {
    Node { state, ..node(id) }
}

pub(crate) fn shard(id: u64, owner: NodeId) -> Shard {
    let name = ShardName::new(format!("shard-{id}")).unwrap();
    Shard::new(ShardId(id), name, owner)
}

pub(crate) fn range(start: &str, end: Option<&str>) -> KeyRange {
    KeyRange {
        start: RangeKey::new(start).unwrap(),
        end: end.map(|end| RangeKey::new(end).unwrap()),
    }
}

pub(crate) fn key(text: &str) -> RequestKey {
    RequestKey::new(text).unwrap()
}

pub(crate) fn request(shard: ShardId, from: NodeId, to: NodeId, name: &str) -> BeginRequest {
    BeginRequest {
        request: Some(key(name)),
        ..BeginRequest::new(shard, from, to)
    }
}

pub(crate) fn blake3() -> Algorithm {
    Algorithm::new("blake3").unwrap()
}

pub(crate) fn side(bytes: u64) -> Side {
    Side {
        items: 1,
        bytes,
        digest: Digest::new(bytes.to_be_bytes()).unwrap(),
    }
}

/// A tracker with nodes 1 to `nodes` and shards 1 to `shards`, all on node 1.
pub(crate) fn cluster(place: &Place, nodes: u64, shards: u64) -> MigrationTracker {
    let tracker = place.create();
    for id in 1..=nodes {
        tracker.register_node(node(id)).unwrap();
    }
    for id in 1..=shards {
        tracker.register_shard(shard(id, A)).unwrap();
    }
    tracker
}

/// Keys and values as they stand in a table.
pub(crate) type RawRows = Vec<(Vec<u8>, Vec<u8>)>;

/// Writes into a closed file past the library, as damage would.
pub(crate) struct Planter {
    db: redb::Database,
}

impl Planter {
    pub(crate) fn open(path: &Path) -> Self {
        let db = redb::Database::open(path).unwrap();
        Self { db }
    }

    pub(crate) fn put<R: Record>(&self, table: Table<R>, key: &R::Key, record: &R) {
        let value = table.encode(key, record).unwrap();
        self.put_raw(table.id(), &key.to_bytes(), &value);
    }

    pub(crate) fn put_raw(&self, table: TableId, key: &[u8], value: &[u8]) {
        let txn = self.db.begin_write().unwrap();
        let name = redb::TableDefinition::<&[u8], &[u8]>::new(table.name());
        txn.open_table(name).unwrap().insert(key, value).unwrap();
        txn.commit().unwrap();
    }

    pub(crate) fn get_raw(&self, table: TableId, key: &[u8]) -> Vec<u8> {
        use redb::ReadableDatabase as _;
        let txn = self.db.begin_read().unwrap();
        let name = redb::TableDefinition::<&[u8], &[u8]>::new(table.name());
        let table = txn.open_table(name).unwrap();
        let value = table.get(key).unwrap().unwrap();
        value.value().to_vec()
    }

    pub(crate) fn delete<R: Record>(&self, table: Table<R>, key: &R::Key) {
        self.delete_raw(table.id(), &key.to_bytes());
    }

    pub(crate) fn delete_raw(&self, table: TableId, key: &[u8]) {
        let txn = self.db.begin_write().unwrap();
        let name = redb::TableDefinition::<&[u8], &[u8]>::new(table.name());
        let removed = txn.open_table(name).unwrap().remove(key).unwrap().is_some();
        assert!(removed, "nothing to remove");
        txn.commit().unwrap();
    }

    /// Every row of a table, as it stands there.
    pub(crate) fn rows(&self, table: TableId) -> RawRows {
        use redb::{ReadableDatabase as _, ReadableTable as _};
        let txn = self.db.begin_read().unwrap();
        let name = redb::TableDefinition::<&[u8], &[u8]>::new(table.name());
        let table = txn.open_table(name).unwrap();
        let rows = table.iter().unwrap().map(|row| {
            let (key, value) = row.unwrap();
            (key.value().to_vec(), value.value().to_vec())
        });
        rows.collect()
    }

    /// Every row of every table.
    pub(crate) fn all_rows(&self) -> Vec<(TableId, RawRows)> {
        let tables = TableId::ALL.iter();
        tables.map(|table| (*table, self.rows(*table))).collect()
    }
}

/// How many random cases: `PROPTEST_CASES`, or few enough for every run.
pub(crate) fn cases(usual: u32) -> u32 {
    let given = std::env::var("PROPTEST_CASES");
    given
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(usual)
}
