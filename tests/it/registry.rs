//! Nodes and shards: what is registered, what is refused, and what a cutover changes.

use proptest::prelude::*;
use shardferry::schema::text::{NodeName, ShardName};
use shardferry::tracker::{BeginError, RegistryChange, RegistryError, TransitionError};
use shardferry::{KeyRange, MigrationTracker, Node, NodeId, NodeState, Shard, ShardId};

use crate::support::{
    A, B, C, Place, S, cases, clean, cluster, node, node_in, range, shard, worker,
};

/// Refused, and not a row changed.
fn refused(tracker: &MigrationTracker, change: RegistryChange) -> RegistryError {
    let before = clean(tracker);
    let error = tracker.change_registry(&[change]).unwrap_err();
    assert_eq!(before, clean(tracker), "{error}");
    error
}

#[test]
fn nodes_are_registered_updated_and_removed() {
    let place = Place::new();
    let tracker = place.create();
    tracker.register_node(node(1)).unwrap();
    tracker.register_node(node(2)).unwrap();
    let renamed = Node {
        name: NodeName::new("disk-b").unwrap(),
        state: NodeState::Draining,
        capacity_bytes: Some(5),
        ..node(2)
    };
    tracker.update_node(renamed.clone()).unwrap();
    assert_eq!(tracker.node(B).unwrap(), Some(renamed.clone()));
    let named = |name| tracker.node_by_name(&NodeName::new(name).unwrap()).unwrap();
    assert_eq!(named("disk-b"), Some(renamed.clone()));
    assert_eq!(named("node-2"), None);
    let events = clean(&tracker).events.len();
    tracker.update_node(renamed).unwrap();
    assert_eq!(clean(&tracker).events.len(), events, "nothing changed");
    tracker.remove_node(B).unwrap();
    assert_eq!(tracker.node(B).unwrap(), None);
    assert_eq!(named("disk-b"), None);
    clean(&tracker);
}

#[test]
fn every_refusal_about_nodes() {
    let place = Place::new();
    let tracker = cluster(&place, 3, 1);
    use RegistryChange::{RegisterNode, RemoveNode, UpdateNode};
    assert!(matches!(
        refused(&tracker, RegisterNode(node(1))),
        RegistryError::NodeExists { node: A, .. }
    ));
    let named_as_2 = Node {
        name: node(2).name,
        ..node(9)
    };
    assert!(matches!(
        refused(&tracker, RegisterNode(named_as_2)),
        RegistryError::NodeNameTaken {
            node: NodeId(9),
            other: B,
            ..
        }
    ));
    let renamed = Node {
        name: node(2).name,
        ..node(3)
    };
    assert!(matches!(
        refused(&tracker, UpdateNode(renamed)),
        RegistryError::NodeNameTaken {
            node: C,
            other: B,
            ..
        }
    ));
    for change in [UpdateNode(node(9)), RemoveNode(NodeId(9))] {
        assert!(matches!(
            refused(&tracker, change),
            RegistryError::UnknownNode { node: NodeId(9) }
        ));
    }
    assert!(matches!(
        refused(&tracker, RemoveNode(A)),
        RegistryError::NodeHasShards {
            node: A,
            shard: ShardId(1)
        }
    ));
    let weightless = Node {
        weight: 0,
        ..node(3)
    };
    assert!(matches!(
        refused(&tracker, UpdateNode(weightless)),
        RegistryError::Store(_)
    ));

    // What a migration relies on stays.
    let id = tracker.begin_migration(ShardId(1), A, B).unwrap();
    let moved = Node {
        name: NodeName::new("else").unwrap(),
        ..node(2)
    };
    for change in [UpdateNode(moved), RemoveNode(B)] {
        assert!(matches!(
            refused(&tracker, change),
            RegistryError::NodeInMigration { node: B, migration, .. } if migration == id
        ));
    }
    tracker
        .update_node(node_in(2, NodeState::Draining))
        .unwrap();
    tracker.update_node(node(2)).unwrap();

    // A node with a copy that has to go stays until it is gone.
    tracker.start_migration(id).unwrap();
    tracker.complete_migration(id).unwrap();
    assert!(matches!(
        refused(&tracker, RemoveNode(A)),
        RegistryError::NodeInCleanup {
            node: A,
            shard: ShardId(1),
            migration,
            ..
        } if migration == id
    ));
    tracker.settle_cleanup(A, ShardId(1)).unwrap();
    tracker.remove_node(A).unwrap();
    clean(&tracker);
}

