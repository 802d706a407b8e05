//! The checker must see what is wrong, or it proves nothing: good plans, altered.

use super::*;

type V = PlanViolation;

/// Alters the good plan of `input`, and looks for what the checker finds then.
fn sees(
    input: &Input,
    policy: &Policy,
    change: impl FnOnce(&mut Plan),
    of: fn(&PlanViolation) -> bool,
) {
    let mut plan = checked(input, policy);
    change(&mut plan);
    let found = check(input, policy, &plan);
    assert!(found.iter().any(of), "{found:#?}\n{plan:#?}");
}

/// A move like the first of the plan, but of this shard and between these nodes.
fn like_first(plan: &Plan, shard: u64, from: u64, to: u64) -> Move {
    Move {
        shard: ShardId(shard),
        from: NodeId(from),
        to: NodeId(to),
        ..plan.moves[0].clone()
    }
}

#[test]
fn moves_of_what_is_not_there() {
    let input = counts(&[6, 2, 0]);
    let sees = |change: fn(&mut Plan), of| sees(&input, &exact(), change, of);
    sees(
        |p| p.moves[0].shard = ShardId(99),
        |v| matches!(v, V::UnknownShard { .. }),
    );
    sees(
        |p| p.moves[0].to = NodeId(99),
        |v| matches!(v, V::UnknownNode { .. }),
    );
    sees(
        |p| p.moves[0].from = NodeId(2),
        |v| matches!(v, V::NotAtSource { .. }),
    );
    sees(
        |p| p.moves[1] = p.moves[0].clone(),
        |v| matches!(v, V::MovedTwice { .. }),
    );
}

#[test]
fn moves_of_what_must_stay() {
    let mut input = counts(&[6, 2, 0]);
    input.shards[0].pinned = true;
    input.quarantined = vec![ShardId(2)];
    let (shard, from, to) = (ShardId(3), NodeId(1), NodeId(2));
    input.in_flight = vec![InFlightMove { shard, from, to }];
    for shard in 1..=3 {
        let change = |p: &mut Plan| p.moves[0].shard = ShardId(shard);
        sees(&input, &exact(), change, |v| {
            matches!(v, V::Immovable { .. })
        });
    }
}

#[test]
fn moves_from_and_to_nodes_that_take_no_part() {
    for (state, at) in [
        (Availability::Down, 1),
        (Availability::NoAccept, 1),
        (Availability::NoAccept, 4),
        (Availability::Draining, 4),
    ] {
        let mut input = counts(&[4, 9, 0, 0]);
        input.nodes[at - 1].state = state;
        let change = |p: &mut Plan| {
            if at == 1 {
                let step = like_first(p, 1, 1, 3);
                p.moves.push(step);
            } else {
                p.moves[0].to = NodeId(4);
            }
        };
        sees(&input, &exact(), change, |v| {
            matches!(v, V::WrongState { .. })
        });
    }
}

#[test]
fn moves_that_the_receiver_refuses() {
    let cooling = CoolingShard {
        shard: ShardId(1),
        from: NodeId(3),
    };
    type Refuse = Box<dyn Fn(&mut Input)>;
    let refused: [(Refusal, Refuse); 7] = [
        (
            Refusal::NotAllowed,
            Box::new(|i| i.shards[0].allowed = vec![NodeId(1), NodeId(2)]),
        ),
        (
            Refusal::Disallowed,
            Box::new(|i| i.shards[0].disallowed = vec![NodeId(3)]),
        ),
        (
            Refusal::Replica,
            Box::new(|i| i.shards[0].replicas = vec![NodeId(3)]),
        ),
        (
            Refusal::Cleanup,
            Box::new(|i| i.cleanups.push((NodeId(3), ShardId(1)))),
        ),
        (Refusal::Cooling, Box::new(move |i| i.cooling.push(cooling))),
        (
            Refusal::Group,
            Box::new(|i| {
                for at in [0, 8] {
                    i.shards[at].group = Some(GroupId(1));
                }
            }),
        ),
        (
            Refusal::Full(Resource::BYTES),
            Box::new(|i| {
                i.shards[0].weights = PerResource::of_shard(50, 0);
                i.nodes[2].capacity = room(Resource::BYTES, 40);
            }),
        ),
    ];
    for (refusal, refuse) in refused {
        let mut input = counts(&[6, 2, 1]);
        refuse(&mut input);
        let mut plan = checked(&input, &exact());
        let step = like_first(&plan, 1, 1, 3);
        plan.moves.retain(|one| one.shard != step.shard);
        plan.moves.push(step);
        let found = check(&input, &exact(), &plan);
        let is = |v: &V| matches!(v, V::Refused { refusal: is, .. } if *is == refusal);
        assert!(found.iter().any(is), "{refusal}: {found:#?}");
    }
}

