use shardferry::planner::{NodeLoad, Resource};

use super::{amount, range};
use crate::planning::Planned;
use crate::table::table;
use crate::text;

/// So many nodes have a line of their own without `-v`.
pub(in crate::planning) const LISTED: usize = 40;

/// How wide a bar is.
const CELLS: usize = 20;

/// What each node holds of what is balanced, before and after.
pub(super) fn loads(planned: &Planned, verbose: bool) -> String {
    let mut text = String::new();
    for (rank, resource) in planned.policy.priorities().iter().enumerate() {
        if rank > 0 {
            text.push('\n');
        }
        text.push_str(&of_resource(planned, rank, *resource, verbose));
    }
    text
}

fn of_resource(planned: &Planned, rank: usize, resource: Resource, verbose: bool) -> String {
    let of = |load: u128| u64::try_from(load).unwrap_or(u64::MAX);
    let all = planned.plan.loads.iter();
    let each = all.map(|one| of(one.before.get(resource)).max(of(one.after.get(resource))));
    let fullest = each.max().unwrap_or(0);
    let row = |one: &NodeLoad| {
        let (before, after) = (one.before.get(resource), one.after.get(resource));
        let band = one.bands.get(rank);
        vec![
            planned.names.node(one.node),
            text::bar(of(before), fullest, CELLS),
            amount(before, resource),
            text::bar(of(after), fullest, CELLS),
            amount(after, resource),
            band.map_or_else(|| "-".to_owned(), |band| range(band, resource)),
        ]
    };
    let headers = ["node", "before", ">", "after", ">", "band"];
    let (shown, hidden) = shown_nodes(planned, resource, if verbose { usize::MAX } else { LISTED });
    let mut text = table(&headers, shown.into_iter().map(row));
    if hidden > 0 {
        text.push_str(&format!(
            "and {} between the fullest and the emptiest; `-v` lists them\n",
            text::count(hidden, "node")
        ));
    }
    text
}

/// At most so many nodes by id: the fullest and the emptiest before the plan. And how many more
/// there are.
fn shown_nodes(planned: &Planned, resource: Resource, most: usize) -> (Vec<&NodeLoad>, usize) {
    let mut all: Vec<&NodeLoad> = planned.plan.loads.iter().collect();
    let hidden = all.len().saturating_sub(most);
    if hidden > 0 {
        all.sort_by_key(|one| (std::cmp::Reverse(one.before.get(resource)), one.node));
        let first = most.div_ceil(2);
        all.drain(first..first.saturating_add(hidden));
        all.sort_by_key(|one| one.node);
    }
    (all, hidden)
}
