use std::collections::VecDeque;
use std::sync::OnceLock;

use shardferry::schema::text::{NodeName, ShardName};
use shardferry::store::{Durability, OpenOptions};
use shardferry::tracker::check::Image;
use shardferry::{MigrationTracker, Node, NodeId, Settings, Shard, ShardId};

use crate::disk::Disk;

/// A good file.
#[derive(Debug)]
pub struct Base {
    /// What it is, for people.
    pub name: &'static str,
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// Its rows.
    pub image: Image,
    /// Its rows after the commits before the last one; not of all of them.
    pub earlier: Vec<Image>,
    /// Where it has pages that are not only zeros.
    pub pages: Vec<usize>,
}

/// Good files of every kind: empty, used, large enough for trees of several levels, left by a
/// kill, and with the other two ways to commit.
pub fn bases() -> &'static [Base] {
    static BASES: OnceLock<Vec<Base>> = OnceLock::new();
    BASES.get_or_init(|| {
        let usual = Durability::Standard;
        vec![
            base("empty", usual, 0, false),
            base("used", usual, 12, false),
            base("large", usual, 300, false),
            base("killed", usual, 12, true),
            base("careful", Durability::Careful, 12, true),
            base("fast restart", Durability::FastRestart, 12, true),
        ]
    })
}

fn base(name: &'static str, durability: Durability, shards: u64, killed: bool) -> Base {
    let disk = Disk::empty();
    let options = OpenOptions {
        durability,
        ..OpenOptions::default()
    };
    let tracker = MigrationTracker::create_with(disk.path(), &options, &Settings::default());
    let tracker = tracker.expect("a file can be created");
    let mut earlier = fill(&tracker, shards);
    let image = tracker.image().expect("it can be read");
    earlier.retain(|before| *before != image);
    let open = disk.read();
    drop(tracker);
    let bytes = if killed { open } else { disk.read() };
    let pages = bytes.chunks(super::pages::PAGE).enumerate();
    let used = pages.filter(|(_, page)| page.iter().any(|byte| *byte != 0));
    Base {
        name,
        pages: used.map(|(at, _)| at * super::pages::PAGE).collect(),
        bytes,
        image,
        earlier,
    }
}

/// Nodes, shards, and migrations in every state; the rows after each of the last commits.
fn fill(tracker: &MigrationTracker, shards: u64) -> Vec<Image> {
    let mut images = Images(tracker, VecDeque::new());
    images.add();
    if shards == 0 {
        return images.1.into();
    }
    for id in 1..=4 {
        let name = NodeName::new(format!("node-{id}")).expect("a name");
        let node = Node::new(NodeId(id), name);
        tracker.register_node(node).expect("a node");
    }
    let shards: Vec<_> = (1..=shards)
        .map(|id| {
            let name = ShardName::new(format!("shard-{id}")).expect("a name");
            let shard = Shard::new(ShardId(id), name, NodeId(1));
            shardferry::tracker::RegistryChange::RegisterShard(shard)
        })
        .collect();
    tracker.change_registry(&shards).expect("shards");
    for (at, _) in shards.iter().enumerate().take(60) {
        let shard = ShardId(u64::try_from(at).expect("a small number") + 1);
        let begun = tracker.begin_migration(shard, NodeId(1), NodeId(2));
        let id = begun.expect("a migration");
        images.add();
        let mut step = |what: Result<_, _>| {
            what.map(drop).expect("a step");
            images.add();
        };
        match at % 5 {
            0 => {}
            1 => step(tracker.update_progress(id, 1, 2)),
            2 => {
                step(tracker.start_migration(id));
                step(tracker.complete_migration(id));
            }
            3 => {
                step(tracker.start_migration(id));
                step(tracker.fail_migration(id, "broken"));
            }
            _ => {
                tracker.cancel_migration(id, "not wanted").expect("a step");
                images.add();
            }
        }
    }
    images.1.into()
}

/// The rows after each of the last commits.
struct Images<'a>(&'a MigrationTracker, VecDeque<Image>);

impl Images<'_> {
    /// A damaged file falls back by one commit, or by the few that came after the last that waited
    /// for the disk.
    const MAX: usize = 8;

    fn add(&mut self) {
        if self.1.len() == Self::MAX {
            self.1.pop_front();
        }
        self.1.push_back(self.0.image().expect("it can be read"));
    }
}
