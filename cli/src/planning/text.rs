use shardferry::planner::{Left, MoveReason, Plan};

use super::{Aim, By, resource};
use crate::names::Names;
use crate::table::table;
use crate::text;

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
