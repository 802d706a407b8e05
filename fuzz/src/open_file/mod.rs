//! Damaged database files: opening one gives a typed error and leaves it byte for byte as it was,
//! or a database that `check` describes and that can be worked with.

mod base;
mod mutation;
mod origin;
mod pages;

pub use base::{Base, bases};
pub use mutation::{Mutation, mutations};
pub use origin::Origin;

use shardferry::store::{OpenError, StoreError};
use shardferry::tracker::BeginError;
use shardferry::tracker::check::Image;
use shardferry::{MigrationTracker, NodeId, ShardId};

use crate::disk::Disk;

/// What became of a damaged file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outcome {
    /// It is the file that it was before.
    Untouched,
    /// It was not opened.
    Refused(&'static str),
    /// It was opened, and all rows are as they were.
    Clean,
    /// It was opened and keeps every invariant, with other rows than before.
    CleanButOther(Origin),
    /// It was opened, and `check` names what does not hold.
    Violations,
    /// It was opened, and reading it is refused.
    Unreadable(&'static str),
}

/// Opens what `input` makes of a good file.
///
/// # Panics
/// When something does not hold.
pub fn run(input: &[u8]) {
    // What it is does not matter here.
    let _ = open(input);
}

/// Opens what `input` makes of a good file, and says what became of it.
///
/// # Panics
/// When something does not hold.
pub fn open(input: &[u8]) -> Outcome {
    let (base, mutations) = mutations(input);
    let mut bytes = base.bytes.clone();
    for mutation in &mutations {
        mutation.apply(&mut bytes);
    }
    if bytes == base.bytes {
        return Outcome::Untouched;
    }
    let disk = Disk::of(&bytes);
    let tracker = match MigrationTracker::open(disk.path()) {
        Ok(tracker) => tracker,
        Err(error) => {
            assert!(disk.read() == bytes, "refused, and changed: {error:?}");
            return Outcome::Refused(refusal(&error));
        }
    };
    let found = look(&tracker);
    let outcome = match found {
        Found::Clean(image) if image == base.image => Outcome::Clean,
        Found::Clean(image) => {
            Outcome::CleanButOther(origin::origin(&image, base, &mutations, &bytes))
        }
        Found::Violations => Outcome::Violations,
        Found::Unreadable(fault) => Outcome::Unreadable(fault),
    };
    assert!(
        outcome != Outcome::CleanButOther(Origin::Unknown),
        "{}: {mutations:?}: other rows, and nothing says so",
        base.name
    );
    work(&tracker);
    drop(tracker);
    // Nor does what was written to it keep it from being opened again, or refused.
    if let Ok(tracker) = MigrationTracker::open(disk.path()) {
        look(&tracker);
    }
    outcome
}

enum Found {
    Clean(Image),
    Violations,
    Unreadable(&'static str),
}

fn look(tracker: &MigrationTracker) -> Found {
    match (tracker.check(), tracker.image()) {
        (Ok(report), Ok(image)) if report.is_clean() => Found::Clean(image),
        (Ok(report), Ok(_)) => {
            for violation in &report.violations {
                assert!(!violation.to_string().is_empty());
            }
            Found::Violations
        }
        (Err(error), _) | (_, Err(error)) => Found::Unreadable(fault(&error)),
    }
}

/// A few operations: each is done or refused.
fn work(tracker: &MigrationTracker) {
    // Their outcomes depend on the damage.
    let _ = tracker.snapshot();
    let _ = tracker.cleanups();
    for shard in [1, 2, 40] {
        let begun = tracker.begin_migration(ShardId(shard), NodeId(1), NodeId(2));
        match begun {
            Ok(id) => {
                let _ = tracker.update_progress(id, 1, 2);
                let _ = tracker.cancel_migration(id, "tried");
                let _ = tracker.settle_cleanup(NodeId(2), ShardId(shard));
            }
            Err(BeginError::AlreadyMigrating { migration, .. }) => {
                let _ = tracker.history(migration);
                let _ = tracker.fail_migration(migration, "tried");
            }
            Err(_) => {}
        }
    }
}

fn refusal(error: &OpenError) -> &'static str {
    match error {
        OpenError::NotFound { .. } => "NotFound",
        OpenError::Exists { .. } => "Exists",
        OpenError::NotAFile { .. } => "NotAFile",
        OpenError::Locked { .. } => "Locked",
        OpenError::NotADatabase { .. } => "NotADatabase",
        OpenError::NewerFormat { .. } => "NewerFormat",
        OpenError::Damaged { .. } => "Damaged",
        OpenError::WriteAheadLog { .. } => "WriteAheadLog",
        OpenError::Io { .. } => "Io",
        OpenError::NotOwner { .. } => "NotOwner",
        OpenError::Upgrade { .. } => "Upgrade",
        OpenError::Store { .. } => "Store",
    }
}

fn fault(error: &StoreError) -> &'static str {
    match error {
        StoreError::Row { .. } => "Row",
        StoreError::Key { .. } => "Key",
        StoreError::Encode { .. } => "Encode",
        StoreError::Inconsistent { .. } => "Inconsistent",
        StoreError::Storage { .. } => "Storage",
        StoreError::CommitUnknown { .. } => "CommitUnknown",
        StoreError::SetAside { .. } => "SetAside",
        StoreError::ReopenNeeded => "ReopenNeeded",
    }
}