#[test]
fn every_refusal_about_shards() {
    let place = Place::new();
    let tracker = cluster(&place, 3, 2);
    use RegistryChange::{RegisterShard, RemoveShard, UpdateShard};
    assert!(matches!(
        refused(&tracker, RegisterShard(shard(1, A))),
        RegistryError::ShardExists {
            shard: ShardId(1),
            ..
        }
    ));
    let named_as_2 = Shard {
        name: shard(2, A).name,
        ..shard(9, A)
    };
    assert!(matches!(
        refused(&tracker, RegisterShard(named_as_2.clone())),
        RegistryError::ShardNameTaken {
            shard: ShardId(9),
            other: ShardId(2),
            ..
        }
    ));
    let renamed = Shard {
        id: ShardId(1),
        ..named_as_2
    };
    assert!(matches!(
        refused(&tracker, UpdateShard(renamed)),
        RegistryError::ShardNameTaken {
            shard: ShardId(1),
            other: ShardId(2),
            ..
        }
    ));
    for change in [UpdateShard(shard(9, A)), RemoveShard(ShardId(9))] {
        assert!(matches!(
            refused(&tracker, change),
            RegistryError::UnknownShard { shard: ShardId(9) }
        ));
    }
    let nowhere = shard(9, NodeId(99));
    let half_nowhere = Shard {
        replicas: vec![NodeId(99)],
        ..shard(9, A)
    };
    for change in [RegisterShard(nowhere), RegisterShard(half_nowhere)] {
        assert!(matches!(
            refused(&tracker, change),
            RegistryError::UnknownNode { node: NodeId(99) }
        ));
    }
    assert!(matches!(
        refused(&tracker, UpdateShard(shard(1, B))),
        RegistryError::OwnerFixed {
            shard: ShardId(1),
            owner: A,
            given: B
        }
    ));
    let empty = Shard {
        range: Some(range("m", Some("m"))),
        ..shard(1, A)
    };
    assert!(matches!(
        refused(&tracker, UpdateShard(empty)),
        RegistryError::Store(_)
    ));

    let id = tracker.begin_migration(ShardId(1), A, B).unwrap();
    let renamed = Shard {
        name: ShardName::new("x").unwrap(),
        ..shard(1, A)
    };
    let ranged = Shard {
        range: Some(range("a", None)),
        ..shard(1, A)
    };
    let copied = Shard {
        replicas: vec![B],
        ..shard(1, A)
    };
    let changes = [renamed, ranged, copied].map(UpdateShard);
    for change in changes.into_iter().chain([RemoveShard(ShardId(1))]) {
        assert!(matches!(
            refused(&tracker, change),
            RegistryError::ShardInMigration { shard: ShardId(1), migration, .. } if migration == id
        ));
    }
    // Sizes are welcome at any time.
    let grown = Shard {
        bytes: 5,
        ..shard(1, A)
    };
    tracker.update_shard(grown).unwrap();
    // A shard that is moved for a caller who keeps the map cannot be registered meanwhile.
    let other = tracker.begin_migration(ShardId(50), A, B).unwrap();
    assert!(matches!(
        refused(&tracker, RegisterShard(shard(50, A))),
        RegistryError::ShardInMigration { migration, .. } if migration == other
    ));
    tracker.start_migration(other).unwrap();
    tracker.fail_migration(other, "broken").unwrap();
    assert!(matches!(
        refused(&tracker, RegisterShard(shard(50, B))),
        RegistryError::CleanupOpen {
            node: B,
            shard: ShardId(50)
        }
    ));
    tracker.register_shard(shard(50, A)).unwrap();
    let copied = Shard {
        replicas: vec![B],
        ..shard(50, A)
    };
    assert!(matches!(
        refused(&tracker, UpdateShard(copied)),
        RegistryError::CleanupOpen {
            node: B,
            shard: ShardId(50)
        }
    ));
}

