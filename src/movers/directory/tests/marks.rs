use std::fs;

use super::support::*;
use crate::executor::{MoverError, ShardMover};
use crate::movers::DirectoryMover;
use crate::movers::directory::{is_marked, is_temporary_name, mark, scan, unmark};
use crate::schema::NodeId;

fn reason(result: Result<(), MoverError>) -> String {
    result.unwrap_err().to_string()
}

/// The disk is away: its mount point is an empty directory.
#[test]
fn a_mount_point_without_its_disk_is_waited_for_at_each_step() {
    let nodes = Nodes::new();
    fs::write(nodes.from().join("s"), b"x").unwrap();
    let (mover, job) = (DirectoryMover::requiring_marks(), nodes.job("s"));
    mark(&nodes.from(), NodeId(1)).unwrap();
    let copied = mover.copy(&job, None, &Recorder::default());
    assert!(reason(copied).contains("is the disk of node 2 mounted"));
    assert!(!nodes.part().exists());

    mark(&nodes.to(), NodeId(2)).unwrap();
    mover.copy(&job, None, &Recorder::default()).unwrap();
    fs::rename(nodes.to(), nodes.root.path().join("away")).unwrap();
    fs::create_dir(nodes.to()).unwrap();
    for step in [
        DirectoryMover::activate,
        DirectoryMover::discard_destination,
    ] {
        assert!(reason(step(&mover, &job)).contains("mounted"));
    }
    fs::remove_dir(nodes.to()).unwrap();
    fs::rename(nodes.root.path().join("away"), nodes.to()).unwrap();
    mover.activate(&job).unwrap();

    fs::rename(nodes.from(), nodes.root.path().join("away")).unwrap();
    fs::create_dir(nodes.from()).unwrap();
    assert!(reason(mover.release_source(&job)).contains("is the disk of node 1 mounted"));
    fs::remove_dir(nodes.from()).unwrap();
    fs::rename(nodes.root.path().join("away"), nodes.from()).unwrap();
    mover.release_source(&job).unwrap();
    assert!(!nodes.from().join("s").exists());
}

#[test]
fn disks_the_wrong_way_round_are_noticed() {
    let nodes = Nodes::new();
    fs::write(nodes.from().join("s"), b"x").unwrap();
    mark(&nodes.from(), NodeId(2)).unwrap();
    mark(&nodes.to(), NodeId(1)).unwrap();
    let mover = DirectoryMover::requiring_marks();
    let copied = mover.copy(&nodes.job("s"), None, &Recorder::default());
    assert!(reason(copied).contains("mounted the wrong way round"));
    assert!(mark(&nodes.from(), NodeId(1)).is_err());
    mark(&nodes.from(), NodeId(2)).unwrap();
}

#[test]
fn a_mark_is_looked_at_and_taken_away_by_its_node_only() {
    let nodes = Nodes::new();
    assert!(!is_marked(&nodes.from(), NodeId(1)).unwrap());
    unmark(&nodes.from(), NodeId(1)).unwrap();
    mark(&nodes.from(), NodeId(1)).unwrap();
    assert!(is_marked(&nodes.from(), NodeId(1)).unwrap());
    is_marked(&nodes.from(), NodeId(2)).unwrap_err();
    unmark(&nodes.from(), NodeId(2)).unwrap_err();
    unmark(&nodes.from(), NodeId(1)).unwrap();
    assert_eq!(fs::read_dir(nodes.from()).unwrap().count(), 0);
}

#[test]
fn a_mark_is_no_shard() {
    let nodes = Nodes::new();
    mark(&nodes.from(), NodeId(1)).unwrap();
    assert_eq!(scan(&nodes.from()).unwrap(), []);
    assert!(!is_temporary_name(".shardferry-node".as_ref()));
}

/// A process that was killed while it marked a directory left `.shardferry-XXXXXX.mark` there, for
/// ever: scans passed over it, and nothing removed it.
#[test]
fn what_a_killed_marking_left_is_removed_by_the_next() {
    let nodes = Nodes::new();
    fs::write(nodes.from().join(".shardferry-leN4RA.mark"), b"1").unwrap();
    fs::write(nodes.from().join("orders.mark"), b"a shard").unwrap();
    mark(&nodes.from(), NodeId(1)).unwrap();
    let entries = fs::read_dir(nodes.from()).unwrap();
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, [".shardferry-node", "orders.mark"]);
}
