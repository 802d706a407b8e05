use super::*;

fn moves(plan: &Plan) -> Vec<(u64, u64, u64)> {
    let moves = plan.moves.iter();
    moves.map(|m| (m.shard.0, m.from.0, m.to.0)).collect()
}

#[test]
fn a_draining_node_is_emptied_before_anything_is_balanced() {
    let mut input = counts(&[4, 20, 2]);
    input.nodes[0].state = Availability::Draining;
    let plan = checked(&input, &exact());
    assert_eq!(after(&plan, Resource::COUNT), [0, 13, 13]);
    let drains = plan
        .moves
        .iter()
        .take_while(|m| m.reason == MoveReason::Drain);
    assert_eq!(drains.count(), 4);
    assert_eq!(plan.gap_moves(), Some(0));

    let cut = checked(&input, &exact().with_max_moves(Some(5)));
    assert_eq!(cut.moves[..], plan.moves[..5]);
    assert_eq!(cut.gap_moves(), None);
}

#[test]
fn down_nodes_and_nodes_that_do_not_accept_take_no_part() {
    for state in [Availability::Down, Availability::NoAccept] {
        let mut input = counts(&[40, 6, 2, 0]);
        input.nodes[0].state = state;
        input.nodes[3].state = state;
        let plan = checked(&input, &exact());
        assert_eq!(after(&plan, Resource::COUNT), [40, 4, 4, 0]);
    }
}

#[test]
fn in_flight_counts_at_its_target_and_is_not_moved_again() {
    let mut input = counts(&[6, 2]);
    for shard in [1, 2, 77] {
        let (shard, from, to) = (ShardId(shard), NodeId(1), NodeId(2));
        input.in_flight.push(InFlightMove { shard, from, to });
    }
    let plan = checked(&input, &exact());
    assert!(plan.is_empty());
    assert_eq!(after(&plan, Resource::COUNT), [4, 4]);
}

#[test]
fn what_a_shard_may_not_do_it_does_not() {
    let input = counts(&[2, 0]);
    let (node, second) = (NodeId(2), ShardId(2));
    type Refuse = fn(&mut Input);
    let refused: [(&str, Refuse); 8] = [
        ("pinned", |i| i.shards[0].pinned = true),
        ("quarantined", |i| i.quarantined.push(ShardId(1))),
        ("replica", |i| i.shards[0].replicas.push(NodeId(2))),
        ("disallowed", |i| i.shards[0].disallowed.push(NodeId(2))),
        ("not allowed", |i| i.shards[0].allowed.push(NodeId(1))),
        ("cleanup", |i| i.cleanups.push((NodeId(2), ShardId(1)))),
        ("cooling", |i| {
            let (shard, from) = (ShardId(1), NodeId(2));
            i.cooling.push(CoolingShard { shard, from });
        }),
        ("capacity", |i| {
            i.shards[0].weights = PerResource::of_shard(5, 0);
            i.nodes[1].capacity = room(Resource::BYTES, 4);
        }),
    ];
    for (what, refuse) in refused {
        let mut input = input.clone();
        refuse(&mut input);
        let plan = checked(&input, &exact());
        assert_eq!(moves(&plan), [(second.0, 1, node.0)], "{what}");
        // The other way: nothing else can leave, and the plan says why.
        input.shards.remove(1);
        input.nodes[0].state = Availability::Draining;
        let plan = checked(&input, &exact());
        assert!(plan.is_empty(), "{what}");
        assert!(!plan.left.is_empty(), "{what}");
        assert!(
            plan.left[0].to_string().starts_with("shard 1 stays"),
            "{what}"
        );
    }
}

#[test]
fn shards_of_a_group_do_not_meet() {
    let mut input = counts(&[3, 1, 0]);
    for shard in [0, 1, 3] {
        input.shards[shard].group = Some(GroupId(9));
    }
    input.nodes[0].state = Availability::Draining;
    let plan = checked(&input, &exact());
    assert_eq!(plan.total_moves(), 2);
    assert_eq!(plan.left.len(), 1, "{:?}", plan.left);
    assert!(
        plan.left[0]
            .to_string()
            .contains("2 x holds a shard of the group")
    );
}

