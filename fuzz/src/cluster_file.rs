//! Any text as a cluster file: a refusal that names a line, or changes that the tracker takes
//! all, or none of. Taken, the same file changes nothing more.

use std::path::{Component, Path};
use std::sync::OnceLock;

use shardferry::schema::text::{Address, NodeName, RangeKey, ShardName};
use shardferry::tracker::check::invariants_of;
use shardferry::{KeyRange, Node, NodeId, Shard, ShardId};
use shardferry_cli::{Exit, compare};

use crate::disk::Disk;

/// Applies `input`.
///
/// # Panics
/// When something does not hold.
pub fn run(input: &[u8]) {
    if leads_out(input) {
        return;
    }
    let disk = start();
    let file = disk.folder().join("cluster.toml");
    std::fs::write(&file, input).expect("room for the file");
    let tracker = disk.open();
    let before = tracker.image().expect("the file can be read");
    let now = tracker.snapshot().expect("a snapshot");
    let changes = match compare(&file, &now, &disk.path()) {
        Ok(changes) => changes,
        Err(failure) => {
            assert_eq!(failure.exit, Exit::Input, "{failure}");
            assert!(names_a_line(&failure), "{failure}");
            return;
        }
    };
    let taken = tracker.change_registry(&changes.registry);
    let after = tracker.image().expect("the file can be read");
    let violations = invariants_of(&after);
    assert!(violations.is_empty(), "{violations:#?}");
    if let Err(error) = taken {
        let failure = changes.refused(error);
        assert!(!failure.to_string().is_empty());
        assert!(before == after, "refused, and something changed: {failure}");
        return;
    }
    let now = tracker.snapshot().expect("a snapshot");
    let again = compare(&file, &now, &disk.path());
    let again = again.unwrap_or_else(|failure| panic!("taken, and then refused: {failure}"));
    assert!(again.registry.is_empty(), "{:#?}", again.registry);
}

/// `cluster.toml:3:1: what is wrong`, in a list or in the message itself.
fn names_a_line(failure: &shardferry_cli::Failure) -> bool {
    let place = |text: &str| {
        let mut parts = text.split("cluster.toml:").skip(1);
        parts.any(|rest| rest.starts_with(|first: char| ('1'..='9').contains(&first)))
    };
    match failure.found() {
        [] => place(&failure.to_string()),
        found => found.iter().all(|problem| place(&problem.place)),
    }
}

/// Whether a path in it leads out of the folder of the target: nothing outside is looked at.
fn leads_out(input: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(input) else {
        return false;
    };
    let Ok(toml::Value::Table(file)) = toml::from_str(text) else {
        return false;
    };
    let nodes = file.get("nodes").and_then(toml::Value::as_array);
    let paths = nodes
        .into_iter()
        .flatten()
        .filter_map(|node| node.get("path")?.as_str());
    paths.into_iter().any(|path| {
        let mut parts = Path::new(path).components();
        parts.any(|part| !matches!(part, Component::Normal(_) | Component::CurDir))
    })
}

/// A folder with the directories of two nodes, entries in them, and a file in which one of these
/// nodes and two shards are registered, one of them in a migration.
fn start() -> Disk {
    static FILE: OnceLock<Vec<u8>> = OnceLock::new();
    let disk = Disk::empty();
    for entry in ["disk-a/orders", "disk-a/users", "disk-b/orders-2"] {
        let path = disk.folder().join(entry);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("room for it");
        std::fs::write(path, entry).expect("room for it");
    }
    disk.write(FILE.get_or_init(file));
    disk
}

fn file() -> Vec<u8> {
    let disk = Disk::empty();
    let tracker = shardferry::MigrationTracker::create(disk.path()).expect("a file");
    for id in [1, 2] {
        let name = NodeName::new(format!("node-{id}")).expect("a name");
        let mut node = Node::new(NodeId(id), name);
        let elsewhere = Address::new(format!("/nowhere/{id}")).expect("an address");
        node.address = Some(elsewhere);
        tracker.register_node(node).expect("a node");
    }
    for (id, start, end) in [(1, "a", "m"), (2, "m", "z")] {
        let name = ShardName::new(format!("shard-{id}")).expect("a name");
        let key = |text: &str| RangeKey::new(text).expect("a key");
        let shard = Shard {
            range: Some(KeyRange {
                start: key(start),
                end: Some(key(end)),
            }),
            ..Shard::new(ShardId(id), name, NodeId(1))
        };
        tracker.register_shard(shard).expect("a shard");
    }
    tracker
        .begin_migration(ShardId(2), NodeId(1), NodeId(2))
        .expect("a migration");
    drop(tracker);
    disk.read()
}