/// A shard that left in this wave still takes up room, and so does its place in a group.
#[test]
fn moves_onto_what_has_not_left_yet() {
    let mut input = counts(&[6, 2, 0]);
    input.nodes[0].capacity = room(Resource::COUNT, 6);
    let policy = exact();
    let change = |p: &mut Plan| {
        let step = like_first(p, 7, 2, 1);
        p.moves.push(step);
    };
    sees(
        &input,
        &policy,
        change,
        |v| matches!(v, V::Refused { refusal, .. } if *refusal == Refusal::Full(Resource::COUNT)),
    );
}

#[test]
fn moves_that_bring_a_group_into_fewer_zones() {
    let mut input = counts(&[5, 2, 0]);
    for (node, zone) in input.nodes.iter_mut().zip(["a", "b", "b"]) {
        node.zone = Some(zone.to_owned());
    }
    for at in [0, 5] {
        input.shards[at].group = Some(GroupId(1));
    }
    let policy = exact().with_min_zones_per_group(2);
    let change = |p: &mut Plan| {
        let step = like_first(p, 1, 1, 3);
        p.moves.insert(0, step);
    };
    sees(
        &input,
        &policy,
        change,
        |v| matches!(v, V::Refused { refusal, .. } if *refusal == Refusal::Zone),
    );
}

#[test]
fn waves_out_of_order_or_too_large() {
    let input = counts(&[12, 0, 0]);
    let is_limit: fn(&V) -> bool = |v| matches!(v, V::WaveLimit { .. });
    let all_at_once = |p: &mut Plan| p.moves.iter_mut().for_each(|step| step.wave = 0);
    let limits = [
        exact().with_limits(Some(2), None).unwrap(),
        exact().with_limits(None, Some(3)).unwrap(),
        exact().with_max_in_flight(Some(3)).unwrap(),
    ];
    for policy in limits {
        sees(&input, &policy, all_at_once, is_limit);
    }
    sees(
        &input,
        &exact(),
        |p| p.moves[0].wave = 7,
        |v| matches!(v, V::WaveOrder { .. }),
    );
}

#[test]
fn moves_that_do_not_help() {
    let input = counts(&[6, 2, 0]);
    let back = |p: &mut Plan| {
        let step = like_first(p, 7, 2, 1);
        p.moves.insert(0, step);
    };
    sees(&input, &exact(), back, |v| {
        matches!(v, V::AboveDonor { .. })
    });
    sees(&input, &exact(), back, |v| matches!(v, V::NoGain { .. }));

    let policy = policy(Resource::BYTES, 0, 0);
    let gain = policy.clone().with_min_gain_per_mib(3 << 20);
    // A shard of 4 goes: a gain of 4 for each of its nodes, 2 for each byte.
    let input = cluster(&[&[9, 4], &[]]);
    let good = checked(&input, &policy);
    assert!(!good.is_empty());
    let found = check(&input, &gain, &good);
    let little = |v: &V| matches!(v, V::LittleGain { .. });
    assert!(found.iter().any(little), "{found:#?}");
}

