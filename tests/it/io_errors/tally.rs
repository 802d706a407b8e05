//! What came of every fault.

use std::any::Any;
use std::collections::BTreeMap;
use std::fmt;

use shardferry::testkit::Fault;

/// What came of a fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Outcome {
    /// No operation failed: it was met while closing, or by a write that may fail.
    Absorbed,
    /// `StoreError::Storage`: the operation was not applied.
    NotApplied,
    /// `StoreError::CommitUnknown`, and the file has it.
    CommitDurable,
    /// `StoreError::CommitUnknown`, and the file does not have it.
    CommitNotDurable,
    /// `OpenError`: there is no file.
    NotCreated,
    /// `OpenError` of a creation, and the file is there, whole.
    CreatedAllTheSame,
    /// `OpenError` of an open.
    NotOpened,
}

impl Outcome {
    pub(super) const ALL: [Self; 7] = [
        Self::Absorbed,
        Self::NotApplied,
        Self::CommitDurable,
        Self::CommitNotDurable,
        Self::NotCreated,
        Self::CreatedAllTheSame,
        Self::NotOpened,
    ];
}

#[derive(Default)]
pub(super) struct Tally {
    /// By call, trouble and whether it goes on for ever.
    counts: BTreeMap<String, BTreeMap<Outcome, u64>>,
    /// What went wrong, with its fault.
    pub(super) bad: Vec<String>,
}

impl Tally {
    pub(super) fn count(&mut self, fault: Fault, suffered: Result<Outcome, Box<dyn Any + Send>>) {
        let often = if fault.forever { "for ever" } else { "once" };
        let kind = format!("{:?} {:?} {often}", fault.call, fault.trouble);
        match suffered {
            Ok(outcome) => {
                let of = self.counts.entry(kind).or_default();
                *of.entry(outcome).or_default() += 1;
            }
            Err(panic) => {
                let text = match panic.downcast_ref::<String>() {
                    Some(text) => text.clone(),
                    None => format!("{:?}", panic.downcast_ref::<&str>()),
                };
                self.bad.push(format!("{fault:?}: {text}"));
            }
        }
    }

    pub(super) fn and(mut self, other: Self) -> Self {
        for (kind, counts) in other.counts {
            let of = self.counts.entry(kind).or_default();
            for (outcome, count) in counts {
                *of.entry(outcome).or_default() += count;
            }
        }
        self.bad.extend(other.bad);
        self
    }

    pub(super) fn faults(&self) -> u64 {
        let counted: u64 = self.counts.values().flat_map(|of| of.values()).sum();
        counted + self.bad.len() as u64
    }

    pub(super) fn sometimes(&self, outcome: Outcome) -> bool {
        self.counts
            .values()
            .any(|of| of.get(&outcome).is_some_and(|count| *count > 0))
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut total: BTreeMap<Outcome, u64> = BTreeMap::new();
        for (kind, of) in &self.counts {
            writeln!(f, "{kind}: {of:?}")?;
            for (outcome, count) in of {
                *total.entry(*outcome).or_default() += count;
            }
        }
        let (faults, bad) = (self.faults(), self.bad.len());
        write!(f, "{faults} faults, {bad} bad: {total:?}")
    }
}
