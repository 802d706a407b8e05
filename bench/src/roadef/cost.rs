//! What an assignment costs, as the challenge counts it.

use std::collections::BTreeSet;

use super::instance::{Assignment, Instance};

/// The parts of the objective, each with its weights.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Cost {
    /// What machines have above their safety capacities.
    pub(crate) load: u128,
    /// What is free of one resource without that of another.
    pub(crate) balance: u128,
    /// Of processes, services and machines.
    pub(crate) moves: u128,
}

impl Cost {
    pub(crate) fn of(instance: &Instance, assignment: &Assignment) -> Self {
        let mut used = vec![vec![0_u64; instance.resources.len()]; instance.machines.len()];
        for (process, machine) in instance.processes.iter().zip(assignment) {
            for (used, uses) in used[*machine].iter_mut().zip(&process.uses) {
                *used += uses;
            }
        }
        let mut cost = Self {
            moves: moves(instance, assignment),
            ..Self::default()
        };
        for (machine, used) in instance.machines.iter().zip(&used) {
            for (at, resource) in instance.resources.iter().enumerate() {
                let above = used[at].saturating_sub(machine.safety[at]);
                cost.load += u128::from(resource.load_weight) * u128::from(above);
            }
            let free = |at: usize| i128::from(machine.capacity[at]) - i128::from(used[at]);
            for balance in &instance.balances {
                let missing = i128::from(balance.target) * free(balance.of) - free(balance.to);
                cost.balance += u128::from(balance.weight) * missing.max(0).unsigned_abs();
            }
        }
        cost
    }

    pub(crate) fn total(&self) -> u128 {
        self.load + self.balance + self.moves
    }
}

fn moves(instance: &Instance, assignment: &Assignment) -> u128 {
    let (mut processes, mut machines) = (0_u128, 0_u128);
    let mut services = vec![0_u128; instance.services.len()];
    for (at, (from, to)) in instance.initial.iter().zip(assignment).enumerate() {
        if from != to {
            let process = &instance.processes[at];
            processes += u128::from(process.move_cost);
            services[process.service] += 1;
            machines += u128::from(instance.machines[*from].move_cost[*to]);
        }
    }
    let services = services.into_iter().max().unwrap_or_default();
    u128::from(instance.process_move_weight) * processes
        + u128::from(instance.service_move_weight) * services
        + u128::from(instance.machine_move_weight) * machines
}

/// How many pairs of a process and a service that it needs share no neighbourhood.
pub(crate) fn broken_dependencies(instance: &Instance, assignment: &Assignment) -> usize {
    let neighbourhood = |at: usize| instance.machines[assignment[at]].neighbourhood;
    let all = instance.processes.iter().enumerate();
    let runs: BTreeSet<(usize, u64)> = all
        .clone()
        .map(|(at, process)| (process.service, neighbourhood(at)))
        .collect();
    all.map(|(at, process)| {
        let needs = instance.services[process.service].needs.iter();
        needs
            .filter(|needed| !runs.contains(&(**needed, neighbourhood(at))))
            .count()
    })
    .sum()
}