#[test]
fn moves_that_harm_what_comes_first_or_are_not_asked_for() {
    // Node 1 has more bytes than node 2, and as many shards.
    let input = cluster(&[&[30, 30, 1, 1], &[1, 1, 1, 1]]);
    let bytes = policy(Resource::BYTES, 0, 0);
    let good = checked(&input, &bytes);
    assert!(!good.is_empty());
    let both = exact().then(Resource::BYTES).unwrap();
    let is_bands = |v: &V| matches!(v, V::Misstated { .. });
    let mut plan = good.clone();
    for load in &mut plan.loads {
        load.bands.insert(0, Band { least: 4, most: 4 });
    }
    let found = check(&input, &both, &plan);
    assert!(
        found.iter().any(|v| matches!(v, V::Worsens { .. })),
        "{found:#?}"
    );
    let found = check(&input, &exact(), &good);
    assert!(
        found.iter().any(|v| matches!(v, V::NotBalanced { .. })),
        "{found:#?}"
    );
    assert!(found.iter().any(is_bands), "{found:#?}");
    let wide = policy(Resource::BYTES, 1_000_000, 0);
    let found = check(&input, &wide, &good);
    assert!(
        found.iter().any(|v| matches!(v, V::NotTriggered { .. })),
        "{found:#?}"
    );
}

#[test]
fn balancing_before_what_drains() {
    let mut input = counts(&[2, 9, 1]);
    input.nodes[0].state = Availability::Draining;
    sees(
        &input,
        &exact(),
        |p| p.moves.reverse(),
        |v| matches!(v, V::Late { .. }),
    );
}

#[test]
fn reasons_sizes_totals_bands_and_warnings_that_are_not_so() {
    let mut input = counts(&[6, 2, 0]);
    let (shard, from, to) = (ShardId(77), NodeId(1), NodeId(2));
    input.in_flight = vec![InFlightMove { shard, from, to }];
    let changes: [fn(&mut Plan); 14] = [
        |p| p.moves[0].reason = MoveReason::Drain,
        |p| p.moves[0].reason = MoveReason::Misplaced(Refusal::Group),
        |p| p.moves[0].reason = MoveReason::Misplaced(Refusal::Replica),
        |p| p.moves[0].reason = MoveReason::Overfull(Resource::COUNT),
        |p| p.moves[0].reason = MoveReason::Spread,
        |p| {
            if let MoveReason::Above { load, .. } = &mut p.moves[0].reason {
                *load += 1;
            }
        },
        |p| {
            if let MoveReason::Above { band, .. } = &mut p.moves[0].reason {
                band.most += 1;
            }
        },
        |p| p.moves[0].bytes = 7,
        |p| p.total_bytes += 1,
        |p| p.loads[0].before = PerResource::default(),
        |p| p.loads[2].after = PerResource::default(),
        |p| p.loads[1].bands[0].most += 1,
        |p| p.loads[1].bands.clear(),
        |p| p.warnings.clear(),
    ];
    for change in changes {
        sees(&input, &exact(), change, |v| {
            matches!(v, V::Misstated { .. })
        });
    }
}

#[test]
fn more_than_the_limits_of_the_plan() {
    let input = counts(&[6, 2, 0]);
    let good = checked(&input, &exact());
    let found = check(&input, &exact().with_max_moves(Some(2)), &good);
    assert!(
        found.iter().any(|v| matches!(v, V::TooManyMoves { .. })),
        "{found:#?}"
    );
    let found = check(&input, &exact().with_max_bytes(Some(2)), &good);
    assert!(
        found.iter().any(|v| matches!(v, V::TooManyBytes { .. })),
        "{found:#?}"
    );
}

#[test]
fn bounds_that_are_too_high() {
    let input = counts(&[6, 2, 0]);
    let is: fn(&V) -> bool = |v| matches!(v, V::BoundTooHigh { .. });
    sees(&input, &exact(), |p| p.lower_bound_moves = 99, is);
    sees(&input, &exact(), |p| p.lower_bound_bytes = 99, is);
}

#[test]
fn what_is_left_and_not_said() {
    let is: fn(&V) -> bool = |v| matches!(v, V::Unexplained { .. });
    sees(&counts(&[6, 2, 0]), &exact(), |p| p.moves.clear(), is);
    // Shards that stay: on a draining node, where they may not be, beside their group, in one zone,
    // and where there is no room.
    type Wrong = fn(&mut Input);
    let wrongs: [Wrong; 5] = [
        |i| i.nodes[0].state = Availability::Draining,
        |i| i.shards[0].disallowed = vec![NodeId(1), NodeId(2)],
        |i| {
            i.shards[0].group = Some(GroupId(1));
            i.shards[1].group = Some(GroupId(1));
            i.shards[2].group = Some(GroupId(1));
        },
        |i| {
            i.nodes[1].zone = Some("b".to_owned());
            i.nodes[1].state = Availability::Down;
            i.shards[0].group = Some(GroupId(1));
            i.shards[1].group = Some(GroupId(1));
        },
        |i| i.nodes[0].capacity = room(Resource::BYTES, 1),
    ];
    for wrong in wrongs {
        let mut input = counts(&[2, 1]);
        input.nodes[1].capacity = room(Resource::COUNT, 1);
        wrong(&mut input);
        let policy = policy(Resource::COUNT, 1_000_000, 1_000_000).with_min_zones_per_group(2);
        sees(
            &input,
            &policy,
            |p| {
                assert!(!p.left.is_empty(), "{p:#?}");
                p.left.clear();
            },
            is,
        );
    }
}

