//! A process killed in the middle of its work, again and again: I12 on the real file.

use std::collections::BTreeMap;
use std::time::Duration;

use shardferry::store::Durability;
use shardferry::tracker::check::{Acknowledged, invariant_i12_acknowledged_survives};
use shardferry::{MigrationId, Status};

use crate::child::churn_and_kill;
use crate::support::{Place, cases, clean};

#[test]
fn what_was_acknowledged_survives_a_kill() {
    survives_kills(Durability::Standard);
}

#[test]
fn what_was_acknowledged_survives_a_kill_in_the_log() {
    survives_kills(Durability::WriteAhead);
}

fn survives_kills(durability: Durability) {
    let place = Place::new();
    drop(place.create());
    let mut last: BTreeMap<MigrationId, Status> = BTreeMap::new();
    let mut seed = 0;
    for round in 0..cases(12).min(300) {
        let wait = Duration::from_millis(1 + u64::from(round) * 37 % 90);
        let answers = churn_and_kill(&place.path(), durability, seed, wait, round % 3 != 0);
        seed += 1 + answers.len() as u64;
        last.extend(answers.iter().map(|answer| (answer.id, answer.status)));
        let acknowledged: Vec<_> = last
            .iter()
            .map(|(id, status)| Acknowledged {
                id: *id,
                status: *status,
            })
            .collect();
        let tracker = place.open();
        let image = clean(&tracker);
        let lost = invariant_i12_acknowledged_survives(&acknowledged, &image);
        assert_eq!(lost, [], "round {round}, killed after {wait:?}");
        assert_eq!(place.names(), ["shards.redb"]);
    }
    eprintln!("{} migrations were acknowledged and are there", last.len());
    assert!(last.len() >= 5, "only {} migrations", last.len());
}
