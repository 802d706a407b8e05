//! Late calls of executors that were overtaken, step by step, by hand.

use std::sync::Arc;

use shardferry::executor::{Endpoint, Interrupted, Job, MoverError, Reporter, ShardMover};
use shardferry::schema::text::Checkpoint;
use shardferry::{Epoch, MigrationId, NodeId, ShardId};
use tempfile::TempDir;

use super::{folder, put};
use crate::error::NodeError;
use crate::marks::{Marks, Role};
use crate::mover::KvMover;
use crate::nodes::Nodes;
use crate::shard_file::Change;

const SHARD: ShardId = ShardId(5);
const A: NodeId = NodeId(1);
const B: NodeId = NodeId(2);
const C: NodeId = NodeId(3);

/// Three nodes, the shard on the first.
struct Site {
    nodes: Arc<Nodes>,
    mover: KvMover,
    _folder: TempDir,
}

/// Goes on, whatever it is told.
struct Silent;

impl Reporter for Silent {
    fn progress(&self, _: u64, _: Option<u64>) -> Result<(), Interrupted> {
        Ok(())
    }

    fn checkpoint(&self, _: Checkpoint, _: u64, _: Option<u64>) -> Result<(), Interrupted> {
        Ok(())
    }

    fn verified(&self, _: u64, _: u64) -> Result<(), Interrupted> {
        Ok(())
    }

    fn throttle(&self, _: u64) -> Result<(), Interrupted> {
        Ok(())
    }
}

/// Attempt `epoch` at migration number `migration`. The numbers do not say which was first: ids
/// have no order that a mover may rely on.
fn job(migration: u32, epoch: u64, from: NodeId, to: NodeId) -> Job {
    let end = |node| Endpoint {
        node,
        name: None,
        address: None,
    };
    let id = format!("00000000-0000-7000-8000-{migration:012}");
    Job {
        migration: id.parse::<MigrationId>().unwrap(),
        epoch: Epoch(epoch),
        shard: SHARD,
        shard_name: None,
        from: end(from),
        to: end(to),
    }
}

impl Site {
    fn new() -> Self {
        let folder = folder();
        let nodes = Arc::new(Nodes::open(folder.path(), 3).unwrap());
        let rows: Vec<_> = (0..20)
            .map(|row| put(&format!("row {row}"), "of"))
            .collect();
        nodes
            .get(A)
            .unwrap()
            .make(SHARD, Marks::MADE_HERE, &rows)
            .unwrap();
        Self {
            mover: KvMover::new(&nodes),
            nodes,
            _folder: folder,
        }
    }

    /// As far as the fence.
    fn fence(&self, job: &Job) {
        self.mover.copy(job, None, &Silent).unwrap();
        self.mover.fence(job).unwrap();
        self.mover.catch_up(job, &Silent).unwrap();
    }

    /// All of it.
    fn moves(&self, job: &Job) {
        self.fence(job);
        let proof = self.mover.verify(job, &Silent).unwrap();
        assert_eq!(proof.source, proof.destination);
        self.mover.activate(job).unwrap();
        self.mover.release_source(job).unwrap();
    }

    fn role(&self, node: NodeId) -> Option<Role> {
        let copy = self.nodes.get(node).unwrap().find(SHARD)?;
        Some(copy.file.marks().unwrap().role)
    }

    fn roles(&self) -> [Option<Role>; 3] {
        [A, B, C].map(|node| self.role(node))
    }

    fn writes(&self, node: NodeId) -> bool {
        match self
            .nodes
            .get(node)
            .unwrap()
            .write(SHARD, put("row 1", "new"))
        {
            Ok(_) => true,
            Err(NodeError::NotHere { .. } | NodeError::NotServing { .. }) => false,
            Err(other) => panic!("{other}"),
        }
    }
}

fn refused<T>(outcome: Result<T, MoverError>) {
    assert!(outcome.is_err());
}

const SERVING: Option<Role> = Some(Role::Serving);
const FENCED: Option<Role> = Some(Role::Fenced);
const ARRIVING: Option<Role> = Some(Role::Arriving);

#[test]
fn a_late_fence_stops_nobody() {
    let site = Site::new();
    let (old, new) = (job(1, 3, A, B), job(1, 4, A, B));
    site.mover.copy(&old, None, &Silent).unwrap();
    // The next attempt finds the tracker's mark of a fence that did not happen yet.
    site.mover.unfence(&new).unwrap();
    refused(site.mover.fence(&old));
    assert!(site.writes(A));
    site.mover.copy(&new, None, &Silent).unwrap();
    refused(site.mover.fence(&old));
    assert!(site.writes(A));
    // Nor after its end, nor when the shard has come back.
    site.moves(&new);
    site.moves(&job(2, 1, B, A));
    refused(site.mover.fence(&old));
    refused(site.mover.fence(&new));
    assert!(site.writes(A));
}

#[test]
fn a_late_unfence_lets_nobody_write() {
    let site = Site::new();
    let (old, new) = (job(1, 3, A, B), job(1, 4, A, B));
    site.fence(&old);
    site.mover.unfence(&new).unwrap();
    site.fence(&new);
    refused(site.mover.unfence(&old));
    assert!(!site.writes(A));
    site.mover.activate(&new).unwrap();
    refused(site.mover.unfence(&old));
    assert_eq!(site.roles(), [FENCED, SERVING, None]);
    // That of another migration neither.
    refused(site.mover.unfence(&job(9, 7, A, C)));
    assert!(!site.writes(A));
}

