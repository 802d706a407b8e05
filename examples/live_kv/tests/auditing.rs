//! The audit sees what it is for, and journals are read as a kill leaves them.

use std::fs;
use std::sync::Arc;

use shardferry::{MigrationId, NodeId, ShardId};
use tempfile::TempDir;

use super::folder;
use crate::audit::{Audit, audit};
use crate::client::{Client, Shared, journal_path, key_of};
use crate::cluster::Cluster;
use crate::journal::{Journal, Op, Past, Want};
use crate::marks::{Marks, Role};
use crate::node::Ack;
use crate::options::Options;
use crate::shard_file::Change;

/// A cluster in which one client wrote its key 0 once.
struct Site {
    cluster: Arc<Cluster>,
    shard: ShardId,
    owner: NodeId,
    ack: Ack,
    folder: TempDir,
}

const PUT: Want = Want {
    number: 0,
    op: Op::Put,
};

fn site() -> Site {
    let folder = folder();
    let options = Options {
        nodes: 2,
        shards: 2,
        rows: 10,
        ..Options::default()
    };
    let cluster = Arc::new(Cluster::open(folder.path(), &options).unwrap());
    let key = key_of(0, 0);
    let found = cluster.tracker.find_shard_for_key(key.as_bytes()).unwrap();
    let (shard, owner) = found.map(|shard| (shard.id, shard.owner)).unwrap();
    let change = Change {
        key: key.into_bytes(),
        value: Some(b"0 .".to_vec()),
    };
    let ack = cluster
        .nodes
        .get(owner)
        .unwrap()
        .write(shard, change)
        .unwrap();
    let site = Site {
        cluster,
        shard,
        owner,
        ack,
        folder,
    };
    site.journal(0, PUT, ack);
    site
}

impl Site {
    /// The client `number` was told `ack` about its key 0.
    fn journal(&self, number: u32, want: Want, ack: Ack) {
        let mut journal = Journal::open(&journal_path(self.folder.path(), number)).unwrap();
        journal.want(0, want).unwrap();
        journal.done(0, want.number, self.shard, &ack).unwrap();
    }

    fn audit(&self) -> Audit {
        audit(&self.cluster, self.folder.path()).unwrap()
    }

    /// It sees one thing, and says this about it.
    fn sees(&self, what: &str) {
        let violations = self.audit().violations;
        assert!(
            violations.iter().any(|violation| violation.contains(what)),
            "{what}: {violations:?}"
        );
    }
}

#[test]
fn what_is_right_is_not_complained_of() {
    let site = site();
    let audit = site.audit();
    assert_eq!(audit.violations, Vec::<String>::new());
    assert_eq!((audit.acknowledged, audit.keys), (1, 1));
}

#[test]
fn a_lost_write_is_seen() {
    let site = site();
    let seq = site.ack.seq + 1;
    let number = 1;
    site.journal(0, Want { number, ..PUT }, Ack { seq, ..site.ack });
    site.sees("holds write Some(0)");
}

#[test]
fn a_write_of_nobody_is_seen() {
    let site = site();
    let node = site.cluster.nodes.get(site.owner).unwrap();
    let change = Change {
        key: key_of(0, 0).into_bytes(),
        value: None,
    };
    node.write(site.shard, change).unwrap();
    site.sees("holds write None");
}

#[test]
fn a_number_that_was_given_twice_is_seen() {
    let site = site();
    site.journal(1, PUT, site.ack);
    site.sees("was given twice");
}

#[test]
fn an_owner_that_served_after_another_is_seen() {
    let site = site();
    let other = MigrationId("00000000-0000-7000-8000-000000000001".parse().unwrap());
    let acks = [
        (1, NodeId(2), Some(other)),
        (2, site.ack.node, site.ack.since),
    ];
    for (later, node, since) in acks {
        let seq = site.ack.seq + later;
        let number = later;
        site.journal(0, Want { number, ..PUT }, Ack { seq, node, since });
    }
    site.sees("was served by a node that had lost it");
}

#[test]
fn a_second_copy_is_seen() {
    let site = site();
    let other = NodeId(3 - site.owner.0);
    let node = site.cluster.nodes.get(other).unwrap();
    for role in [Role::Serving, Role::Fenced] {
        let marks = Marks {
            role,
            ..Marks::MADE_HERE
        };
        node.make(site.shard, marks, &[]).unwrap();
        site.sees("alone; there are");
        node.remove(site.shard).unwrap();
    }
    let copy = site.cluster.nodes.get(site.owner).unwrap();
    copy.remove(site.shard).unwrap();
    site.sees("alone; there are []");
}

#[test]
fn a_client_sees_what_it_did_not_write() {
    let site = site();
    let node = site.cluster.nodes.get(site.owner).unwrap();
    let change = Change {
        key: key_of(0, 0).into_bytes(),
        value: Some(b"7 .".to_vec()),
    };
    node.write(site.shard, change).unwrap();
    let shared = Shared::new(&site.cluster, 10);
    let mut client = Client::new(site.folder.path(), 0, &shared).unwrap();
    let told = client.read(0).unwrap_err().to_string();
    assert!(told.contains("read write Some(7)"), "{told}");
}

#[test]
fn a_line_that_was_cut_off_is_not_known() {
    let folder = folder();
    let path = folder.path().join("journal");
    fs::write(
        &path,
        "put 3 0\ndone 3 0 1 17 2 -\ndelete 3 1\ndone 3 1 1 1",
    )
    .unwrap();
    let past = Past::read(&path).unwrap();
    let key = &past.keys[&3];
    assert_eq!((past.acknowledged.len(), key.next), (1, 2));
    assert!(key.allows(Some(0)) && key.allows(None) && !key.allows(Some(1)));
    // The next life goes on behind what was whole.
    let mut journal = Journal::open(&path).unwrap();
    journal.want(3, Want { number: 2, ..PUT }).unwrap();
    let text = fs::read_to_string(&path).unwrap();
    assert_eq!(text, "put 3 0\ndone 3 0 1 17 2 -\ndelete 3 1\nput 3 2\n");
    fs::write(&path, "what is this\n").unwrap();
    assert!(Past::read(&path).is_err());
}

#[test]
fn arguments_are_checked() {
    let parse = |text: &str| Options::parse(text.split_whitespace().map(str::to_owned));
    let options = parse("--json --folder f --shards 3").unwrap();
    assert!(options.json && options.folder.is_some() && options.shards == 3);
    for wrong in [
        "--nodes 1",
        "--shards 0",
        "--clients 0",
        "--rows",
        "--rows x",
        "--what 1",
    ] {
        assert!(parse(wrong).is_err(), "{wrong}");
    }
}
