//! Plans from a real file: what the in-memory predecessor promised, and what it got wrong.

use std::collections::BTreeMap;

use shardferry::planner::{
    Move, MoveReason, Plan, PlanError, PlanViolation, Policy, Resource, Resources,
    invariant_i13_plan_is_safe,
};
use shardferry::schema::text::{NodeName, ShardName};
use shardferry::store::Snapshot;
use shardferry::tracker::{BeginWaveError, PlanOptions, RebalanceError, plan_rebalance};
use shardferry::{
    MigrationTracker, Node, NodeId, NodeState, Shard, ShardId, compute_rebalance_plan,
};
use tempfile::TempDir;

/// A file with `counts[i]` shards on node `i + 1`.
fn cluster(counts: &[u64]) -> (TempDir, MigrationTracker) {
    let folder = TempDir::new().unwrap();
    let tracker = MigrationTracker::create(folder.path().join("shards.redb")).unwrap();
    let mut id = 0;
    for (node, count) in (1..).zip(counts) {
        let name = NodeName::new(format!("node-{node}")).unwrap();
        tracker
            .register_node(Node::new(NodeId(node), name))
            .unwrap();
        for _ in 0..*count {
            id += 1;
            let name = ShardName::new(format!("shard-{id}")).unwrap();
            let mut shard = Shard::new(ShardId(id), name, NodeId(node));
            shard.bytes = 1_000 * id;
            tracker.register_shard(shard).unwrap();
        }
    }
    (folder, tracker)
}

fn counts_after(snapshot: &Snapshot, plan: &Plan) -> BTreeMap<u64, u64> {
    let mut counts: BTreeMap<u64, u64> = snapshot.nodes.iter().map(|n| (n.id.0, 0)).collect();
    for shard in &snapshot.shards {
        *counts.get_mut(&shard.owner.0).unwrap() += 1;
    }
    for one in &plan.moves {
        *counts.get_mut(&one.from.0).unwrap() -= 1;
        *counts.get_mut(&one.to.0).unwrap() += 1;
    }
    counts
}

fn assert_safe(snapshot: &Snapshot, plan: &Plan, threshold_ppm: u64, max_moves: usize) {
    let policy = Policy::new(Resource::COUNT, threshold_ppm, 0)
        .unwrap()
        .with_max_moves(Some(max_moves));
    let checked = invariant_i13_plan_is_safe(&snapshot.plan_input(), &policy, plan);
    assert_eq!(checked, Ok(()));
}

#[test]
fn six_and_two_become_four_and_four() {
    let (_folder, tracker) = cluster(&[6, 2]);
    let snapshot = tracker.snapshot().unwrap();
    let plan = compute_rebalance_plan(&snapshot, 0.1, 10).unwrap();
    assert_eq!(plan.moves.len(), 2, "and not every shard to one receiver");
    for one in &plan.moves {
        assert_eq!((one.from, one.to), (NodeId(1), NodeId(2)));
    }
    assert_eq!(counts_after(&snapshot, &plan), [(1, 4), (2, 4)].into());
    assert_safe(&snapshot, &plan, 100_000, 10);
}

#[test]
fn a_balanced_cluster_gives_an_empty_plan() {
    let (_folder, tracker) = cluster(&[4, 4, 4]);
    let plan = compute_rebalance_plan(&tracker.snapshot().unwrap(), 0.1, 10).unwrap();
    assert!(plan.is_empty() && plan.left.is_empty());
}

#[test]
fn a_plan_respects_its_maximum_and_counts_what_is_under_way() {
    let (_folder, tracker) = cluster(&[12, 0, 0]);
    let snapshot = tracker.snapshot().unwrap();
    assert_eq!(
        compute_rebalance_plan(&snapshot, 0.1, 3)
            .unwrap()
            .moves
            .len(),
        3
    );
    assert!(
        compute_rebalance_plan(&snapshot, 0.1, 0)
            .unwrap()
            .is_empty()
    );

    tracker
        .begin_migration(ShardId(1), NodeId(1), NodeId(2))
        .unwrap();
    tracker
        .begin_migration(ShardId(2), NodeId(1), NodeId(3))
        .unwrap();
    let snapshot = tracker.snapshot().unwrap();
    let plan = compute_rebalance_plan(&snapshot, 0.1, 3).unwrap();
    assert_eq!(plan.moves.len(), 1, "two of three are under way");
    let plan = compute_rebalance_plan(&snapshot, 0.1, 100).unwrap();
    assert_eq!(plan.moves.len(), 6, "eight in all, and two are under way");
    assert!(
        plan.moves.iter().all(|one| one.shard.0 > 2),
        "none of them moves twice"
    );
}

