//! What the planner says, and how it reads.

use shardferry::planner::{Left, MoveReason, Plan, Resource};

use clap::{Args, ValueEnum};
use serde_json::{Value, json};
use shardferry::schema::text::Reason;
use shardferry::schema::v1::Trigger;
use shardferry::store::Snapshot;
use shardferry::tracker::{BeginRequest, PlanOptions, plan_rebalance};

use crate::exit::Exit;
use crate::failure::Failure;
use crate::names::Names;
use crate::table::table;
use crate::text;

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
    pub(crate) max_moves: Option<usize>,
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
        threshold_ppm: ppm(aim.threshold)?,
        max_moves: aim.max_moves,
    };
    plan_rebalance(snapshot, &options).map_err(|error| Failure::new(Exit::Refused, error))
}

fn resource(aim: Aim) -> Resource {
    match aim.by {
        By::Count => Resource::Count,
        By::Bytes => Resource::Bytes,
    }
}

/// A fraction in parts per million.
fn ppm(fraction: f64) -> Result<u64, Failure> {
    if !(0.0..=1.0).contains(&fraction) {
        return Err(Failure::message(
            Exit::Usage,
            format_args!("a threshold of {fraction} makes no sense; give a fraction from 0 to 1"),
        ));
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "between 0 and 1,000,000 by the check above"
    )]
    let ppm = (fraction * 1_000_000.0).round() as u64;
    Ok(ppm)
}

/// The moves as requests.
pub(crate) fn requests(plan: &Plan) -> Vec<BeginRequest> {
    let moves = plan.moves.iter();
    moves
        .map(|one| BeginRequest {
            trigger: match one.reason {
                MoveReason::Drain => Trigger::Drain,
                MoveReason::Above { .. } | MoveReason::Below { .. } => Trigger::Rebalance,
            },
            reason: Reason::new(one.reason.to_string()),
            // Earlier waves first: a later move may need the room that an earlier one makes.
            priority: i32::try_from(one.wave).map_or(i32::MIN, |wave| -wave),
            ..BeginRequest::new(one.shard, one.from, one.to)
        })
        .collect()
}

/// The plan for people.
pub(crate) fn text_of(plan: &Plan, aim: Aim, names: &Names) -> String {
    let mut text = String::new();
    if plan.is_empty() {
        text.push_str("nothing to move: ");
        text.push_str(if plan.left.is_empty() {
            "every node is in its band\n"
        } else {
            "no move helps\n"
        });
    } else {
        let rows = plan.moves.iter().map(|one| {
            vec![
                names.shard(one.shard),
                names.node(one.from),
                names.node(one.to),
                text::bytes(one.bytes),
                one.wave.to_string(),
                reason(one.reason, aim),
            ]
        });
        text.push_str(&table(
            &["shard", "from", "to", "bytes>", "wave>", "why"],
            rows,
        ));
        let moves = text::count(plan.moves.len(), "move");
        let bytes = text::bytes(u64::try_from(plan.total_bytes).unwrap_or(u64::MAX));
        text.push_str(&format!("\n{moves}, {bytes}; {}\n\n", bound(plan)));
        text.push_str(&loads(plan, aim, names));
    }
    for left in &plan.left {
        text.push_str(&format!("left: {}\n", left_text(left, aim, names)));
    }
    text
}

/// Why a shard moves, with amounts in the unit of what is balanced.
fn reason(reason: MoveReason, aim: Aim) -> String {
    match reason {
        MoveReason::Drain => reason.to_string(),
        MoveReason::Above { load, .. } => {
            format!(
                "the node it leaves has {}, which is too much",
                amount(load, aim)
            )
        }
        MoveReason::Below { load, .. } => {
            format!(
                "the node it goes to has {}, which is too little",
                amount(load, aim)
            )
        }
    }
}

fn amount(load: u128, aim: Aim) -> String {
    let load = u64::try_from(load).unwrap_or(u64::MAX);
    match aim.by {
        By::Count => text::count(load, "shard"),
        By::Bytes => text::bytes(load),
    }
}

fn bound(plan: &Plan) -> String {
    let bound = plan.lower_bound_moves;
    match plan.gap_moves() {
        Some(0) => "no plan has fewer moves".to_owned(),
        Some(gap) => format!("{gap} more than the proven least of {bound}"),
        None => "as close as these shards come".to_owned(),
    }
}

fn loads(plan: &Plan, aim: Aim, names: &Names) -> String {
    const CELLS: usize = 20;
    let resource = resource(aim);
    let of = |load: &u128| u64::try_from(*load).unwrap_or(u64::MAX);
    let each = plan.loads.iter();
    let all = each
        .clone()
        .map(|one| of(one.before.get(resource)).max(of(one.after.get(resource))));
    let fullest = all.max().unwrap_or(0);
    let rows = each.map(|one| {
        let (before, after) = (of(one.before.get(resource)), of(one.after.get(resource)));
        vec![
            names.node(one.node),
            text::bar(before, fullest, CELLS),
            amount(before.into(), aim),
            text::bar(after, fullest, CELLS),
            amount(after.into(), aim),
        ]
    });
    table(&["node", "before", ">", "after", ">"], rows)
}

fn left_text(left: &Left, aim: Aim, names: &Names) -> String {
    match left {
        Left::Shard { shard, node, why } => format!(
            "{} stays on {}, which is draining: {why}",
            names.shard(*shard),
            names.node(*node)
        ),
        Left::Node {
            node,
            load,
            band,
            why,
        } => format!(
            "{} ends with {}, and should have {} to {}: {why}",
            names.node(*node),
            amount(*load, aim),
            amount(band.least, aim),
            amount(band.most, aim)
        ),
    }
}

/// The plan for scripts.
pub(crate) fn json_of(plan: &Plan, names: &Names) -> Value {
    let moves = plan.moves.iter().map(|one| {
        json!({
            "shard": one.shard,
            "shard_name": names.shard_name(one.shard),
            "from": one.from,
            "from_name": names.node_name(one.from),
            "to": one.to,
            "to_name": names.node_name(one.to),
            "wave": one.wave,
            "bytes": one.bytes,
            "reason": one.reason.to_string(),
        })
    });
    let loads = plan.loads.iter().map(|load| {
        let bytes =
            |loads: &shardferry::planner::PerResource<u128>| number(*loads.get(Resource::Bytes));
        let shards =
            |loads: &shardferry::planner::PerResource<u128>| number(*loads.get(Resource::Count));
        json!({
            "node": load.node,
            "node_name": names.node_name(load.node),
            "before": { "shards": shards(&load.before), "bytes": bytes(&load.before) },
            "after": { "shards": shards(&load.after), "bytes": bytes(&load.after) },
        })
    });
    json!({
        "moves": moves.collect::<Vec<_>>(),
        "total_bytes": number(plan.total_bytes),
        "lower_bound_moves": plan.lower_bound_moves,
        "gap_moves": plan.gap_moves(),
        "loads": loads.collect::<Vec<_>>(),
        "left": plan.left.iter().map(ToString::to_string).collect::<Vec<_>>(),
    })
}

/// JSON has no number beyond 64 bits that every reader understands.
fn number(value: u128) -> u64 {
    u64::try_from(value).unwrap_or(u64::MAX)
}