#[test]
fn overlapping_ranges_are_refused_and_both_named() {
    let place = Place::new();
    let tracker = cluster(&place, 1, 0);
    let with = |id, range| Shard {
        range: Some(range),
        ..shard(id, A)
    };
    tracker
        .register_shard(with(1, range("d", Some("h"))))
        .unwrap();
    tracker.register_shard(with(2, range("m", None))).unwrap();
    let overlapping = [
        range("", None),
        range("", Some("e")),
        range("d", Some("e")),
        range("e", Some("f")),
        range("g", Some("j")),
        range("g", Some("z")),
        range("d", Some("h")),
        range("k", Some("n")),
        range("z", None),
    ];
    for overlapping in overlapping {
        let error = refused(
            &tracker,
            RegistryChange::RegisterShard(with(3, overlapping.clone())),
        );
        let text = error.to_string();
        let RegistryError::RangesOverlap {
            shard,
            range,
            other,
            other_range,
        } = error
        else {
            panic!("{text}");
        };
        assert_eq!((shard, range), (ShardId(3), overlapping.clone()));
        assert!(other_range.overlaps(&overlapping), "{text}");
        assert!(text.contains(&overlapping.to_string()), "{text}");
        assert!(text.contains(&other_range.to_string()), "{text}");
        assert!(text.contains(&format!("shard {other}")), "{text}");
    }
    tracker
        .register_shard(with(3, range("h", Some("m"))))
        .unwrap();
    tracker
        .register_shard(with(4, range("", Some("d"))))
        .unwrap();
    let find = |key: &str| {
        let found = tracker.find_shard_for_key(key.as_bytes()).unwrap();
        found.map(|shard| shard.id.0)
    };
    assert_eq!(find(""), Some(4));
    assert_eq!(find("czz"), Some(4));
    assert_eq!(find("d"), Some(1));
    assert_eq!(find("h"), Some(3));
    assert_eq!(find("zzz"), Some(2));
    // A range that is moved out of the way leaves no row behind.
    tracker
        .update_shard(with(1, range("e", Some("f"))))
        .unwrap();
    assert_eq!(find("d"), None);
    tracker.remove_shard(ShardId(3)).unwrap();
    assert_eq!(find("k"), None);
    assert_eq!(find(&"z".repeat(5000)), Some(2));
    clean(&tracker);
}

#[test]
fn a_batch_is_registered_whole_or_not_at_all() {
    let place = Place::new();
    let tracker = place.create();
    use RegistryChange::{RegisterNode, RegisterShard};
    let mut batch = vec![RegisterNode(node(1)), RegisterNode(node(2))];
    batch.extend((1..=200).map(|id| RegisterShard(shard(id, A))));
    let before = clean(&tracker);
    let mut broken = batch.clone();
    broken.push(RegisterShard(shard(200, A)));
    let error = tracker.change_registry(&broken).unwrap_err();
    assert!(matches!(error, RegistryError::ShardExists { .. }));
    assert_eq!(before, clean(&tracker));
    tracker.change_registry(&batch).unwrap();
    assert_eq!(clean(&tracker).shards.len(), 200);
}

#[test]
fn a_registered_shard_moves_by_its_rules() {
    let place = Place::new();
    let tracker = cluster(&place, 3, 0);
    tracker
        .register_node(node_in(4, NodeState::Draining))
        .unwrap();
    tracker.register_node(node_in(5, NodeState::Down)).unwrap();
    tracker
        .register_node(node_in(6, NodeState::NoAccept))
        .unwrap();
    tracker
        .register_shard(Shard {
            replicas: vec![C],
            ..shard(7, A)
        })
        .unwrap();
    tracker.register_shard(shard(8, NodeId(4))).unwrap();
    tracker.register_shard(shard(9, NodeId(5))).unwrap();
    tracker
        .register_shard(Shard {
            pinned: true,
            ..shard(10, A)
        })
        .unwrap();
    tracker
        .register_shard(Shard {
            allowed: vec![A, C],
            ..shard(11, A)
        })
        .unwrap();
    tracker
        .register_shard(Shard {
            disallowed: vec![B],
            ..shard(12, A)
        })
        .unwrap();
    let before = clean(&tracker);
    let begin = |shard, from, to| {
        let (from, to) = (NodeId(from), NodeId(to));
        tracker.begin_migration(ShardId(shard), from, to)
    };
    assert!(matches!(
        begin(7, 2, 1),
        Err(BeginError::NotOwner {
            owner: A,
            from: B,
            ..
        })
    ));
    assert!(matches!(
        begin(7, 1, 99),
        Err(BeginError::UnknownNode {
            node: NodeId(99),
            ..
        })
    ));
    for to in [4, 5, 6] {
        let answer = begin(7, 1, to);
        assert!(matches!(
            answer,
            Err(BeginError::NodeState {
                part: "destination",
                ..
            })
        ));
    }
    assert!(matches!(
        begin(9, 5, 1),
        Err(BeginError::NodeState { part: "source", .. })
    ));
    assert!(matches!(
        begin(7, 1, 3),
        Err(BeginError::HasReplica { node: C, .. })
    ));
    for shard in [10, 11, 12] {
        assert!(matches!(
            begin(shard, 1, 2),
            Err(BeginError::Forbidden { .. })
        ));
    }
    assert_eq!(before, clean(&tracker));

    // A draining node gives away what it has.
    begin(8, 4, 2).unwrap();
    let id = begin(7, 1, 2).unwrap();
    tracker.start_migration(id).unwrap();
    tracker.complete_migration(id).unwrap();
    let moved = tracker.shard(S).unwrap().unwrap();
    assert_eq!((moved.owner, moved.version), (B, 1));
    let image = clean(&tracker);
    assert!(image.placements.contains_key(&(B, S)));
    assert!(!image.placements.contains_key(&(A, S)));
    assert_eq!(image.last_moves[&S].to, B);
}

