//! `repair` puts right what follows from other rows, sets aside what cannot be read, and guesses
//! nothing.

mod contradictions;
mod each_table;
mod forgiving;
mod random;
mod sizes;

use shardferry::MigrationTracker;
use shardferry::tracker::{RepairOptions, RepairReport};

/// Repairs; a dry run before says the same and writes nothing, and a second repair does nothing.
#[track_caller]
pub(crate) fn repair(tracker: &MigrationTracker) -> RepairReport {
    let before = tracker.image().unwrap();
    let dry = tracker.repair(&RepairOptions { dry_run: true }).unwrap();
    assert_eq!(tracker.image().unwrap(), before, "a dry run writes nothing");
    let report = tracker.repair(&RepairOptions::default()).unwrap();
    let shown = RepairReport {
        dry_run: false,
        ..dry
    };
    assert_eq!(shown, report, "a dry run shows what is done");
    let after = tracker.image().unwrap();
    let again = tracker.repair(&RepairOptions::default()).unwrap();
    assert_eq!(again.changes, [], "a second repair does nothing");
    assert_eq!(again.left, report.left);
    assert_eq!(tracker.image().unwrap(), after);
    assert_eq!(tracker.check().unwrap().violations, report.left);
    report
}
