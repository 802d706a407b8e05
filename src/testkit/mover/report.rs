use std::fmt;

/// What the suite did. Every case in it passed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// The cases that passed, by name.
    pub cases: Vec<String>,
    /// At how many different boundaries the mover was killed.
    pub crash_points: usize,
    /// Reports that are no boundaries of their own, because there are more than
    /// [`Options::reports_max`](super::Options::reports_max).
    pub reports_left_out: usize,
    /// Cases whose boundary the run did not come to: the mover reports not always the same number
    /// of times. The runs passed all the same.
    pub not_reached: usize,
    /// What was not tested.
    pub skipped: Vec<Skipped>,
}

/// A group of cases that were not run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Skipped {
    /// The cases.
    pub cases: String,
    /// Why.
    pub why: String,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} cases passed; killed at {} boundaries ({} reports left out, {} cases did not come to \
             theirs)",
            self.cases.len(),
            self.crash_points,
            self.reports_left_out,
            self.not_reached
        )?;
        for Skipped { cases, why } in &self.skipped {
            write!(f, "\nskipped {cases}: {why}")?;
        }
        Ok(())
    }
}
