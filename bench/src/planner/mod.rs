//! Reports about the planner.

mod clusters;
mod disk;
mod growth;
mod memory;
mod openb;
mod peers;
mod roadef;

use std::io::Write;

use crate::{Result, Size};

/// A table or a few that belong together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Report {
    /// Plans of clusters of every kind: moves, bounds, time.
    Clusters,
    /// How the time for each shard grows.
    Growth,
    /// What planning takes beyond its input.
    Memory,
    /// Other planners on the same clusters.
    Peers,
    /// ROADEF/EURO 2012, set A.
    Roadef,
    /// The trace openb.
    Openb,
    /// From a database on disk.
    Disk,
}

impl Report {
    /// Every report, in their order.
    pub const ALL: [Self; 7] = [
        Self::Clusters,
        Self::Growth,
        Self::Memory,
        Self::Peers,
        Self::Roadef,
        Self::Openb,
        Self::Disk,
    ];

    /// Its name on the command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Clusters => "clusters",
            Self::Growth => "growth",
            Self::Memory => "memory",
            Self::Peers => "peers",
            Self::Roadef => "roadef",
            Self::Openb => "openb",
            Self::Disk => "disk",
        }
    }

    /// The report of this name.
    #[must_use]
    pub fn by_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|report| report.name() == name)
    }
}

/// Prints a report.
///
/// # Errors
/// It cannot be printed, its data cannot be read, there is no plan, or a plan breaks a rule.
pub fn run(report: Report, size: Size, out: &mut dyn Write) -> Result<()> {
    match report {
        Report::Clusters => clusters::print(size, out),
        Report::Growth => growth::print(size, out),
        Report::Memory => memory::print(size, out),
        Report::Peers => peers::print(size, out),
        Report::Roadef => roadef::print(size, out),
        Report::Openb => openb::print(out),
        Report::Disk => disk::print(size, out),
    }
}
