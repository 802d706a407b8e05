//! One run: what an earlier one left is finished and looked at, then clients write, shards move,
//! trouble is made, and everything is looked at again.

use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::{Duration, Instant};

use shardferry::executor::{Executor, ExecutorOptions, RunReport};
use shardferry::{MigrationId, NodeId, Shard, Status};

use crate::audit::audit;
use crate::client::{Client, Heard, Shared, Stopping};
use crate::cluster::Cluster;
use crate::error::AnyError;
use crate::options::Options;
use crate::report::{Gaps, Report, Spread};
use crate::rig::{Pause, Rig, Trouble};

/// Migrations at once.
const WORKERS: NonZeroUsize = NonZeroUsize::MIN.saturating_add(1);

/// How often a run of the executor is followed by another before what is left counts as stuck.
const RUNS_MAX: usize = 100;

/// Says how far it is.
pub(crate) type Say<'a> = &'a (dyn Fn(String) + Sync);

/// Runs in the folder of `options`.
pub(crate) fn run(options: &Options, say: Say<'_>) -> Result<Report, AnyError> {
    match &options.folder {
        Some(folder) => {
            std::fs::create_dir_all(folder)?;
            run_in(folder, options, say)
        }
        None => run_in(tempfile::tempdir()?.path(), options, say),
    }
}

fn run_in(folder: &Path, options: &Options, say: Say<'_>) -> Result<Report, AnyError> {
    let cluster = Arc::new(Cluster::open(folder, options)?);
    let snapshot = cluster.tracker.snapshot()?;
    say(format!(
        "{} shards of {} rows on {} nodes in {}",
        snapshot.shards.len(),
        snapshot
            .shards
            .iter()
            .map(|shard| shard.keys)
            .max()
            .unwrap_or(0),
        snapshot.nodes.len(),
        folder.display()
    ));
    let rig = Rig::new(&cluster);
    let resumed = drive(&cluster, &rig)?;
    let before = audit(&cluster, folder)?;
    if before.acknowledged > 0 {
        say(format!(
            "an earlier run was here: {} migrations ended, {} acknowledged writes looked for",
            resumed.completed + resumed.failed + resumed.cancelled,
            before.acknowledged
        ));
    }
    let mut report = Report {
        resumed: resumed.completed + resumed.failed + resumed.cancelled,
        earlier: before.acknowledged,
        ..Report::default()
    };
    if !before.violations.is_empty() {
        report.audit = before;
        return Ok(report);
    }
    let mut stage = Stage {
        cluster: &cluster,
        rig: &rig,
        shared: &Shared::new(&cluster, options.value_bytes),
        say,
        report,
    };
    let faults = stage.play(folder, options)?;
    let mut report = stage.report;
    report.audit = audit(&cluster, folder)?;
    report.audit.violations.extend(faults);
    Ok(report)
}

struct Stage<'a> {
    cluster: &'a Arc<Cluster>,
    rig: &'a Rig,
    shared: &'a Shared,
    say: Say<'a>,
    report: Report,
}

