use super::*;

fn bytes(trigger_ppm: u64, target_ppm: u64) -> Policy {
    policy(Resource::BYTES, trigger_ppm, target_ppm)
}

#[test]
fn one_shard_that_covers_the_excess_is_enough() {
    let plan = checked(
        &cluster(&[&[10, 20, 30, 1, 1, 1], &[3]]),
        &bytes(100_000, 50_000),
    );
    assert_eq!(plan.total_moves(), 1);
    assert_eq!(after(&plan, Resource::BYTES), [33, 33]);
    assert_eq!(plan.gap_moves(), Some(0));
}

#[test]
fn an_empty_node_receives_even_when_the_shards_are_too_coarse() {
    let plan = checked(
        &cluster(&[&[100, 100], &[100, 100], &[]]),
        &bytes(100_000, 50_000),
    );
    assert_eq!(plan.total_moves(), 1);
    assert_eq!(plan.moves[0].to, NodeId(3));
    assert!(!plan.left.is_empty());
}

#[test]
fn one_oversized_shard_stays_and_the_rest_leaves() {
    let plan = checked(&cluster(&[&[100, 5, 5], &[5], &[5]]), &bytes(0, 0));
    assert_eq!(after(&plan, Resource::BYTES), [100, 10, 10]);
    // The shard is as heavy as the band of its node, and the others share the rest.
    assert!(plan.left.is_empty(), "{:?}", plan.left);
}

#[test]
fn a_node_gets_no_more_than_its_capacity() {
    let mut input = cluster(&[&[10; 12], &[], &[]]);
    input.nodes[1].capacity = room(Resource::BYTES, 25);
    let plan = checked(&input, &bytes(0, 0));
    assert_eq!(after(&plan, Resource::BYTES), [50, 20, 50]);
}

#[test]
fn the_greatest_weights_do_not_overflow() {
    let plan = checked(&cluster(&[&[u64::MAX; 6], &[u64::MAX; 2]]), &bytes(0, 0));
    assert_eq!(plan.total_moves(), 2);
    assert_eq!(plan.total_bytes, 2 * u128::from(u64::MAX));
}

#[test]
fn many_sizes_end_inside_the_band() {
    // A fixed pseudo-random sequence: 2,000 shards of skewed sizes on 20 nodes, 4 of them empty.
    let mut state = 88_172_645_463_325_252_u64;
    let mut random = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    let mut input = counts(&[0; 20]);
    for id in 1..=2000 {
        let size = 1 + (1 << (random() % 11)) + random() % 50;
        let owner = NodeId(1 + (random() % 16).min(random() % 16));
        let weights = PerResource::of_shard(size, 0);
        input
            .shards
            .push(ShardInput::new(ShardId(id), owner, weights));
    }
    let plan = checked(&input, &bytes(100_000, 50_000));
    assert!(plan.left.is_empty(), "{:?}", plan.left);
    let (moves, bound) = (plan.total_moves(), plan.lower_bound_moves);
    assert!(
        moves * 100 <= bound * 115,
        "{moves} moves, at least {bound} are needed"
    );
    assert!(checked(&applied(&input, &plan), &bytes(100_000, 50_000)).is_empty());
}
