use proptest::prelude::*;

use super::count::minimum;
use super::*;

fn weight() -> impl Strategy<Value = u64> {
    prop_oneof![
        6 => 1..20_u64,
        3 => 20..1000_u64,
        1 => Just(0),
        1 => Just(u64::MAX),
    ]
}

fn state() -> impl Strategy<Value = Availability> {
    prop_oneof![
        6 => Just(Availability::Active),
        2 => Just(Availability::Draining),
        1 => Just(Availability::NoAccept),
        1 => Just(Availability::Down),
    ]
}

fn node() -> impl Strategy<Value = NodeInput> {
    let capacity = (
        proptest::option::weighted(0.2, 0..12_u64),
        proptest::option::weighted(0.3, 0..1500_u64),
    );
    let weight = prop_oneof![5 => Just(1_u64), 1 => 2..5_u64, 1 => Just(NodeInput::WEIGHT_MAX)];
    (state(), capacity, weight).prop_map(|(state, (count, bytes), weight)| NodeInput {
        state,
        weight,
        capacity: PerResource::default()
            .with(Resource::Count, count)
            .with(Resource::Bytes, bytes),
        ..NodeInput::new(NodeId(0))
    })
}

prop_compose! {
    fn shard(nodes: u64)(
        owner in 1..=nodes,
        bytes in weight(),
        load in weight(),
        group in proptest::option::weighted(0.3, 0..4_u64),
        pinned in proptest::bool::weighted(0.05),
        replica in proptest::option::weighted(0.2, 1..=nodes),
        disallowed in proptest::option::weighted(0.1, 1..=nodes),
        allowed in proptest::option::weighted(0.1, 1..=nodes),
    ) -> ShardInput {
        ShardInput {
            group: group.map(GroupId),
            pinned,
            replicas: replica.into_iter().filter(|r| *r != owner).map(NodeId).collect(),
            disallowed: disallowed.into_iter().map(NodeId).collect(),
            allowed: allowed.into_iter().map(NodeId).collect(),
            ..ShardInput::new(ShardId(0), NodeId(owner), PerResource::of_shard(bytes, load))
        }
    }
}

prop_compose! {
    fn input()(nodes in proptest::collection::vec(node(), 1..8))(
        shards in proptest::collection::vec(shard(nodes.len() as u64), 0..40),
        in_flight in proptest::collection::btree_map(1..50_u64, 1..=nodes.len() as u64, 0..4),
        others in proptest::collection::vec((1..=nodes.len() as u64, 1..40_u64, 0..3), 0..6),
        nodes in Just(nodes),
    ) -> Input {
        let mut input = Input { nodes, shards, ..Input::default() };
        for (id, node) in (1..).zip(&mut input.nodes) {
            node.id = NodeId(id);
        }
        for (id, shard) in (1..).zip(&mut input.shards) {
            shard.id = ShardId(id);
        }
        for (id, to) in in_flight {
            let shard = input.shards.iter().find(|shard| shard.id.0 == id);
            let from = shard.map_or(NodeId(1), |shard| shard.owner);
            input.in_flight.push(InFlightMove { shard: ShardId(id), from, to: NodeId(to) });
        }
        for (node, shard, kind) in others {
            let (from, shard) = (NodeId(node), ShardId(shard));
            match kind {
                0 => input.cleanups.push((from, shard)),
                1 => input.cooling.push(CoolingShard { shard, from }),
                _ => input.quarantined.push(shard),
            }
        }
        input
    }
}

prop_compose! {
    fn any_policy()(
        balance in proptest::sample::select(&Resource::ALL[..]),
        target in 0..100_000_u64,
        wider in 0..100_000_u64,
        max_moves in proptest::option::weighted(0.2, 0..10_usize),
        max_in in proptest::option::weighted(0.3, 1..4_usize),
        max_out in proptest::option::weighted(0.3, 1..4_usize),
        tight in any::<bool>(),
    ) -> Policy {
        let (trigger, target) = if tight { (0, 0) } else { (target + wider, target) };
        policy(balance, trigger, target)
            .with_max_moves(max_moves)
            .with_limits(max_in, max_out)
            .unwrap()
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(400) })]

    #[test]
    fn every_plan_is_safe(input in input(), policy in any_policy()) {
        checked(&input, &policy);
    }

    #[test]
    fn the_order_of_the_input_means_nothing(input in input(), policy in any_policy()) {
        let mut reversed = input.clone();
        reversed.nodes.reverse();
        reversed.shards.reverse();
        reversed.in_flight.reverse();
        prop_assert_eq!(plan(&input, &policy), plan(&reversed, &policy));
    }

    #[test]
    fn a_shorter_plan_is_the_beginning_of_the_longer(
        input in input(), policy in any_policy(), max in 0..12_usize,
    ) {
        let long = checked(&input, &policy.clone().with_max_moves(None));
        let short = checked(&input, &policy.with_max_moves(Some(max)));
        let expected = &long.moves[..max.min(long.moves.len())];
        prop_assert_eq!(&short.moves[..], expected);
    }

    #[test]
    fn the_minimum_is_met_for_equal_shards(
        of in proptest::collection::vec(0..60_usize, 1..12),
    ) {
        let input = counts(&of);
        let plan = checked(&input, &exact());
        prop_assert_eq!(plan.total_moves(), minimum(&of));
        prop_assert_eq!(plan.gap_moves(), Some(0));
        prop_assert!(checked(&applied(&input, &plan), &exact()).is_empty());
    }

    /// A shard moves once per plan. Now and then, with shards as heavy as whole bands, one that
    /// made room for another could then go on: only such second legs are left.
    #[test]
    fn only_second_legs_are_left_once_applied(input in input(), policy in any_policy()) {
        let policy = policy.with_max_moves(None);
        let plan = checked(&input, &policy);
        let again = checked(&applied(&input, &plan), &policy);
        if let Some(first) = again.moves.first() {
            let moved = plan.moves.iter().any(|step| step.shard == first.shard);
            prop_assert!(moved, "{:#?}\nthen {:#?}", plan.moves, again.moves);
        }
    }

    /// Without such shards and with room for all, nothing is left.
    #[test]
    fn nothing_is_left_to_do_once_applied(
        sizes in proptest::collection::vec(proptest::collection::vec(1..30_u64, 0..60), 2..8),
        draining in any::<bool>(),
    ) {
        prop_assume!(sizes.iter().flatten().count() >= 20 * sizes.len());
        let mut input = cluster(&sizes.iter().map(Vec::as_slice).collect::<Vec<_>>());
        if draining {
            input.nodes[0].state = Availability::Draining;
        }
        let policy = policy(Resource::Bytes, 150_000, 100_000);
        let plan = checked(&input, &policy);
        prop_assert!(plan.left.is_empty(), "{:?}", plan.left);
        prop_assert!(checked(&applied(&input, &plan), &policy).is_empty());
    }
}