impl Stage<'_> {
    /// Everything that happens while clients write; the answer is what clients complain of.
    fn play(&mut self, folder: &Path, options: &Options) -> Result<Vec<String>, AnyError> {
        let shared = self.shared;
        let clients = (0..options.clients)
            .map(|number| Client::new(folder, number, shared))
            .collect::<Result<Vec<_>, AnyError>>()?;
        let (played, answers) = thread::scope(|scope| {
            let stopping = Stopping(shared);
            let clients: Vec<_> = (clients.into_iter())
                .map(|client| scope.spawn(|| client.run()))
                .collect();
            let played = self.scenes(options);
            drop(stopping);
            let answers: Vec<_> = clients.into_iter().map(|client| client.join()).collect();
            (played, answers)
        });
        let (quiet_until, pauses) = played?;
        let mut heard: Vec<Heard> = Vec::new();
        let mut faults = Vec::new();
        for answer in answers {
            match answer {
                Ok(Ok(of_client)) => heard.extend(of_client),
                Ok(Err(error)) => faults.push(error.to_string()),
                Err(_) => faults.push("a client panicked".to_owned()),
            }
        }
        self.measure(Gaps::new(heard), quiet_until, &pauses);
        Ok(faults)
    }

    fn measure(&mut self, gaps: Gaps, quiet_until: Instant, pauses: &[Pause]) {
        let (moved, stayed): (Vec<Pause>, Vec<Pause>) =
            pauses.iter().copied().partition(|pause| pause.moved);
        let took = |pauses: &[Pause]| {
            let times = pauses.iter();
            times
                .map(|pause| pause.over_at.duration_since(pause.fenced_at))
                .collect()
        };
        self.report.quiet_gaps = Spread::of(gaps.before(quiet_until));
        self.report.gaps = Spread::of(gaps.around(&moved));
        self.report.fence_to_activate = Spread::of(took(&moved));
        self.report.fence_to_unfence = Spread::of(took(&stayed));
        self.report.sent_on = self.shared.sent_on.load(Ordering::Relaxed);
    }

    fn scenes(&mut self, options: &Options) -> Result<(Instant, Vec<Pause>), AnyError> {
        let (quiet, _) = self.rate(|_| {
            thread::sleep(Duration::from_millis(options.quiet_ms));
            Ok(())
        })?;
        let quiet_until = Instant::now();
        self.report.quiet_rate = quiet;
        (self.say)(format!("no migration:   {quiet:.0} writes per second"));
        let mut busy_for = Duration::ZERO;
        let mut busy_writes = 0.0;
        for round in 1..=options.rounds {
            let (rate, took) = self.rate(|stage| stage.move_all())?;
            busy_writes += rate * took.as_secs_f64();
            busy_for += took;
            (self.say)(format!(
                "round {round}: every shard moved in {:.1} s, {rate:.0} writes per second",
                took.as_secs_f64()
            ));
        }
        self.report.busy_rate = busy_writes / busy_for.as_secs_f64().max(0.001);
        let moves = self.rig.take_pauses();
        self.trouble()?;
        Ok((quiet_until, [moves, self.rig.take_pauses()].concat()))
    }

    /// Writes per second while `work` is done, and how long that took.
    fn rate(
        &mut self,
        work: impl FnOnce(&mut Self) -> Result<(), AnyError>,
    ) -> Result<(f64, Duration), AnyError> {
        let count = || self.shared.acknowledged.load(Ordering::Relaxed);
        let (began, before) = (Instant::now(), count());
        let shared = self.shared;
        work(self)?;
        let took = began.elapsed();
        let writes = shared.acknowledged.load(Ordering::Relaxed) - before;
        let writes = u32::try_from(writes).map_or(f64::MAX, f64::from);
        Ok((writes / took.as_secs_f64(), took))
    }

    /// Every shard to the next node.
    fn move_all(&mut self) -> Result<(), AnyError> {
        let mut begun = Vec::new();
        for shard in self.cluster.tracker.snapshot()?.shards {
            begun.push(self.begin(&shard)?);
        }
        let done = drive(self.cluster, self.rig)?;
        self.report.moved += done.completed;
        for id in begun {
            match self.cluster.tracker.get_migration(id)? {
                Some(ended) if ended.status() == Status::Complete => {}
                other => return Err(format!("a shard did not move: {other:?}").into()),
            }
        }
        Ok(())
    }

    fn begin(&self, shard: &Shard) -> Result<MigrationId, AnyError> {
        let count = u64::try_from(self.cluster.nodes.iter().count())?;
        let next = NodeId(shard.owner.0 % count + 1);
        Ok((self.cluster.tracker).begin_migration(shard.id, shard.owner, next)?)
    }

    /// What goes wrong with a migration while writes are stopped: they go on where the shard was,
    /// or the copy is made again.
    fn trouble(&mut self) -> Result<(), AnyError> {
        for trouble in [Trouble::Cancelled, Trouble::Failed, Trouble::Damaged] {
            let shards = self.cluster.tracker.snapshot()?.shards;
            let shard = shards.first().ok_or("no shards")?;
            let id = self.begin(shard)?;
            self.rig.trouble(id, trouble);
            let done = drive(self.cluster, self.rig)?;
            let owner = (self.cluster.tracker.shard(shard.id)?).map(|shard| shard.owner);
            let stayed = owner == Some(shard.owner);
            let told = match trouble {
                Trouble::Cancelled => {
                    self.report.cancelled += done.cancelled;
                    "called off while fenced"
                }
                Trouble::Failed => {
                    self.report.failed += done.failed;
                    "failed while fenced"
                }
                Trouble::Damaged => {
                    self.report.moved += done.completed;
                    self.report.damage_caught += done.retried;
                    "a value of the copy was damaged"
                }
            };
            if stayed == (trouble == Trouble::Damaged) {
                let ended = self.cluster.tracker.get_migration(id)?;
                return Err(format!("{told}: the shard is on node {owner:?}: {ended:?}").into());
            }
            let then = if stayed {
                "the shard stays, and takes writes"
            } else {
                "caught by the verification, copied again, moved"
            };
            (self.say)(format!("{told}: {then}"));
            // Clients go on for a little.
            thread::sleep(Duration::from_millis(100));
        }
        Ok(())
    }
}

/// Drives what is under way to its end.
pub(crate) fn drive(cluster: &Cluster, rig: &Rig) -> Result<RunReport, AnyError> {
    let options = ExecutorOptions {
        workers: WORKERS,
        ..ExecutorOptions::new("live-kv")?
    };
    let mut report = RunReport::default();
    for _ in 0..RUNS_MAX {
        report = report.and_then(Executor::run(&cluster.tracker, rig, &options)?);
        if report.unfinished.is_empty() && report.cleanups.is_empty() {
            return Ok(report);
        }
    }
    let (unfinished, cleanups) = (report.unfinished, report.cleanups);
    Err(format!("stuck: {unfinished:?}, {cleanups:?}").into())
}
