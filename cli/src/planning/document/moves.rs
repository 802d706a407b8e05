use serde::{Deserialize, Serialize};
use shardferry::planner::{Band, Move, MoveReason, Resources};
use shardferry::{NodeId, ShardId};

use super::codes::{refusal, refusal_code, resource, with};
use crate::names::Names;

/// Where a load should be, both ends included.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) struct BandDocument {
    least: u128,
    most: u128,
}

impl BandDocument {
    pub(super) fn of(band: &Band) -> Self {
        Self {
            least: band.least,
            most: band.most,
        }
    }

    pub(super) fn band(self) -> Band {
        Band {
            least: self.least,
            most: self.most,
        }
    }
}

/// A move.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct MoveDocument {
    shard: ShardId,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    shard_name: Option<String>,
    from: NodeId,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    from_name: Option<String>,
    to: NodeId,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    to_name: Option<String>,
    wave: u32,
    bytes: u64,
    weights: Vec<u64>,
    /// The kind of the reason.
    reason: String,
    /// The reason as a sentence.
    why: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    refusal: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    resource: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    load: Option<u128>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    band: Option<BandDocument>,
    /// The shard that it makes room for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    room_for: Option<ShardId>,
}

impl MoveDocument {
    pub(super) fn of(one: &Move, weights: Vec<u64>, names: &Names) -> Self {
        let mut document = Self {
            shard: one.shard,
            shard_name: names.shard_name(one.shard),
            from: one.from,
            from_name: names.node_name(one.from).map(str::to_owned),
            to: one.to,
            to_name: names.node_name(one.to).map(str::to_owned),
            wave: one.wave,
            bytes: one.bytes,
            weights,
            reason: one.reason.as_str().to_owned(),
            why: one.reason.to_string(),
            refusal: None,
            resource: None,
            load: None,
            band: None,
            room_for: None,
        };
        match one.reason {
            MoveReason::Drain | MoveReason::Spread => {}
            MoveReason::Room(shard) => document.room_for = Some(shard),
            MoveReason::Misplaced(refusal) => document.refusal = Some(refusal_code(refusal)),
            MoveReason::Overfull(resource) => document.resource = Some(resource.to_string()),
            MoveReason::Above {
                resource,
                load,
                band,
            }
            | MoveReason::Below {
                resource,
                load,
                band,
            } => {
                document.resource = Some(resource.to_string());
                document.load = Some(load);
                document.band = Some(BandDocument::of(&band));
            }
        }
        document
    }

    pub(super) fn one(&self, resources: &Resources) -> Result<Move, String> {
        let kind = self.reason.as_str();
        let named = || {
            let name = with(self.resource.as_ref(), "resource", kind)?;
            resource(name, resources)
        };
        let reason = match kind {
            "drain" => MoveReason::Drain,
            "spread" => MoveReason::Spread,
            "room" => MoveReason::Room(with(self.room_for, "room_for", kind)?),
            "misplaced" => {
                let code = with(self.refusal.as_ref(), "refusal", kind)?;
                MoveReason::Misplaced(refusal(code, resources)?)
            }
            "overfull" => MoveReason::Overfull(named()?),
            "above" => MoveReason::Above {
                resource: named()?,
                load: with(self.load, "load", kind)?,
                band: with(self.band, "band", kind)?.band(),
            },
            "below" => MoveReason::Below {
                resource: named()?,
                load: with(self.load, "load", kind)?,
                band: with(self.band, "band", kind)?.band(),
            },
            other => return Err(format!("there is no reason `{other}`")),
        };
        Ok(Move {
            shard: self.shard,
            from: self.from,
            to: self.to,
            wave: self.wave,
            bytes: self.bytes,
            reason,
        })
    }
}
