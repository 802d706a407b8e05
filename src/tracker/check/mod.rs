//! What must hold in a file, as functions: one for each invariant, over an [`Image`] of all rows.
//!
//! [`MigrationTracker::check`](super::MigrationTracker::check) runs those that a single image can answer. The others compare two
//! images, before and after a step or a restart, and are for tests and fuzzers. I13, about plans,
//! is the planner's.
//!
//! Each function trusts nothing but the rows that it is given, and says what does not hold with
//! table and key.

mod active;
mod derived;
mod durability;
mod held_back;
mod image;
mod indexes;
mod ledger;
mod limits;
mod log;
mod lost;
mod ownership;
mod progress;
mod records;
mod report;
mod violation;

pub use active::invariant_i1_one_active_migration_per_shard;
pub use durability::{
    Acknowledged, invariant_i11_bad_rows_are_named, invariant_i11_reopening_changes_nothing,
    invariant_i12_acknowledged_survives,
};
pub use held_back::invariant_i14_what_is_held_back_waits;
pub use image::Image;
pub use indexes::invariant_i2_indexes_follow_from_their_tables;
pub use ledger::{
    invariant_i6_copies_left_behind_are_in_the_ledger,
    invariant_i7_no_migration_meets_an_open_cleanup,
};
pub use limits::invariant_i9_limits_hold_at_each_claim;
pub use log::invariant_i10_events_have_no_gap_and_form_legal_paths;
pub use ownership::{
    invariant_i5_owner_changes_only_at_cutover, invariant_i5_owner_is_where_the_last_move_went,
};
pub use progress::{
    invariant_i8_progress_is_monotone_within_an_attempt, invariant_i8_progress_within_total,
};
pub use records::{
    invariant_i3_records_are_legal, invariant_i3_terminal_rows_never_change,
    invariant_i4_epochs_are_consistent, invariant_i4_stale_epoch_changes_nothing,
};
pub use report::{CheckReport, TableRows};
pub use violation::Violation;

pub(in crate::tracker) use derived::{EachIndex, Index, each_index};
pub(in crate::tracker) use ledger::settles;
pub(in crate::tracker) use violation::{ShownKey, hex};

/// Every invariant that one image can answer, in the order of their numbers.
#[must_use]
pub fn invariants_of(image: &Image) -> Vec<Violation> {
    let each = [
        invariant_i1_one_active_migration_per_shard,
        invariant_i2_indexes_follow_from_their_tables,
        invariant_i3_records_are_legal,
        invariant_i4_epochs_are_consistent,
        invariant_i5_owner_is_where_the_last_move_went,
        invariant_i6_copies_left_behind_are_in_the_ledger,
        invariant_i7_no_migration_meets_an_open_cleanup,
        invariant_i8_progress_within_total,
        invariant_i9_limits_hold_at_each_claim,
        invariant_i10_events_have_no_gap_and_form_legal_paths,
        invariant_i11_bad_rows_are_named,
        invariant_i14_what_is_held_back_waits,
    ];
    each.iter().flat_map(|invariant| invariant(image)).collect()
}

/// Every invariant of one step: `after` is the image after one operation on `before`.
#[must_use]
pub fn invariants_of_step(before: &Image, after: &Image) -> Vec<Violation> {
    let each = [
        invariant_i3_terminal_rows_never_change,
        invariant_i5_owner_changes_only_at_cutover,
        invariant_i8_progress_is_monotone_within_an_attempt,
    ];
    each.iter()
        .flat_map(|invariant| invariant(before, after))
        .collect()
}