#[test]
fn a_plan_that_is_under_way_or_done_is_not_planned_again() {
    let (_folder, tracker) = cluster(&[9, 1, 2]);
    let plan = compute_rebalance_plan(&tracker.snapshot().unwrap(), 0.0, 100).unwrap();
    assert!(!plan.is_empty());
    for one in &plan.moves {
        tracker
            .begin_migration(one.shard, one.from, one.to)
            .unwrap();
    }
    let again = compute_rebalance_plan(&tracker.snapshot().unwrap(), 0.0, 100).unwrap();
    assert!(again.is_empty(), "in flight: {:?}", again.moves);
    for migration in tracker.unfinished().unwrap() {
        tracker.start_migration(migration.id).unwrap();
        tracker.complete_migration(migration.id).unwrap();
        tracker
            .settle_cleanup(migration.from, migration.shard)
            .unwrap();
    }
    let again = compute_rebalance_plan(&tracker.snapshot().unwrap(), 0.0, 100).unwrap();
    assert!(again.is_empty(), "done: {:?}", again.moves);
}

#[test]
fn an_empty_registered_node_receives() {
    let (_folder, tracker) = cluster(&[3, 3, 0]);
    let snapshot = tracker.snapshot().unwrap();
    let plan = compute_rebalance_plan(&snapshot, 0.1, 10).unwrap();
    assert_eq!(
        counts_after(&snapshot, &plan),
        [(1, 2), (2, 2), (3, 2)].into()
    );
}

#[test]
fn draining_nodes_are_emptied_and_nodes_that_are_down_are_left_alone() {
    let (_folder, tracker) = cluster(&[3, 3, 3, 3]);
    for (id, state) in [(1, NodeState::Draining), (2, NodeState::Down)] {
        let mut node = tracker.node(NodeId(id)).unwrap().unwrap();
        node.state = state;
        tracker.update_node(node).unwrap();
    }
    let snapshot = tracker.snapshot().unwrap();
    let plan = compute_rebalance_plan(&snapshot, 0.1, 100).unwrap();
    let after = counts_after(&snapshot, &plan);
    assert_eq!((after[&1], after[&2]), (0, 3), "{after:?}");
    assert_eq!(after[&3] + after[&4], 9);
    assert!(after[&3].abs_diff(after[&4]) <= 1);
}

#[test]
fn a_threshold_that_is_no_fraction_is_refused() {
    let (_folder, tracker) = cluster(&[6, 2]);
    let snapshot = tracker.snapshot().unwrap();
    for given in [f64::NAN, -0.1, f64::NEG_INFINITY, f64::INFINITY, 1.5] {
        let refused = compute_rebalance_plan(&snapshot, given, 10).unwrap_err();
        assert!(
            matches!(refused, RebalanceError::Threshold { .. }),
            "{given}: {refused}"
        );
        assert!(refused.to_string().contains("give a fraction from 0 to 1"));
    }
}

#[test]
fn a_shard_that_just_moved_is_not_sent_back() {
    let (_folder, tracker) = cluster(&[2, 1]);
    let id = tracker
        .begin_migration(ShardId(1), NodeId(1), NodeId(2))
        .unwrap();
    tracker.start_migration(id).unwrap();
    tracker.complete_migration(id).unwrap();
    tracker.settle_cleanup(NodeId(1), ShardId(1)).unwrap();
    // Now 1 and 2: nothing to gain. Empty the second, and everything but shard 1 may leave.
    let mut node = tracker.node(NodeId(2)).unwrap().unwrap();
    node.state = NodeState::Draining;
    tracker.update_node(node).unwrap();
    let plan = compute_rebalance_plan(&tracker.snapshot().unwrap(), 0.1, 10).unwrap();
    let moved: Vec<u64> = plan.moves.iter().map(|one| one.shard.0).collect();
    assert_eq!(moved, [3]);
    assert_eq!(plan.left.len(), 1, "and the plan says so: {:?}", plan.left);
}

