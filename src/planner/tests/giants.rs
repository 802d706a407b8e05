//! Shards that are far heavier than the others: where they go.

use super::*;

/// Twelve nodes: the sizes of the first and of the last, and twenty shards of 5 on each between.
fn between(first: &[u64], last: &[u64]) -> Input {
    let mut sizes: Vec<&[u64]> = vec![&[5; 20]; 12];
    (sizes[0], sizes[11]) = (first, last);
    cluster(&sizes)
}

fn bytes() -> Policy {
    policy(Resource::BYTES, 50_000, 50_000)
}

#[test]
fn a_giant_goes_to_where_it_makes_the_fewest_others_leave() {
    // At home it would make 10 leave: no node has room for it. On the last node it makes 5 leave.
    let mut first = [5; 21];
    first[0] = 60;
    let plan = checked(&between(&first, &[5; 14]), &bytes());
    assert_eq!((plan.total_moves(), plan.gap_moves()), (6, Some(0)));
    let giant = plan.moves.iter().find(|one| one.bytes == 60).unwrap();
    assert_eq!(giant.to, NodeId(12));
}

#[test]
fn a_giant_stays_where_no_move_of_it_would_gain() {
    // No node has so much less than the first has beside the giant.
    let mut first = [5; 21];
    first[0] = 60;
    let plan = checked(&between(&first, &[5; 19]), &bytes());
    assert!(plan.moves.iter().all(|one| one.bytes == 5));
    assert_eq!(plan.total_moves(), plan.lower_bound_moves);
}

#[test]
fn what_fits_into_no_band_may_leave_a_full_node() {
    // There it would make all others leave.
    let mut first = [5; 21];
    first[0] = 1000;
    let plan = checked(&between(&first, &[]), &bytes());
    assert_eq!(plan.total_moves(), 1);
    assert_eq!(plan.moves[0].bytes, 1000);
    assert_eq!(after(&plan, Resource::BYTES)[11], 1000);
    assert!(plan.left.is_empty(), "{:?}", plan.left);
}

#[test]
fn what_fits_into_no_band_stays_where_leaving_helps_little() {
    let plan = checked(&between(&[1000], &[]), &bytes());
    assert!(plan.moves.iter().all(|one| one.bytes == 5));
    assert!(plan.left.is_empty(), "{:?}", plan.left);
}