#[test]
fn what_is_said_to_be_left_and_is_not_so() {
    let mut input = counts(&[3, 1]);
    input.nodes[0].state = Availability::Draining;
    let policy = exact();
    let left = |why| Left::Shard {
        shard: ShardId(1),
        node: NodeId(1),
        wrong: Wrong::Draining,
        why,
    };
    let is: fn(&V) -> bool = |v| matches!(v, V::NotSo { .. });
    for why in [
        WhyShard::Pinned,
        WhyShard::Quarantined,
        WhyShard::Arriving,
        WhyShard::NoActiveNode,
        WhyShard::MoveLimit,
        WhyShard::Refused(Refusals::default()),
    ] {
        sees(
            &input,
            &policy,
            |p| {
                p.moves.retain(|step| step.shard != ShardId(1));
                p.left.push(left(why));
            },
            |v| matches!(v, V::NotSo { .. } | V::CouldLeave { .. }),
        );
    }
    sees(&input, &policy, |p| p.left.push(left(WhyShard::Pinned)), is);
    for why in [
        WhyNode::MoveLimit,
        WhyNode::Immovable { load: 3 },
        WhyNode::NoMoveHelps,
        WhyNode::Impossible,
    ] {
        let node = Left::Node {
            node: NodeId(2),
            resource: Resource::COUNT,
            load: 4,
            band: Band { least: 4, most: 4 },
            why,
        };
        sees(&input, &policy, |p| p.left.push(node), is);
    }
}

#[test]
fn a_shard_that_could_leave() {
    let mut input = counts(&[3, 1]);
    input.nodes[0].state = Availability::Draining;
    let stays = |p: &mut Plan| {
        let step = p.moves.remove(0);
        p.left.push(Left::Shard {
            shard: step.shard,
            node: step.from,
            wrong: Wrong::Draining,
            why: WhyShard::Refused(Refusals::default()),
        });
    };
    sees(&input, &exact(), stays, |v| {
        matches!(v, V::CouldLeave { .. })
    });
}

/// What the invariant finds with an altered plan, or with the plan of a narrower policy.
#[test]
fn plans_that_are_not_what_planning_gives() {
    let input = counts(&[6, 2, 0]);
    let sees = |policy: &Policy, made: &Plan, of: fn(&V) -> bool| {
        let found = invariant_i13_plan_is_safe(&input, policy, made).unwrap_err();
        assert!(found.iter().any(of), "{found:#?}");
    };
    let good = checked(&input, &exact());
    let mut short = good.clone();
    short.moves.pop();
    sees(&exact(), &short, |v| matches!(v, V::NotRepeatable));
    for when in ["in flight", "done"] {
        let found = invariant_i13_plan_is_safe(&input, &exact(), &short).unwrap_err();
        let is = |v: &V| matches!(v, V::NotFinished { when: is, .. } if *is == when);
        assert!(found.iter().any(is), "{found:#?}");
    }
    let limited = exact().with_max_moves(Some(3));
    let mut other = checked(&input, &limited);
    other.moves.swap(0, 1);
    sees(&limited, &other, |v| matches!(v, V::NoBeginning { .. }));
    let mut other = checked(&input, &limited);
    other.loads[0].bands[0].most += 1;
    sees(&limited, &other, |v| matches!(v, V::OtherAim));
    let mut other = good;
    other.moves.push(Move {
        shard: other.moves[0].shard,
        ..like_first(&other, 1, 1, 2)
    });
    sees(&exact(), &other, |v| matches!(v, V::NoPlan { .. }));
}
