//! Reports about the tracker. Their files are in `TMPDIR` while they are made.

mod footprint;
mod growth;
mod movers;
mod planning;
mod progress;
mod reads;
mod restart;
mod soak;
mod transitions;

mod cancelled;
mod child;
mod files;
mod history;
mod registry;
mod round;

use std::io::Write;

pub use child::{CHILD, child};

use crate::{Result, Size};

/// A table or a few that belong together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Report {
    /// Durable transitions, beside other stores.
    Transitions,
    /// Reports of progress.
    Progress,
    /// Reads, while others write.
    Reads,
    /// What planning costs writers.
    Planning,
    /// What a long history costs.
    Growth,
    /// Opening a file after a kill.
    Restart,
    /// Resident memory.
    Footprint,
    /// The size of a file that is written to for long.
    Soak,
    /// Moving files, beside other tools.
    Movers,
}

impl Report {
    /// Every report, in their order.
    pub const ALL: [Self; 9] = [
        Self::Transitions,
        Self::Progress,
        Self::Reads,
        Self::Planning,
        Self::Growth,
        Self::Restart,
        Self::Footprint,
        Self::Soak,
        Self::Movers,
    ];

    /// Its name on the command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Transitions => "transitions",
            Self::Progress => "progress",
            Self::Reads => "reads",
            Self::Planning => "planning",
            Self::Growth => "growth",
            Self::Restart => "restart",
            Self::Footprint => "footprint",
            Self::Soak => "soak",
            Self::Movers => "movers",
        }
    }

    /// The report of this name.
    #[must_use]
    pub fn by_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|report| report.name() == name)
    }
}

/// How much is measured.
#[derive(Clone, Copy, Debug)]
pub struct Scale {
    /// How long, and on how much.
    pub size: Size,
    /// Ended migrations in large files. `None`: as many as the size has.
    pub rows: Option<u64>,
}

impl Scale {
    /// How many ended migrations a large file has.
    fn rows(self) -> u64 {
        self.rows.unwrap_or(self.size.pick(1_000, 1_000_000))
    }
}

/// Prints a report.
///
/// # Errors
/// It cannot be printed, or something that is measured fails.
pub fn run(report: Report, scale: Scale, out: &mut dyn Write) -> Result<()> {
    match report {
        Report::Transitions => transitions::print(scale, out),
        Report::Progress => progress::print(scale, out),
        Report::Reads => reads::print(scale, out),
        Report::Planning => planning::print(scale, out),
        Report::Growth => growth::print(scale, out),
        Report::Restart => restart::print(scale, out),
        Report::Footprint => footprint::print(scale, out),
        Report::Soak => soak::print(scale, out),
        Report::Movers => movers::print(scale, out),
    }
}
