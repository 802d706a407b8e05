use super::*;

/// The fewest moves to floor/ceil balance: what is above, the extra seats going to the fullest.
pub(super) fn minimum(counts: &[usize]) -> usize {
    let total: usize = counts.iter().sum();
    let (share, mut extra) = (total / counts.len(), total % counts.len());
    let mut fullest_first = counts.to_vec();
    fullest_first.sort_unstable_by(|a, b| b.cmp(a));
    let mut moves = 0;
    for count in fullest_first {
        let seat = usize::from(extra > 0);
        extra -= seat;
        moves += count.saturating_sub(share + seat);
    }
    moves
}

fn reaches_balance_in(of: &[usize], moves: usize) {
    let input = counts(of);
    let plan = checked(&input, &exact());
    assert_eq!(plan.total_moves(), moves, "{of:?}");
    assert_eq!(plan.lower_bound_moves, moves, "{of:?}");
    assert_eq!(plan.gap_moves(), Some(0), "{of:?}");
    let after = after(&plan, Resource::COUNT);
    let (least, most) = (after.iter().min().unwrap(), after.iter().max().unwrap());
    assert!(most - least <= 1, "{of:?} becomes {after:?}");
    assert!(checked(&applied(&input, &plan), &exact()).is_empty());
}

/// The predecessor sent everything to one receiver: 6 and 2 shards became 0 and 8.
#[test]
fn six_and_two_become_four_and_four() {
    let plan = checked(&counts(&[6, 2]), &exact());
    assert_eq!(plan.total_moves(), 2);
    assert_eq!(after(&plan, Resource::COUNT), [4, 4]);
}

#[test]
fn the_minimum_is_met_on_known_cases() {
    for (of, moves) in [
        (&[7][..], 0),
        (&[3, 3, 4], 0),
        (&[0, 0, 9], 6),
        (&[10, 1], 4),
        (&[5, 5, 0], 3),
        (&[1, 2, 3, 4, 5], 3),
        (&[4, 4, 4, 8], 3),
        (&[9, 0, 0, 0, 0, 0], 7),
        (&[40, 7, 7, 7, 6, 7], 27),
        (&[100, 3, 50, 0, 0, 49, 12], 106),
    ] {
        assert_eq!(minimum(of), moves, "{of:?}");
        reaches_balance_in(of, moves);
    }
}

fn number(value: &serde_json::Value) -> usize {
    usize::try_from(value.as_u64().unwrap()).unwrap()
}

/// Vectors from elsewhere, when the environment says where they are.
#[test]
fn the_minimum_is_met_on_the_vectors_of_others() {
    let Some(folder) = std::env::var_os("SHARDFERRY_DATA") else {
        return;
    };
    let file = std::path::Path::new(&folder).join("count_vectors.json");
    let text = std::fs::read_to_string(file).unwrap();
    let vectors: Vec<serde_json::Value> = serde_json::from_str(&text).unwrap();
    assert!(!vectors.is_empty());
    for vector in vectors {
        let of = vector["counts"].as_array().unwrap().iter();
        let of: Vec<usize> = of.map(number).collect();
        reaches_balance_in(&of, number(&vector["min_moves"]));
    }
}

#[test]
fn an_empty_new_node_receives_its_share() {
    let plan = checked(
        &counts(&[5, 5, 5, 0]),
        &policy(Resource::COUNT, 100_000, 50_000),
    );
    assert_eq!(plan.total_moves(), 3);
    assert!(plan.moves.iter().all(|step| step.to == NodeId(4)));
}

#[test]
fn nothing_happens_inside_the_trigger_band() {
    assert!(checked(&counts(&[11, 9]), &policy(Resource::COUNT, 100_000, 0)).is_empty());
    let plan = checked(&counts(&[12, 8]), &policy(Resource::COUNT, 100_000, 0));
    assert_eq!(after(&plan, Resource::COUNT), [10, 10]);
}

#[test]
fn shares_follow_the_weights_of_the_nodes() {
    let mut input = counts(&[9, 0]);
    input.nodes[1].weight = 2;
    let plan = checked(&input, &exact());
    assert_eq!(after(&plan, Resource::COUNT), [3, 6]);
}

#[test]
fn the_minimum_is_met_on_random_vectors() {
    for seed in 0..cases(150, 10_000) {
        let random = &mut Random::new(seed);
        let nodes = 1 + random.below(12);
        let most = 1 + random.below(60);
        let of: Vec<usize> = (0..nodes).map(|_| random.below(most) as usize).collect();
        reaches_balance_in(&of, minimum(&of));
    }
}

/// Nodes with room for 1, 2 and 4 parts, a third more than there is to hold.
fn with_room(seed: u64) -> Input {
    const ROOM: [usize; 3] = [6, 12, 24];
    let random = &mut Random::new(seed);
    let room_of = |node: usize| ROOM[node % ROOM.len()];
    let mut held = vec![0; 10];
    for _ in 0..100 {
        let takes = |node: usize| held[node] < room_of(node);
        let nodes: Vec<usize> = (0..held.len()).filter(|node| takes(*node)).collect();
        held[nodes[random.below(nodes.len() as u64) as usize]] += 1;
    }
    let mut input = counts(&held);
    for (at, node) in input.nodes.iter_mut().enumerate() {
        node.capacity = room(Resource::COUNT, room_of(at) as u64);
    }
    input
}

#[test]
fn nobody_stays_outside_where_small_nodes_have_room_for_less_than_their_share() {
    for seed in 0..cases(100, 1_000) {
        let input = with_room(seed);
        let plan = checked(&input, &exact());
        assert_eq!(plan.left, [], "{seed}");
        assert_eq!(plan.gap_moves(), Some(0), "{seed}");
    }
}
