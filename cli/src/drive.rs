//! Runs the executor with somebody watching.

use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::Arc;

use clap::Args;
use shardferry::executor::{Executor, ExecutorOptions, RunReport, ShardMover, StopToken};
use shardferry::movers::directory::{MARK_NAME, ScannedShard, is_temporary_name, scan};
use shardferry::store::Snapshot;
use shardferry::{MigrationTracker, TimestampMs};

use crate::exit::Exit;
use crate::failure::Failure;
use crate::progress::Watch;
use crate::{registered, text};

/// How shards are moved.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct Pace {
    /// How many shards are moved at once; the limits of the settings hold as well
    #[arg(
        long,
        value_name = "N",
        default_value_t = NonZeroUsize::MIN.saturating_add(1),
        value_parser = workers
    )]
    pub(crate) workers: NonZeroUsize,
}

/// What is unfinished is driven so.
#[derive(Clone, Copy)]
pub(crate) struct Drive<'a> {
    /// Who moves the bytes.
    pub(crate) mover: &'a dyn ShardMover,
    /// How many at once.
    pub(crate) pace: Pace,
    /// How it is asked to stop.
    pub(crate) stop: &'a StopToken,
}

/// More threads than this help no disk, and each takes memory.
const WORKERS_MAX: usize = 256;

fn workers(given: &str) -> Result<NonZeroUsize, String> {
    let number: NonZeroUsize = given
        .parse()
        .map_err(|_| "a number from 1 on is needed".to_owned())?;
    match number.get() > WORKERS_MAX {
        true => Err(format!("at most {WORKERS_MAX}")),
        false => Ok(number),
    }
}

/// Drives everything that is unfinished to its end, or until `stop`.
pub(crate) fn drive(tracker: &MigrationTracker, how: Drive<'_>) -> Result<RunReport, Failure> {
    drive_with(tracker, how, |_| {})
}

/// As [`drive`], with options of the caller's choice.
pub(crate) fn drive_with(
    tracker: &MigrationTracker,
    how: Drive<'_>,
    choose: impl FnOnce(&mut ExecutorOptions),
) -> Result<RunReport, Failure> {
    let Drive { mover, pace, stop } = how;
    let watch = Arc::new(Watch::new(&tracker.snapshot()?));
    let mut options = ExecutorOptions::new(format!("shardferry-{}", std::process::id()))
        .map_err(|error| Failure::new(Exit::Unexpected, error))?;
    options.workers = pace.workers;
    options.stop = stop.clone();
    options.observer = watch.clone();
    choose(&mut options);
    let report = Executor::run(tracker, mover, &options);
    watch.finish();
    report.map_err(|error| {
        let shown = text::path(tracker.path());
        Failure::from(error).context(format_args!("the run stopped: {shown} failed"))
    })
}

/// How a run ends the program.
pub(crate) fn exit_of(report: &RunReport, now: TimestampMs) -> Exit {
    // A copy that is kept for its grace period is as it should be.
    let stuck = |cleanup: &&shardferry::Cleanup| {
        cleanup.failed_attempts > 0 || cleanup.not_before_ms <= now
    };
    let left = !report.unfinished.is_empty() || report.cleanups.iter().any(|one| stuck(&one));
    match (left, report.stopped) {
        (true, true) => Exit::Interrupted,
        (true, false) => Exit::Unfinished,
        (false, _) if report.failed > 0 => Exit::Unfinished,
        (false, _) => Exit::Success,
    }
}

/// `going on with 3 unfinished migrations, 41 MiB of 120 MiB already copied`, when there are any.
pub(crate) fn going_on(snapshot: &Snapshot) -> Option<String> {
    use crate::text::{bytes, count};
    let mut copied = 0_u64;
    let mut whole = 0_u64;
    for migration in &snapshot.active {
        let saved = migration.checkpoint.as_ref();
        copied = copied.saturating_add(saved.map_or(0, |saved| saved.bytes_migrated));
        whole = whole.saturating_add(registered::bytes_to_move(snapshot, migration));
    }
    let migrations = (!snapshot.active.is_empty()).then(|| {
        let number = count(snapshot.active.len(), "unfinished migration");
        format!(
            "{number}, {} of {} already copied",
            bytes(copied),
            bytes(whole)
        )
    });
    let copies = match snapshot.cleanups.len() {
        0 => None,
        1 => Some("1 old copy to remove".to_owned()),
        more => Some(format!("{more} old copies to remove")),
    };
    let parts: Vec<String> = migrations.into_iter().chain(copies).collect();
    (!parts.is_empty()).then(|| format!("going on with {}", parts.join("; ")))
}

/// The shards in a node's directory.
pub(crate) fn entries(directory: &Path) -> Result<Vec<ScannedShard>, anyhow::Error> {
    Ok(scan(directory)?)
}

/// Whether such a name is the mover's own.
pub(crate) fn is_reserved(name: &str) -> bool {
    name == MARK_NAME || is_temporary_name(name.as_ref())
}
