//! An instance, in the words of the challenge.

use std::path::Path;

use super::reader::Numbers;
use crate::Result;

/// The machine of each process.
pub(crate) type Assignment = Vec<usize>;

pub(crate) struct Instance {
    pub(crate) resources: Vec<Resource>,
    pub(crate) machines: Vec<Machine>,
    pub(crate) services: Vec<Service>,
    pub(crate) processes: Vec<Process>,
    pub(crate) balances: Vec<Balance>,
    pub(crate) process_move_weight: u64,
    pub(crate) service_move_weight: u64,
    pub(crate) machine_move_weight: u64,
    pub(crate) initial: Assignment,
}

pub(crate) struct Resource {
    pub(crate) is_transient: bool,
    pub(crate) load_weight: u64,
}

pub(crate) struct Machine {
    pub(crate) neighbourhood: u64,
    pub(crate) location: u64,
    pub(crate) capacity: Vec<u64>,
    pub(crate) safety: Vec<u64>,
    /// To each machine.
    pub(crate) move_cost: Vec<u64>,
}

pub(crate) struct Service {
    pub(crate) spread_min: usize,
    /// The services that must run in the neighbourhood of each of its processes.
    pub(crate) needs: Vec<usize>,
}

pub(crate) struct Process {
    pub(crate) service: usize,
    pub(crate) uses: Vec<u64>,
    pub(crate) move_cost: u64,
}

/// For each of resource `of` that is free, `target` of resource `to` should be.
pub(crate) struct Balance {
    pub(crate) of: usize,
    pub(crate) to: usize,
    pub(crate) target: u64,
    pub(crate) weight: u64,
}

impl Instance {
    /// The instance `name` of a folder: its model and its first assignment.
    pub(crate) fn read(folder: &Path, name: &str) -> Result<Self> {
        let model = std::fs::read_to_string(folder.join(format!("model_{name}.txt")))?;
        let mut numbers = Numbers::of(&model);
        let resources = numbers.list(|numbers| {
            Ok(Resource {
                is_transient: numbers.next()? != 0,
                load_weight: numbers.next()?,
            })
        })?;
        let machines = numbers.size()?;
        let machines = numbers.times(machines, |numbers| {
            Ok(Machine {
                neighbourhood: numbers.next()?,
                location: numbers.next()?,
                capacity: numbers.times(resources.len(), Numbers::next)?,
                safety: numbers.times(resources.len(), Numbers::next)?,
                move_cost: numbers.times(machines, Numbers::next)?,
            })
        })?;
        let services = numbers.list(|numbers| {
            Ok(Service {
                spread_min: numbers.size()?,
                needs: numbers.list(Numbers::size)?,
            })
        })?;
        let processes = numbers.list(|numbers| {
            Ok(Process {
                service: numbers.size()?,
                uses: numbers.times(resources.len(), Numbers::next)?,
                move_cost: numbers.next()?,
            })
        })?;
        let balances = numbers.list(|numbers| {
            Ok(Balance {
                of: numbers.size()?,
                to: numbers.size()?,
                target: numbers.next()?,
                weight: numbers.next()?,
            })
        })?;
        let assignment = std::fs::read_to_string(folder.join(format!("assignment_{name}.txt")))?;
        Ok(Self {
            process_move_weight: numbers.next()?,
            service_move_weight: numbers.next()?,
            machine_move_weight: numbers.next()?,
            initial: Numbers::of(&assignment).times(processes.len(), Numbers::size)?,
            resources,
            machines,
            services,
            processes,
            balances,
        })
    }

    pub(crate) fn dependencies(&self) -> usize {
        self.services
            .iter()
            .map(|service| service.needs.len())
            .sum()
    }
}