#[test]
fn a_late_copy_adds_nothing() {
    let site = Site::new();
    let (old, new) = (job(1, 3, A, B), job(1, 4, A, B));
    site.fence(&old);
    site.mover.unfence(&new).unwrap();
    site.mover.copy(&new, None, &Silent).unwrap();
    refused(site.mover.copy(&old, None, &Silent));
    assert!(site.writes(A));
    refused(site.mover.catch_up(&old, &Silent));
    refused(site.mover.verify(&old, &Silent));
    site.moves(&new);
    for late in [&old, &new] {
        refused(site.mover.copy(late, None, &Silent));
        refused(site.mover.catch_up(late, &Silent));
        assert_eq!(site.roles(), [None, SERVING, None]);
    }
}

#[test]
fn nothing_of_a_discarded_migration_comes_again() {
    let site = Site::new();
    let old = job(8, 1, A, B);
    site.mover.copy(&old, None, &Silent).unwrap();
    assert_eq!(site.roles(), [SERVING, ARRIVING, None]);
    site.mover.discard_destination(&old).unwrap();
    refused(site.mover.copy(&old, None, &Silent));
    refused(site.mover.copy(&job(8, 2, A, B), None, &Silent));
    assert_eq!(site.roles(), [SERVING, None, None]);
    // Another one does, though its id is lower.
    site.moves(&job(7, 1, A, B));
    site.mover.discard_destination(&old).unwrap();
    assert_eq!(site.roles(), [None, SERVING, None]);
    assert!(site.writes(B));
}

#[test]
fn a_late_end_of_a_migration_changes_nothing() {
    let site = Site::new();
    let first = job(3, 2, A, B);
    site.moves(&first);
    let second = job(2, 1, B, C);
    site.fence(&second);
    // B is fenced by the second: it does not serve again.
    site.mover.activate(&first).unwrap();
    assert_eq!(site.roles(), [None, FENCED, ARRIVING]);
    site.mover.activate(&second).unwrap();
    site.mover.release_source(&second).unwrap();
    site.mover.activate(&first).unwrap();
    assert_eq!(site.roles(), [None, None, SERVING]);
    site.moves(&job(1, 1, C, A));
    for late in [&first, &second] {
        site.mover.activate(late).unwrap();
        // Whether it finds the successor or not: the shard has come back, and stays.
        let _ = site.mover.release_source(late);
        assert_eq!(site.roles(), [SERVING, None, None]);
    }
    assert!(site.writes(A));
}

#[test]
fn a_source_stays_until_the_destination_serves() {
    let site = Site::new();
    let job = job(1, 1, A, B);
    site.fence(&job);
    refused(site.mover.release_source(&job));
    assert_eq!(site.roles(), [FENCED, ARRIVING, None]);
    // One that takes writes stays in any case.
    site.mover.unfence(&job).unwrap();
    site.mover.activate(&job).unwrap();
    refused(site.mover.release_source(&job));
    assert_eq!(site.roles(), [SERVING, SERVING, None]);
}

#[test]
fn a_copy_that_serves_is_not_discarded() {
    let site = Site::new();
    let job = job(1, 1, A, B);
    site.fence(&job);
    site.mover.activate(&job).unwrap();
    refused(site.mover.discard_destination(&job));
    assert_eq!(site.roles(), [FENCED, SERVING, None]);
}

#[test]
fn what_was_written_until_the_fence_is_caught_up_with() {
    let site = Site::new();
    let job = job(1, 1, A, B);
    site.mover.copy(&job, None, &Silent).unwrap();
    site.mover.catch_up(&job, &Silent).unwrap();
    let source = site.nodes.get(A).unwrap();
    // A new row, a replaced one, and one that goes.
    source.write(SHARD, put("row 99", "new")).unwrap();
    source.write(SHARD, put("row 1", "replaced")).unwrap();
    let value = None;
    let key = b"row 2".to_vec();
    let last = source.write(SHARD, Change { key, value }).unwrap();
    site.mover.fence(&job).unwrap();
    site.mover.catch_up(&job, &Silent).unwrap();
    let proof = site.mover.verify(&job, &Silent).unwrap();
    assert_eq!(proof.source, proof.destination);
    assert_eq!(proof.source.items, 20);
    site.mover.activate(&job).unwrap();
    let destination = site.nodes.get(B).unwrap();
    let value = |key: &str| {
        let row = destination.read(SHARD, key.as_bytes()).unwrap();
        row.and_then(|row| row.value)
    };
    assert_eq!(value("row 99").as_deref(), Some(b"new".as_slice()));
    assert_eq!(value("row 1").as_deref(), Some(b"replaced".as_slice()));
    assert_eq!(value("row 2"), None);
    // It goes on counting where the source stopped.
    let next = destination.write(SHARD, put("row 3", "next")).unwrap();
    assert_eq!(next.seq, last.seq + 1);
}

#[test]
fn a_source_that_takes_writes_proves_nothing() {
    let site = Site::new();
    let job = job(1, 1, A, B);
    site.mover.copy(&job, None, &Silent).unwrap();
    refused(site.mover.verify(&job, &Silent));
}

#[test]
fn a_node_obeys_its_marks_after_a_restart() {
    let site = Site::new();
    let (old, new) = (job(1, 3, A, B), job(1, 4, A, B));
    site.fence(&old);
    let Site {
        nodes,
        mover,
        _folder: folder,
    } = site;
    drop((nodes, mover));
    let nodes = Arc::new(Nodes::open(folder.path(), 3).unwrap());
    let site = Site {
        mover: KvMover::new(&nodes),
        nodes,
        _folder: folder,
    };
    assert_eq!(site.roles(), [FENCED, ARRIVING, None]);
    assert!(!site.writes(A) && !site.writes(B));
    site.mover.unfence(&new).unwrap();
    assert!(site.writes(A) && !site.writes(B));
    refused(site.mover.fence(&old));
}
