use shardferry::schema::GroupId;
use shardferry::schema::text::{NodeName, RangeKey, ShardName};
use shardferry::{KeyRange, MigrationTracker, Node, NodeId, NodeState, Settings, Shard, ShardId};

use super::op::{Registry, SettingsChange, ShardShape};
use super::session::{Outcome, outcome};

/// Makes a change of the registry.
pub(super) fn change(tracker: &MigrationTracker, change: Registry) -> Outcome {
    let node_id = |id: u8| NodeId(u64::from(id));
    let shard_id = |id: u8| ShardId(u64::from(id));
    outcome(match change {
        Registry::RegisterNode(id, state) => tracker.register_node(node(id, state)),
        Registry::UpdateNode(id, state) => tracker.update_node(node(id, state)),
        Registry::RemoveNode(id) => tracker.remove_node(node_id(id)),
        Registry::RegisterShard(id, shape) => tracker.register_shard(shard(id, shape)),
        Registry::UpdateShard(id, shape) => {
            // From wherever it is: the owner is nothing that an update may change.
            let owner = tracker.shard(shard_id(id)).expect("a point read");
            let owner = owner.map_or(node_id(shape.owner), |shard| shard.owner);
            let rules = shape.rules;
            let shard = shard(id, shape);
            // Now and then it tries to, all the same.
            let owner = if rules == 31 { shard.owner } else { owner };
            tracker.update_shard(Shard { owner, ..shard })
        }
        Registry::RemoveShard(id) => tracker.remove_shard(shard_id(id)),
    })
}

/// Puts changed settings into force.
pub(super) fn settings(tracker: &MigrationTracker, change: SettingsChange) -> Outcome {
    let before = tracker.settings().expect("a point read");
    let limit = |limit: Option<u8>| limit.map(u32::from);
    outcome(tracker.set_settings(&Settings {
        verification: change.verification,
        in_flight_max: limit(change.limit),
        in_flight_per_source_max: limit(change.per_node),
        in_flight_per_destination_max: limit(change.per_node),
        attempts_max: u32::from(change.attempts_max),
        retention_count_max: change.retention.map(u64::from),
        progress_lag_ms_max: if change.lazily { 86_400_000 } else { 0 },
        ..before
    }))
}

pub(super) fn node(id: u8, state: NodeState) -> Node {
    let name = NodeName::new(format!("node-{id}")).expect("a name");
    Node {
        state,
        ..Node::new(NodeId(u64::from(id)), name)
    }
}

fn shard(id: u8, shape: ShardShape) -> Shard {
    let node = |id: u8| NodeId(u64::from(id));
    let key = |letter: u8| RangeKey::new(vec![b'a' + letter]).expect("a key");
    let name = ShardName::new(vec![b'a' + shape.name]).expect("a name");
    let ShardShape {
        owner,
        range,
        replica,
        rules,
        ..
    } = shape;
    // A replica 0 is none, and a range can end before it starts: records that are refused.
    Shard {
        range: range.map(|(start, len)| KeyRange {
            start: key(start),
            end: len.checked_sub(1).map(|len| key(start + len)),
        }),
        replicas: replica.map(node).into_iter().collect(),
        bytes: u64::from(rules) * 10,
        group: (rules & 1 == 1).then_some(GroupId(1)),
        pinned: rules & 6 == 6,
        allowed: if rules & 24 == 8 {
            vec![node(1), node(2)]
        } else {
            Vec::new()
        },
        disallowed: if rules & 24 == 16 {
            vec![node(3)]
        } else {
            Vec::new()
        },
        ..Shard::new(ShardId(u64::from(id)), name, node(owner))
    }
}