/// What held at the beginning must hold at the cutover; till then the owner is the source.
#[test]
fn the_cutover_asks_again() {
    let place = Place::new();
    let tracker = cluster(&place, 2, 7);
    let id = tracker.begin_migration(S, A, B).unwrap();
    let claim = tracker.claim(id, &worker()).unwrap();
    for state in [NodeState::Draining, NodeState::Down, NodeState::NoAccept] {
        tracker.update_node(node_in(2, state)).unwrap();
        let before = clean(&tracker);
        let refused = claim.complete().unwrap_err();
        assert!(
            matches!(refused, TransitionError::NotAccepting { node: B, state: is, .. } if is == state)
        );
        assert_eq!(before, clean(&tracker));
        assert_eq!(tracker.shard(S).unwrap().unwrap().owner, A);
    }
    tracker.update_node(node(2)).unwrap();
    claim.complete().unwrap();
    assert_eq!(tracker.shard(S).unwrap().unwrap().owner, B);
    clean(&tracker);
}

fn bytes() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(
        prop_oneof![Just(0_u8), Just(1), Just(0xfe), Just(0xff)],
        0..4,
    )
}

fn ranges() -> impl Strategy<Value = KeyRange> {
    (bytes(), prop::option::of(bytes())).prop_map(|(start, end)| KeyRange {
        start: shardferry::schema::text::RangeKey::new(start).unwrap(),
        end: end.map(|end| shardferry::schema::text::RangeKey::new(end).unwrap()),
    })
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: cases(24),
        ..ProptestConfig::default()
    })]

    /// Ranges against a plain list: the same are refused, and each key finds the same shard.
    #[test]
    fn keys_find_their_shard(
        ranges in prop::collection::vec((0..6_u64, ranges()), 1..25),
        keys in prop::collection::vec(bytes(), 20),
    ) {
        let place = Place::new();
        let tracker = cluster(&place, 1, 0);
        let mut naive: Vec<(u64, KeyRange)> = Vec::new();
        for (id, range) in ranges {
            let change = Shard { range: Some(range.clone()), ..shard(id, A) };
            let there = naive.iter().any(|(known, _)| *known == id);
            let answer = if there {
                tracker.update_shard(change)
            } else {
                tracker.register_shard(change)
            };
            let fits = !range.is_empty()
                && !naive.iter().any(|(other, held)| *other != id && held.overlaps(&range));
            prop_assert_eq!(answer.is_ok(), fits, "{}: {:?}", range, answer);
            if fits {
                naive.retain(|(known, _)| *known != id);
                naive.push((id, range));
            }
        }
        clean(&tracker);
        for key in keys {
            let expected = naive.iter().find(|(_, range)| range.contains(&key));
            let found = tracker.find_shard_for_key(&key).unwrap();
            prop_assert_eq!(found.map(|shard| shard.id.0), expected.map(|(id, _)| *id));
        }
    }
}
