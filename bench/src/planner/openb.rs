//! The trace openb: nodes of nine sizes, of which many are new and empty.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;

use shardferry::planner::{Input, Left, MoveReason, Plan, Policy, Resource, WhyNode, check, plan};

use crate::cluster::done;
use crate::replay::{Rules, violations};
use crate::table::Table;
use crate::timing::{median, milliseconds, timed};
use crate::{Result, data, openb};

const RUNS: usize = 5;

pub(super) fn print(out: &mut dyn Write) -> Result<()> {
    let Some(path) = data::path("openb/snapshot.json") else {
        writeln!(
            out,
            "\nopenb: skipped, SHARDFERRY_DATA does not say where it is"
        )?;
        return Ok(());
    };
    let input = openb::read(&path)?;
    let resources: Vec<Resource> = input.resources.iter().collect();
    let title = format!(
        "openb: {} nodes, {} shards, shares in proportion to the CPU, every capacity; trigger 10 %, \
         target 5 %; median of {RUNS} runs",
        input.nodes.len(),
        input.shards.len()
    );
    let header = [
        "balanced",
        "moves",
        "bound",
        "waves",
        "moved cpu",
        "moved mem",
        "empty before",
        "of them filled",
        "outside before",
        "outside after",
        "violations",
        "again done",
        "ms (by the clock)",
    ];
    let mut table = Table::new(title, &header);
    let mut whys = Table::new(
        "Why nodes stay outside their bands",
        &["balanced", "resource", "nodes", "without shards", "why"],
    );
    let cpu = Policy::new(resources[0], 100_000, 50_000)?;
    let both = cpu.clone().then(resources[1])?;
    let mut broken = Vec::new();
    for (name, policy) in [("cpu", cpu), ("cpu, mem", both)] {
        broken.extend(measure(&input, name, &policy, &mut table, &mut whys)?);
    }
    table.print(out)?;
    whys.print(out)?;
    if let Some(first) = broken.first() {
        return Err(format!("{} rules are broken, first: {first}", broken.len()).into());
    }
    Ok(())
}

fn measure(
    input: &Input,
    name: &str,
    policy: &Policy,
    table: &mut Table,
    whys: &mut Table,
) -> Result<Vec<String>> {
    let mut made = Plan::default();
    let mut times = Vec::new();
    for _ in 0..RUNS {
        let (plan, time) = timed(|| plan(input, policy));
        made = plan?;
        times.push(time);
    }
    let transient = input.resources.iter().collect();
    let rules = Rules {
        transient,
        zones_min: BTreeMap::new(),
    };
    let mut broken = violations(input, &rules, &made);
    let checked = check(input, policy, &made);
    broken.extend(checked.iter().map(ToString::to_string));
    let owners: BTreeSet<_> = input.shards.iter().map(|shard| shard.owner).collect();
    let is_empty = |id| !owners.contains(&id);
    let receivers: BTreeSet<_> = made.moves.iter().map(|one| one.to).collect();
    let moved = |at: usize| -> u64 {
        let resource = input.resources.iter().nth(at);
        let weight = |id: u64| {
            let shard = input.shards.get(id as usize - 1);
            shard
                .zip(resource)
                .map_or(0, |(shard, one)| shard.weights.get(one))
        };
        made.moves.iter().map(|one| weight(one.shard.0)).sum()
    };
    let again = plan(&done(input, &made), policy)?;
    table.row([
        name.to_owned(),
        made.moves.len().to_string(),
        made.lower_bound_moves.to_string(),
        made.waves().to_string(),
        moved(0).to_string(),
        moved(1).to_string(),
        input
            .nodes
            .iter()
            .filter(|node| is_empty(node.id))
            .count()
            .to_string(),
        receivers
            .iter()
            .filter(|id| is_empty(**id))
            .count()
            .to_string(),
        outside(&made, policy, |load| &load.before),
        outside(&made, policy, |load| &load.after),
        broken.len().to_string(),
        again.moves.len().to_string(),
        milliseconds(median(&times)),
    ]);
    let mut reasons: BTreeMap<(Resource, String), (usize, usize)> = BTreeMap::new();
    for left in &made.left {
        if let Left::Node {
            resource,
            why,
            load,
            ..
        } = left
        {
            let (count, empty) = reasons.entry((*resource, kind(why))).or_default();
            *count += 1;
            *empty += usize::from(*load == 0);
        }
    }
    for ((resource, why), (count, empty)) in reasons {
        whys.row([
            name.to_owned(),
            resource.to_string(),
            count.to_string(),
            empty.to_string(),
            why,
        ]);
    }
    let forced = made.moves.iter().filter(|one| !one.reason.balances());
    let forced: BTreeSet<&str> = forced.map(|one| MoveReason::as_str(&one.reason)).collect();
    if !forced.is_empty() {
        whys.row([
            name.to_owned(),
            format!("moves that balance nothing: {forced:?}"),
        ]);
    }
    Ok(broken)
}

/// How many nodes are outside their bands, for each balanced resource.
fn outside(
    made: &Plan,
    policy: &Policy,
    when: impl Fn(&shardferry::planner::NodeLoad) -> &shardferry::planner::PerResource<u128>,
) -> String {
    let counts = policy
        .priorities()
        .iter()
        .enumerate()
        .map(|(rank, resource)| {
            let outside = made.loads.iter().filter(|load| {
                let band = load.bands.get(rank);
                band.is_some_and(|band| !band.contains(when(load).get(*resource)))
            });
            format!("{} {resource}", outside.count())
        });
    counts.collect::<Vec<_>>().join(", ")
}

/// A reason without its figures.
fn kind(why: &WhyNode) -> String {
    match why {
        WhyNode::Immovable { .. } => "what cannot leave is too much".to_owned(),
        WhyNode::Refused(refusals) => {
            let kinds: Vec<String> = refusals.iter().map(|(one, _)| one.to_string()).collect();
            format!(
                "every move that would help is refused: {}",
                kinds.join(", ")
            )
        }
        WhyNode::MoveLimit
        | WhyNode::NothingMovable
        | WhyNode::NoMoveHelps
        | WhyNode::Impossible => why.to_string(),
    }
}