#[test]
fn bytes_are_balanced_within_the_band() {
    let (_folder, tracker) = cluster(&[40, 0, 0, 0]);
    let snapshot = tracker.snapshot().unwrap();
    let options = PlanOptions {
        resource: Resource::BYTES,
        threshold_ppm: 100_000,
        max_moves: None,
    };
    let plan = plan_rebalance(&snapshot, &options).unwrap();
    assert!(plan.left.is_empty(), "{:?}", plan.left);
    let fair = snapshot
        .shards
        .iter()
        .map(|shard| u128::from(shard.bytes))
        .sum::<u128>()
        / 4;
    for load in &plan.loads {
        let bytes = load.after.get(Resource::BYTES);
        assert!(bytes.abs_diff(fair) * 10 <= fair, "{bytes} of {fair}");
    }
    assert!(plan.moves.len() >= plan.lower_bound_moves);
}

/// Shard 1 goes to node 2, and then shard 2 to node 3.
fn two_waves() -> Plan {
    let step = |shard, to, wave| Move {
        shard: ShardId(shard),
        from: NodeId(1),
        to: NodeId(to),
        wave,
        bytes: 1_000 * shard,
        reason: MoveReason::Drain,
    };
    Plan {
        moves: vec![step(1, 2, 0), step(2, 3, 1)],
        ..Plan::default()
    }
}

#[test]
fn a_wave_begins_if_nothing_is_in_the_way_of_it_and_those_after_it() {
    let (_folder, tracker) = cluster(&[4, 0, 0]);
    let (plan, policy) = (two_waves(), Policy::new(Resource::COUNT, 0, 0).unwrap());
    let mut last = Node::new(NodeId(3), NodeName::new("node-3").unwrap());
    last.state = NodeState::NoAccept;
    tracker.update_node(last.clone()).unwrap();
    for wave in [0, 1] {
        match tracker.begin_wave(&plan, &policy, wave) {
            Err(BeginWaveError::Unsafe {
                wave: refused,
                obstacles,
            }) => {
                assert_eq!((refused, obstacles.len(), obstacles[0].at), (wave, 1, 1));
                assert_eq!(obstacles[0].step, plan.moves[1]);
                let violation = &obstacles[0].violation;
                assert!(
                    matches!(violation, PlanViolation::WrongState { at: 1, .. }),
                    "{violation}"
                );
            }
            other => panic!("{other:?}"),
        }
        assert!(tracker.snapshot().unwrap().active.is_empty());
    }

    last.state = NodeState::Active;
    tracker.update_node(last).unwrap();
    let begun = tracker.begin_wave(&plan, &policy, 1).unwrap();
    let migration = tracker.get_migration(begun[0]).unwrap().unwrap();
    assert_eq!((begun.len(), migration.shard), (1, ShardId(2)));
    assert_eq!(tracker.begin_wave(&plan, &policy, 2).unwrap(), []);
    // What is under way is in the way of itself, and of all that comes before it.
    for wave in [0, 1] {
        let again = tracker.begin_wave(&plan, &policy, wave).unwrap_err();
        let text = again.to_string();
        assert!(
            text.contains("move 1") && text.contains("in flight"),
            "{text}"
        );
    }
}

#[test]
fn a_wave_of_a_policy_for_another_cluster_does_not_begin() {
    let (_folder, tracker) = cluster(&[4, 0, 0]);
    let others = Resources::new(["count", "cpu"]).unwrap();
    let policy = Policy::new(others.by_name("cpu").unwrap(), 0, 0).unwrap();
    let refused = tracker.begin_wave(&two_waves(), &policy, 0);
    assert!(
        matches!(
            refused,
            Err(BeginWaveError::Input(PlanError::UnknownResource { .. }))
        ),
        "{refused:?}"
    );
}
