//! What the program is told: one line of JSON on its stdin.

use serde::Serialize;

use super::Step;
use super::cursor;
use crate::executor::{Endpoint, Job};
use crate::schema::text::{Address, NodeName, ShardName};
use crate::schema::v1::SavedCheckpoint;
use crate::schema::{Epoch, MigrationId, NodeId, ShardId};

/// The version of the protocol. A key or a kind of line that is new makes a new one.
pub const PROTOCOL: u32 = 1;

/// The answer to a line that asks for one.
pub(super) const GO: &[u8] = b"{\"type\":\"go\"}\n";

#[derive(Serialize)]
struct Line<'a> {
    protocol: u32,
    step: Step,
    migration: MigrationId,
    epoch: Epoch,
    shard: Shard<'a>,
    from: Node<'a>,
    to: Node<'a>,
    checkpoint: Option<Checkpoint<'a>>,
}

#[derive(Serialize)]
struct Shard<'a> {
    id: ShardId,
    /// None, too, when it is not UTF-8: a name that is only nearly right would be another shard.
    name: Option<&'a str>,
    name_hex: Option<&'a ShardName>,
}

#[derive(Serialize)]
struct Node<'a> {
    id: NodeId,
    name: Option<&'a NodeName>,
    address: Option<&'a Address>,
}

#[derive(Serialize)]
struct Checkpoint<'a> {
    cursor: &'a str,
    bytes: u64,
}

/// The line for one call.
pub(super) fn line(
    step: Step,
    job: &Job,
    checkpoint: Option<&SavedCheckpoint>,
) -> serde_json::Result<Vec<u8>> {
    let name = job.shard_name.as_ref();
    let checkpoint = checkpoint.and_then(|saved| {
        Some(Checkpoint {
            cursor: cursor::decode(&saved.cursor)?,
            bytes: saved.bytes_migrated,
        })
    });
    let line = Line {
        protocol: PROTOCOL,
        step,
        migration: job.migration,
        epoch: job.epoch,
        shard: Shard {
            id: job.shard,
            name: name.and_then(|name| std::str::from_utf8(name.as_bytes()).ok()),
            name_hex: name,
        },
        from: node(&job.from),
        to: node(&job.to),
        checkpoint,
    };
    let mut text = serde_json::to_vec(&line)?;
    text.push(b'\n');
    Ok(text)
}

fn node(end: &Endpoint) -> Node<'_> {
    Node {
        id: end.node,
        name: end.name.as_ref(),
        address: end.address.as_ref(),
    }
}

/// The variables that a small script can do with instead of the line.
pub(super) fn variables(step: Step, job: &Job) -> [(&'static str, String); 5] {
    [
        ("SHARDFERRY_PROTOCOL", PROTOCOL.to_string()),
        ("SHARDFERRY_STEP", step.to_string()),
        ("SHARDFERRY_MIGRATION", job.migration.to_string()),
        ("SHARDFERRY_EPOCH", job.epoch.to_string()),
        ("SHARDFERRY_SHARD", job.shard.to_string()),
    ]
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn job(name: Option<&[u8]>) -> Job {
        let end = |id, name: &str, address: &str| Endpoint {
            node: NodeId(id),
            name: Some(NodeName::new(name).unwrap()),
            address: Some(Address::new(address).unwrap()),
        };
        Job {
            migration: MigrationId(uuid::Uuid::from_bytes([7; 16])),
            epoch: Epoch(u64::MAX),
            shard: ShardId(u64::MAX),
            shard_name: name.map(|name| ShardName::new(name).unwrap()),
            from: end(0, "a \"quoted\" \\ node", "/mnt/a b"),
            to: Endpoint {
                node: NodeId(2),
                name: None,
                address: None,
            },
        }
    }

    fn told(name: Option<&[u8]>, checkpoint: Option<&SavedCheckpoint>) -> Value {
        let text = line(Step::CatchUp, &job(name), checkpoint).unwrap();
        let (last, line) = text.split_last().unwrap();
        assert_eq!(*last, b'\n');
        assert!(!line.contains(&b'\n'), "one line");
        serde_json::from_slice(line).unwrap()
    }

    #[test]
    fn every_field_is_there() {
        let saved = SavedCheckpoint {
            cursor: cursor::encode("file \"3\"\n").unwrap(),
            bytes_migrated: 12,
        };
        assert_eq!(
            told(Some(b"orders"), Some(&saved)),
            json!({
                "protocol": 1,
                "step": "catch_up",
                "migration": "07070707-0707-0707-0707-070707070707",
                "epoch": u64::MAX,
                "shard": {"id": u64::MAX, "name": "orders", "name_hex": "6f7264657273"},
                "from": {"id": 0, "name": "a \"quoted\" \\ node", "address": "/mnt/a b"},
                "to": {"id": 2, "name": null, "address": null},
                "checkpoint": {"cursor": "file \"3\"\n", "bytes": 12},
            })
        );
    }

    #[test]
    fn a_name_that_is_not_utf8_survives_as_hex_and_never_nearly() {
        assert_eq!(
            told(Some(b"a\xff\x00\n"), None)["shard"],
            json!({"id": u64::MAX, "name": null, "name_hex": "61ff000a"})
        );
        assert_eq!(
            told(None, None)["shard"],
            json!({"id": u64::MAX, "name": null, "name_hex": null})
        );
    }

    #[test]
    fn a_cursor_of_another_mover_is_none() {
        let saved = SavedCheckpoint {
            cursor: crate::schema::text::Checkpoint::new(*b"not ours").unwrap(),
            bytes_migrated: 12,
        };
        assert_eq!(told(None, Some(&saved))["checkpoint"], Value::Null);
    }
}
