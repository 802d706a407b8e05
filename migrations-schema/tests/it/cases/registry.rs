//! `nodes`, `shards`.

use migrations_schema::table;
use migrations_schema::text::{Address, Zone};
use migrations_schema::v1::{KeyRange, Node, NodeState, Shard};
use migrations_schema::{GroupId, NodeId, ShardId};

use super::samples::{
    LAST_NODE, longest_address, longest_node_name, longest_range_key, longest_shard_name,
    longest_zone, node_name, node_states, range_key, shard_name,
};
use super::{Case, case};

pub(super) fn cases() -> Vec<Case> {
    let mut cases = nodes();
    cases.extend(shards());
    cases
}

fn nodes() -> Vec<Case> {
    let row = |name: &str, node: Node| case(table::NODES, name, node.id, node);
    let mut cases = vec![
        row("minimal", Node::new(NodeId(0), node_name("a"))),
        row("maximal", largest_node()),
        row("typical", typical_node()),
    ];
    cases.extend(node_states().into_iter().map(|(name, state)| {
        let mut node = Node::new(NodeId(1), node_name("disk-a"));
        node.state = state;
        row(&format!("state-{name}"), node)
    }));
    cases
}

fn largest_node() -> Node {
    Node {
        id: LAST_NODE,
        name: longest_node_name(),
        address: Some(longest_address()),
        zone: Some(longest_zone()),
        state: NodeState::NoAccept,
        capacity_bytes: Some(u64::MAX),
        capacity_shards: Some(u64::MAX),
        capacity_load: Some(u64::MAX),
        weight: u32::MAX,
        scan: true,
    }
}

fn typical_node() -> Node {
    Node {
        id: NodeId(3),
        name: node_name("disk-c"),
        address: Some(Address::new("/mnt/c").unwrap()),
        zone: Some(Zone::new("rack-1").unwrap()),
        state: NodeState::Active,
        capacity_bytes: Some(1_000_000_000),
        capacity_shards: None,
        capacity_load: Some(5_000),
        weight: 2,
        scan: true,
    }
}

fn shards() -> Vec<Case> {
    let row = |name: &str, shard: Shard| case(table::SHARDS, name, shard.id, shard);
    let mut open = Shard::new(ShardId(1), shard_name(b"a"), NodeId(1));
    open.range = Some(KeyRange {
        start: range_key(b""),
        end: None,
    });
    vec![
        row(
            "minimal",
            Shard::new(ShardId(0), shard_name(b"a"), NodeId(0)),
        ),
        row("maximal", largest_shard()),
        row("typical", typical_shard()),
        row("range-open", open),
    ]
}

fn largest_shard() -> Shard {
    let nodes = |count: usize| (1..).take(count).map(|back| NodeId(u64::MAX - back));
    Shard {
        id: ShardId(u64::MAX),
        name: longest_shard_name(),
        range: Some(KeyRange {
            start: longest_range_key(0xfe),
            end: Some(longest_range_key(0xff)),
        }),
        owner: LAST_NODE,
        replicas: nodes(Shard::REPLICAS_MAX).collect(),
        keys: u64::MAX,
        bytes: u64::MAX,
        load: u64::MAX,
        version: u64::MAX,
        group: Some(GroupId(u64::MAX)),
        pinned: true,
        allowed: nodes(Shard::RULE_NODES_MAX).collect(),
        disallowed: nodes(Shard::RULE_NODES_MAX).collect(),
    }
}

fn typical_shard() -> Shard {
    Shard {
        id: ShardId(7),
        name: shard_name(b"orders-07"),
        range: Some(KeyRange {
            start: range_key(b"a"),
            end: Some(range_key(b"m")),
        }),
        owner: NodeId(1),
        replicas: vec![NodeId(2), NodeId(3)],
        keys: 1_000,
        bytes: 123_456,
        load: 250,
        version: 4,
        group: Some(GroupId(9)),
        pinned: false,
        allowed: vec![NodeId(1), NodeId(2), NodeId(3)],
        disallowed: vec![NodeId(4)],
    }
}
