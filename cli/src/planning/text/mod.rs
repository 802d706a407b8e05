//! A plan for people.

mod loads;
mod reasons;

use shardferry::planner::{Move, Plan};

use super::Planned;
use crate::table::table;
use crate::text;
pub(super) use loads::LISTED as NODES_LISTED;
pub(super) use reasons::{amount, left_text, range, reason};

/// So many moves, and so many things that are left, are listed without `-v`.
const LISTED: usize = 50;

/// So many waves have a line of their own without `-v`.
const WAVES_LISTED: usize = 12;

/// The plan for people.
pub(crate) fn text_of(planned: &Planned, verbose: bool) -> String {
    let Planned { plan, names, .. } = planned;
    let mut text = String::new();
    if plan.is_empty() {
        text.push_str("nothing to move: ");
        text.push_str(if plan.left.is_empty() {
            "every node is in its band\n"
        } else {
            "no move helps\n"
        });
        if planned.input.nodes.len() > 1 && !plan.left.is_empty() {
            text.push_str(&format!("\n{}", loads::loads(planned, verbose)));
        }
    } else {
        text.push_str(&moves(planned, verbose));
        text.push_str(&format!("\n{}\n", total(plan)));
        text.push_str(&waves(plan, verbose));
        text.push_str(&format!("\n{}", loads::loads(planned, verbose)));
    }
    let listed = if verbose { plan.left.len() } else { LISTED };
    for left in plan.left.iter().take(listed) {
        text.push_str(&format!("left: {}\n", left_text(left, names)));
    }
    if let Some(more @ 1..) = plan.left.len().checked_sub(listed) {
        text.push_str(&format!("left: {more} more; `-v` lists them\n"));
    }
    for warning in &plan.warnings {
        text.push_str(&format!("warning: {warning}\n"));
    }
    text
}

fn moves(planned: &Planned, verbose: bool) -> String {
    let Planned { plan, names, .. } = planned;
    let listed = if verbose { plan.moves.len() } else { LISTED };
    let rows = plan.moves.iter().take(listed).map(|one| {
        vec![
            names.shard(one.shard),
            names.node(one.from),
            names.node(one.to),
            text::bytes(one.bytes),
            one.wave.to_string(),
            reason(one.reason),
        ]
    });
    let headers = ["shard", "from", "to", "bytes>", "wave>", "why"];
    let mut text = table(&headers, rows);
    if let Some(more @ 1..) = plan.moves.len().checked_sub(listed) {
        text.push_str(&format!(
            "and {}; `-v` lists them\n",
            text::count(more, "more move")
        ));
    }
    text
}

fn bytes_of(moves: &[Move]) -> String {
    let bytes: u128 = moves.iter().map(|one| u128::from(one.bytes)).sum();
    text::bytes(u64::try_from(bytes).unwrap_or(u64::MAX))
}

/// What the plan moves, and how that compares with what any plan has to.
fn total(plan: &Plan) -> String {
    let bound = plan.lower_bound_moves;
    let bound = match plan.gap_moves() {
        Some(0) => "no plan has fewer moves".to_owned(),
        Some(gap) => format!(
            "{} above the proven minimum of {bound}",
            text::count(gap, "move")
        ),
        None => "as close as these shards come".to_owned(),
    };
    let size = |bytes: u128| text::bytes(u64::try_from(bytes).unwrap_or(u64::MAX));
    let least = match plan.gap_bytes() {
        Some(0) => "\nno plan moves fewer bytes".to_owned(),
        Some(gap) => format!(
            "\n{} above the proven minimum of {}",
            size(gap),
            size(plan.lower_bound_bytes)
        ),
        None => String::new(),
    };
    let moves = text::count(plan.moves.len(), "move");
    format!("{moves}, {}; {bound}{least}", bytes_of(&plan.moves))
}

/// What each wave moves, where there are several.
fn waves(plan: &Plan, verbose: bool) -> String {
    let waves: Vec<&[Move]> = plan
        .moves
        .chunk_by(|one, next| one.wave == next.wave)
        .collect();
    if waves.len() < 2 {
        return String::new();
    }
    let listed = if verbose { waves.len() } else { WAVES_LISTED };
    let mut text = String::new();
    for moves in waves.iter().take(listed) {
        let number = moves.first().map_or(0, |one| one.wave);
        let count = text::count(moves.len(), "move");
        text.push_str(&format!("wave {number}: {count}, {}\n", bytes_of(moves)));
    }
    if let Some(more @ 1..) = waves.len().checked_sub(listed) {
        text.push_str(&format!("and {}\n", text::count(more, "more wave")));
    }
    text
}
