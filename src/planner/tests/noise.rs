//! Loads that waver move nothing to and fro.

use super::*;

/// A hundred rounds of 3 % noise in the loads: what moved stays where it went.
#[test]
fn noise_moves_no_shard_twice() {
    for seed in 0..cases(3, 60) {
        let random = &mut Random::new(seed);
        let nodes = 4 + random.below(8);
        let mut input = counts(&vec![0; nodes as usize]);
        for id in 1..=nodes * 30 {
            let owner = NodeId(1 + random.below(nodes).min(random.below(nodes)));
            let weights = PerResource::of_shard(100, 1_000 + random.below(9_000));
            input
                .shards
                .push(ShardInput::new(ShardId(id), owner, weights));
        }
        let loads: Vec<u64> = input
            .shards
            .iter()
            .map(|one| one.weights.get(Resource::LOAD))
            .collect();
        let policy = policy(Resource::LOAD, 100_000, 50_000);
        let mut moved = std::collections::BTreeMap::new();
        for round in 0..100 {
            for (shard, load) in input.shards.iter_mut().zip(&loads) {
                let noisy = load * (970 + random.below(61)) / 1_000;
                shard.weights = PerResource::of_shard(100, noisy);
            }
            let made = plan(&input, &policy).unwrap();
            for step in &made.moves {
                let first = moved.insert(step.shard, round);
                assert_eq!(first, None, "seed {seed}, round {round}: {step:?}");
            }
            input = applied(&input, &made);
        }
        assert!(!moved.is_empty(), "seed {seed}");
    }
}
