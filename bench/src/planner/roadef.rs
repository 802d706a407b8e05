//! ROADEF/EURO 2012, set A: what a plan removes of the cost of the first assignment.

use std::io::Write;
use std::path::Path;

use shardferry::planner::{Left, Plan, plan};

use crate::replay::violations;
use crate::roadef::{Cost, Instance, broken_dependencies, input, policy, rules};
use crate::table::Table;
use crate::timing::{median, milliseconds, timed};
use crate::{Result, Size, data};

const INSTANCES: [&str; 10] = [
    "a1_1", "a1_2", "a1_3", "a1_4", "a1_5", "a2_1", "a2_2", "a2_3", "a2_4", "a2_5",
];

const HEADER: [&str; 14] = [
    "instance",
    "processes x machines",
    "resources",
    "moves",
    "bound",
    "waves",
    "cost before",
    "cost after",
    "of it moves",
    "removed",
    "violations",
    "left",
    "dependencies (broken)",
    "ms (by the clock)",
];

pub(super) fn print(size: Size, out: &mut dyn Write) -> Result<()> {
    let Some(folder) = data::path("roadef-a") else {
        writeln!(
            out,
            "\nROADEF set A: skipped, SHARDFERRY_DATA does not say where it is"
        )?;
        return Ok(());
    };
    let runs = size.pick(1, 5);
    let title = format!(
        "ROADEF/EURO 2012, set A: every resource, by the weight of its load cost; cost = load + \
         balance + moves; dependencies are not supported; median of {runs} runs"
    );
    let mut table = Table::new(title, &HEADER);
    let mut broken = Vec::new();
    for name in size.pick(&INSTANCES[..2], &INSTANCES[..]) {
        broken.extend(measure(&folder, name, runs, &mut table)?);
    }
    table.print(out)?;
    if let Some(first) = broken.first() {
        return Err(format!("{} rules are broken, first: {first}", broken.len()).into());
    }
    Ok(())
}

fn measure(folder: &Path, name: &str, runs: usize, table: &mut Table) -> Result<Vec<String>> {
    let instance = Instance::read(folder, name)?;
    let (input, policy) = (input(&instance)?, policy(&instance)?);
    let mut times = Vec::new();
    let mut made = Plan::default();
    for _ in 0..runs {
        let (plan, time) = timed(|| plan(&input, &policy));
        made = plan?;
        times.push(time);
    }
    let broken = violations(&input, &rules(&instance, &input), &made);
    let mut assignment = instance.initial.clone();
    for one in &made.moves {
        assignment[one.shard.0 as usize] = one.to.0 as usize;
    }
    let before = Cost::of(&instance, &instance.initial);
    let after = Cost::of(&instance, &assignment);
    let removed = 1.0 - after.total() as f64 / before.total().max(1) as f64;
    let nodes = made
        .left
        .iter()
        .filter(|left| matches!(left, Left::Node { .. }))
        .count();
    table.row([
        name.to_owned(),
        format!("{} x {}", instance.processes.len(), instance.machines.len()),
        instance.resources.len().to_string(),
        made.moves.len().to_string(),
        made.lower_bound_moves.to_string(),
        made.waves().to_string(),
        before.total().to_string(),
        after.total().to_string(),
        after.moves.to_string(),
        format!("{:.1} %", removed * 100.0),
        broken.len().to_string(),
        format!("{nodes} nodes, {} shards", made.left.len() - nodes),
        match instance.dependencies() {
            0 => "none".to_owned(),
            there => format!("{there} ({})", broken_dependencies(&instance, &assignment)),
        },
        milliseconds(median(&times)),
    ]);
    Ok(broken)
}
