use std::path::PathBuf;
use std::time::Duration;

/// How much of the suite is run.
///
/// ```
/// use shardferry::testkit::mover::Options;
///
/// let thorough = Options { reports_max: usize::MAX, ..Options::default() };
/// # assert!(thorough.folder.is_none());
/// ```
#[derive(Clone, Debug)]
pub struct Options {
    /// Of the reports of a run, this many are boundaries of their own, spread evenly; of the
    /// checkpoints as many again. Steps begin and end at boundaries in any case.
    pub reports_max: usize,
    /// How long one case may take before it counts as stuck.
    pub patience: Duration,
    /// Where the files of the trackers are made, and removed again. `None`: the folder of the
    /// system for temporary files. One in memory makes the suite several times as fast.
    pub folder: Option<PathBuf>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            reports_max: 16,
            patience: Duration::from_secs(120),
            folder: None,
        }
    }
}
