//! Operations on a real tracker over a real file, restarts and kills among them. After each
//! operation every invariant holds; one that is refused changes no row; a restart changes nothing;
//! what was acknowledged survives a kill.

mod drive;
mod look;
mod op;
mod operator;
mod registry;
mod session;

pub use op::{
    Begin, ByClaim, Bytes, NODES, Op, Operator, Registry, SHARDS, Scope, SettingsChange,
    ShardShape, Waits,
};

use std::sync::OnceLock;

use arbitrary::{Arbitrary as _, Unstructured};
use shardferry::tracker::check::Image;
use shardferry::{MigrationTracker, NodeId, Settings, ShardId};

use crate::disk::Disk;
use session::{End, World, holds};

/// An input takes no more operations than this.
const OPS_MAX: usize = 256;

/// Runs the operations that `input` says.
///
/// # Panics
/// When something does not hold.
pub fn run(input: &[u8]) {
    let disk = Disk::of(start());
    let mut world = World::default();
    let mut ops = ops(input).into_iter();
    let mut last: Option<Image> = None;
    loop {
        let tracker = disk.open();
        let image = read(&tracker);
        if let Some(last) = &last {
            world.reopened(last, &image);
        }
        holds(&image, "after opening");
        let (after, end) = session::session(&tracker, &mut world, &mut ops, image);
        match end {
            End::Input => return,
            End::Closed => drop(tracker),
            End::Killed => {
                let left = disk.read();
                drop(tracker);
                disk.write(&left);
            }
        }
        world.killed = matches!(end, End::Killed);
        last = Some(after);
    }
}

/// The operations that `input` says; what is left over at its end says nothing.
#[must_use]
pub fn ops(input: &[u8]) -> Vec<Op> {
    let mut rest = Unstructured::new(input);
    let mut ops = Vec::new();
    while !rest.is_empty() && ops.len() < OPS_MAX {
        match Op::arbitrary(&mut rest) {
            Ok(op) => ops.push(op),
            Err(_) => break,
        }
    }
    ops
}

fn read(tracker: &MigrationTracker) -> Image {
    tracker.image().expect("the file can be read")
}

/// A file with nodes 1 to [`NODES`] and shards 1 to 3, each on the node of its number. Made once:
/// creating a file costs more than most inputs.
fn start() -> &'static [u8] {
    static START: OnceLock<Vec<u8>> = OnceLock::new();
    START.get_or_init(|| {
        let disk = Disk::empty();
        let settings = Settings {
            // Nothing waits, and no lease runs out while an input runs: an input means the same
            // each time.
            backoff_ms_min: 0,
            backoff_ms_max: 0,
            lease_ms: 86_400_000,
            ..Settings::default()
        };
        let tracker = MigrationTracker::create_with(disk.path(), &Default::default(), &settings);
        let tracker = tracker.expect("a file can be created");
        for id in 1..=NODES {
            let node = registry::node(id, shardferry::NodeState::Active);
            tracker.register_node(node).expect("a node");
        }
        for id in 1..=3_u8 {
            let name = shardferry::schema::text::ShardName::new(vec![b'a' + id]);
            let owner = NodeId(u64::from(id));
            let shard =
                shardferry::Shard::new(ShardId(u64::from(id)), name.expect("a name"), owner);
            tracker.register_shard(shard).expect("a shard");
        }
        drop(tracker);
        disk.read()
    })
}