#[test]
fn what_needs_the_room_of_an_earlier_move_waits_for_the_next_wave() {
    // Node 2 is full: the shards of node 1 have room there once node 2 has shed.
    let mut input = cluster(&[&[10, 10], &[5, 5, 5, 5], &[]]);
    input.nodes[0].state = Availability::Draining;
    input.nodes[1].capacity = room(Resource::BYTES, 20);
    for shard in [0, 1] {
        input.shards[shard].allowed = vec![NodeId(2)];
    }
    let plan = checked(&input, &policy(Resource::BYTES, 0, 0));
    let drain = plan.moves.iter().find(|m| m.reason == MoveReason::Drain);
    assert!(drain.unwrap().wave > plan.moves[0].wave);
    assert_eq!(plan.moves[0].from, NodeId(2));
}

#[test]
fn waves_keep_the_limits_of_each_node() {
    let policy = exact().with_limits(Some(2), Some(3)).unwrap();
    let plan = checked(&counts(&[12, 0, 0]), &policy);
    assert_eq!(plan.total_moves(), 8);
    assert_eq!(plan.moves.last().unwrap().wave, 2);
}

#[test]
fn nothing_in_nothing_out() {
    assert_eq!(plan(&Input::default(), &exact()), Ok(Plan::default()));
    let mut input = counts(&[2]);
    input.nodes[0].state = Availability::Draining;
    let plan = checked(&input, &exact());
    assert_eq!(
        plan.left[0].to_string(),
        "shard 1 stays on node 1, which is draining: no node is active"
    );
    assert_eq!(plan.left.len(), 2);
}

#[test]
fn contradictions_are_typed_errors() {
    let error = |change: fn(&mut Input)| {
        let mut input = counts(&[2, 1]);
        change(&mut input);
        plan(&input, &exact()).unwrap_err()
    };
    let found = error(|i| i.nodes.push(NodeInput::new(NodeId(1))));
    assert!(matches!(
        found,
        PlanError::DuplicateNode {
            node: NodeId(1),
            ..
        }
    ));
    let found = error(|i| i.shards[2].id = ShardId(1));
    let (shard, first, second) = (ShardId(1), NodeId(1), NodeId(2));
    assert_eq!(
        found,
        PlanError::DuplicateShard {
            shard,
            first,
            second
        }
    );
    let found = error(|i| i.shards[0].owner = NodeId(9));
    assert!(matches!(
        found,
        PlanError::UnknownOwner {
            owner: NodeId(9),
            nodes: 2,
            ..
        }
    ));
    let found = error(|i| i.nodes[0].weight = u64::MAX);
    assert_eq!(
        found.to_string(),
        "node 1 has weight 18446744073709551615; a weight is 1 to 4294967295"
    );
    let found = error(|i| {
        for to in [NodeId(1), NodeId(2)] {
            i.in_flight.push(InFlightMove {
                shard: ShardId(1),
                from: NodeId(1),
                to,
            });
        }
    });
    assert!(matches!(
        found,
        PlanError::DuplicateInFlight {
            shard: ShardId(1),
            ..
        }
    ));

    let found = Policy::new(Resource::COUNT, 5, 6).unwrap_err();
    assert_eq!(
        found,
        PlanError::TargetOutsideTrigger {
            target_ppm: 6,
            trigger_ppm: 5
        }
    );
    let found = Policy::new(Resource::COUNT, 1_000_001, 6).unwrap_err();
    assert_eq!(found, PlanError::BandTooWide { got: 1_000_001 });
    let found = exact().with_limits(Some(0), None).unwrap_err();
    let limit = "max_in_per_node";
    assert_eq!(found, PlanError::ZeroLimit { limit });
}

/// Shards 8 and 9 fill node 2 beyond its room. Once 9 has gone to node 1, which was full, 8 may stay: nobody
/// makes room for it any more.
#[test]
fn nobody_makes_room_for_a_shard_that_need_not_come_any_more() {
    let mut input = counts(&[7, 2, 0]);
    for (shard, load, allowed) in [(8, 38, [1, 2]), (9, 197, [1, 1])] {
        let shard: &mut ShardInput = &mut input.shards[shard - 1];
        shard.weights = PerResource::of_shard(0, load);
        shard.allowed = allowed.map(NodeId).to_vec();
    }
    input.nodes[0].capacity = room(Resource::COUNT, 7);
    input.nodes[1].capacity = room(Resource::LOAD, 234);
    let plan = checked(&input, &policy(Resource::LOAD, 150_000, 100_000));
    let makes_room = |step: &&Move| matches!(step.reason, MoveReason::Room(_));
    assert_eq!(plan.moves.iter().filter(makes_room).count(), 1, "{plan:#?}");
}
