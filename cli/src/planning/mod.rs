//! What the planner is asked, and how its answer reads.

mod json;
mod text;
mod waves;

pub(crate) use json::json_of;
pub(crate) use text::text_of;
pub(crate) use waves::carry_out;

use std::num::NonZeroUsize;

use shardferry::planner::{Move, MoveReason, Plan, Resource};

use clap::{Args, ValueEnum};
use shardferry::schema::text::Reason;
use shardferry::schema::v1::Trigger;
use shardferry::store::Snapshot;
use shardferry::tracker::{BeginRequest, PlanOptions, plan_rebalance, threshold_ppm};

use crate::exit::Exit;
use crate::failure::Failure;

/// What to balance, and how closely.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct Aim {
    /// What is balanced
    #[arg(long, value_enum, default_value_t = By::Bytes)]
    pub(crate) by: By,
    /// How far a node may be from its fair share, as a fraction, before anything moves
    #[arg(
        long,
        value_name = "FRACTION",
        default_value_t = 0.1,
        allow_negative_numbers = true
    )]
    pub(crate) threshold: f64,
    /// At most so many moves
    #[arg(long, value_name = "N")]
    pub(crate) max_moves: Option<NonZeroUsize>,
}

/// What is balanced.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum By {
    /// The number of shards
    Count,
    /// Their bytes
    Bytes,
}

/// Plans on `snapshot`.
pub(crate) fn plan(snapshot: &Snapshot, aim: Aim) -> Result<Plan, Failure> {
    let options = PlanOptions {
        resource: resource(aim),
        threshold_ppm: threshold_ppm(aim.threshold)
            .map_err(|error| Failure::new(Exit::Usage, error))?,
        max_moves: aim.max_moves.map(NonZeroUsize::get),
    };
    plan_rebalance(snapshot, &options).map_err(|error| Failure::new(Exit::Refused, error))
}

fn resource(aim: Aim) -> Resource {
    match aim.by {
        By::Count => Resource::Count,
        By::Bytes => Resource::Bytes,
    }
}

/// A move as a request.
fn request(one: &Move) -> BeginRequest {
    BeginRequest {
        trigger: match one.reason {
            MoveReason::Drain => Trigger::Drain,
            MoveReason::Above { .. } | MoveReason::Below { .. } => Trigger::Rebalance,
        },
        reason: Reason::new(one.reason.to_string()),
        ..BeginRequest::new(one.shard, one.from, one.to)
    }
}
