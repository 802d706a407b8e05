use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use super::attempt::{Stopped, attempt, job_of};
use super::in_hand::InHand;
use super::queue::{Queue, Work};
use super::settle::{Settled, settle};
use super::{ExecutorOptions, Job, Notice, RunReport, ShardMover};
use crate::schema::v1::{Cleanup, FailureClass, Migration, Node, NodeState, Status};
use crate::store::StoreError;
use crate::tracker::{MigrationTracker, TransitionError};

/// The longest time between two signs of life of a migration in hand.
const HEARTBEAT_MS_MAX: u64 = 5_000;

/// Drives every unfinished migration and every open cleanup of a file to its end.
///
/// ```
/// use shardferry::executor::{Executor, ExecutorOptions};
/// use shardferry::movers::DirectoryMover;
/// use shardferry::schema::text::{Address, NodeName, ShardName};
/// use shardferry::{MigrationTracker, Node, NodeId, Shard, ShardId};
///
/// let folder = tempfile::tempdir()?;
/// let tracker = MigrationTracker::create(folder.path().join("shards.redb"))?;
/// for (id, name) in [(1, "disk-a"), (2, "disk-b")] {
///     let path = folder.path().join(name);
///     std::fs::create_dir(&path)?;
///     let mut node = Node::new(NodeId(id), NodeName::new(name)?);
///     node.address = Some(Address::new(path.to_string_lossy())?);
///     tracker.register_node(node)?;
/// }
/// std::fs::write(folder.path().join("disk-a/orders"), "every order")?;
/// tracker.register_shard(Shard::new(ShardId(7), ShardName::new("orders")?, NodeId(1)))?;
///
/// tracker.begin_migration(ShardId(7), NodeId(1), NodeId(2))?;
/// let report = Executor::run(&tracker, &DirectoryMover::new(), &ExecutorOptions::new("docs")?)?;
///
/// assert_eq!(report.completed, 1);
/// assert_eq!(std::fs::read(folder.path().join("disk-b/orders"))?, b"every order");
/// assert!(!folder.path().join("disk-a/orders").exists());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Executor;

impl Executor {
    /// Works until nothing is left that can be worked on, or until it is asked to stop. What an
    /// earlier process left under way comes first, from its checkpoint.
    ///
    /// A crash loses nothing: the next run goes on. A failure of a mover ends an attempt, not the
    /// run; what is given up or still under way is in the report.
    ///
    /// # Errors
    /// [`StoreError`] when the file fails. Nothing is lost: open it again and run again.
    pub fn run(
        tracker: &MigrationTracker,
        mover: &dyn ShardMover,
        options: &ExecutorOptions,
    ) -> Result<RunReport, StoreError> {
        let started = Instant::now();
        tracker.settings()?;
        let queue = Queue::new(tracker, options);
        let run = Run {
            tracker,
            mover,
            options,
            queue: &queue,
        };
        thread::scope(|scope| {
            let workers: Vec<_> = (0..options.workers.get())
                .map(|_| scope.spawn(|| run.work()))
                .collect();
            scope.spawn(|| run.beat());
            for worker in workers {
                // Panics of a mover and of an observer are caught in the worker: this one is ours, and
                // ends the worker only.
                if worker.join().is_err() {
                    tracing::error!("a worker of the executor panicked");
                }
            }
            queue.end();
        });
        let mut report = queue.report()?;
        tracker.flush()?;
        report.took = started.elapsed();
        report.stopped = options.stop.is_stopped();
        report.unfinished = tracker.unfinished()?;
        report.cleanups = tracker.cleanups()?;
        Ok(report)
    }
}

struct Run<'a> {
    tracker: &'a MigrationTracker,
    mover: &'a dyn ShardMover,
    options: &'a ExecutorOptions,
    queue: &'a Queue<'a>,
}

impl<'a> Run<'a> {
    fn work(&self) {
        while let Some(work) = self.queue.next() {
            // A mover's panic is caught where it is called; this is one of an observer.
            let done = catch_unwind(AssertUnwindSafe(|| match &work {
                Work::Move(in_hand) => self.drive(in_hand),
                Work::Clean(cleanup) => self.clean(cleanup),
            }));
            match done {
                Ok(Ok(())) => {}
                Ok(Err(error)) => self.queue.fail(error),
                Err(_) => self.abandon(&work),
            }
        }
    }

    /// Lets go of what a panic interrupted: the next look finds it again.
    fn abandon(&self, work: &Work<'a>) {
        tracing::error!("a panic in the executor; is it the observer's?");
        if let Work::Move(in_hand) = work
            && let Err(refusal) = in_hand.claim.release()
        {
            tracing::debug!(%refusal, "the attempt was over");
        }
        self.queue.abandon(work);
    }

    /// Renews the leases of what is in hand, also while a mover is silent.
    fn beat(&self) {
        let mut last = Instant::now();
        while !self.queue.is_over() {
            // A lease that is made shorter counts at once.
            let every = self.tracker.heartbeat_every(HEARTBEAT_MS_MAX);
            self.queue.doze(every.min(Duration::from_millis(100)));
            if last.elapsed() >= every {
                last = Instant::now();
                for in_hand in self.queue.in_hand() {
                    in_hand.renew();
                }
            }
        }
    }

    fn drive(&self, in_hand: &Arc<InHand<'a>>) -> Result<(), StoreError> {
        let migration = in_hand.claim.migration();
        let resumed_bytes = migration
            .checkpoint
            .as_ref()
            .map_or(0, |at| at.bytes_migrated);
        self.options.observer.notice(&Notice::Claimed {
            migration,
            resumed_bytes,
        });
        let outcome = self.outcome(in_hand);
        match &outcome {
            Ok(Ended::Complete(done)) => {
                self.options
                    .observer
                    .notice(&Notice::Completed { migration: done });
                let bytes = in_hand.bytes();
                self.queue.put_down(in_hand, |report| {
                    report.completed += 1;
                    report.bytes = report.bytes.saturating_add(bytes);
                });
                self.settle_after(done)?;
            }
            Ok(Ended::Otherwise(now)) => {
                self.tell(now);
                let status = now.status();
                self.queue.put_down(in_hand, |report| match status {
                    Status::Failed => report.failed += 1,
                    Status::Cancelled => report.cancelled += 1,
                    Status::Pending | Status::InProgress | Status::Verifying | Status::Complete => {
                        report.retried += 1
                    }
                });
            }
            Ok(Ended::LetGo) => {
                self.options
                    .observer
                    .notice(&Notice::Released { id: migration.id });
                self.queue.put_down(in_hand, |_| {});
            }
            Err(_) => self.queue.put_down(in_hand, |_| {}),
        }
        outcome.map(|_| ())
    }

    /// Makes the attempt and records how it ended.
    fn outcome(&self, in_hand: &InHand<'a>) -> Result<Ended, StoreError> {
        let made = match self.job(in_hand.claim.migration()) {
            Ok(Ok(job)) => {
                attempt(in_hand, self.mover, &job).map_err(|stopped| why(in_hand, stopped))
            }
            Ok(Err(hopeless)) => Err(hopeless),
            Err(error) => Err(Stopped::of_file(error)),
        };
        let mut interrupted = false;
        let recorded = match made {
            Ok(done) => return Ok(Ended::Complete(done)),
            Err(Stopped::File(error)) => return Err(error),
            Err(Stopped::Interrupted | Stopped::Left) => {
                interrupted = true;
                in_hand.claim.release()
            }
            Err(Stopped::Failed {
                class,
                reason,
                from_scratch,
            }) => in_hand.claim.fail_attempt(class, reason, from_scratch),
        };
        match recorded {
            Ok(now) if interrupted && !now.status().is_terminal() => Ok(Ended::LetGo),
            Ok(now) => Ok(Ended::Otherwise(now)),
            Err(TransitionError::Store(error)) => Err(error),
            // Another attempt has it, or it has ended: nothing of ours is left to record.
            Err(refusal) => {
                tracing::debug!(%refusal, "the attempt was over");
                Ok(Ended::LetGo)
            }
        }
    }

    /// The job; or why its cutover would be refused, before anything is copied in vain.
    fn job(&self, migration: &Migration) -> Result<Result<Job, Stopped>, StoreError> {
        let to = self.tracker.node(migration.to)?;
        let refuses = |node: &Node| node.state != NodeState::Active;
        if let Some(node) = to.filter(refuses)
            && migration.cancel.is_none()
            && migration.fenced_at_ms.is_none()
            && self.tracker.shard(migration.shard)?.is_some()
        {
            return Ok(Err(Stopped::Failed {
                class: FailureClass::Permanent,
                reason: format!(
                    "node {} ({}) is {:?} by now and accepts no shard",
                    node.id, node.name, node.state
                ),
                from_scratch: false,
            }));
        }
        Ok(Ok(job_of(self.tracker, migration)?))
    }

    fn tell(&self, now: &Migration) {
        let observer = &self.options.observer;
        match now.status() {
            Status::Failed => observer.notice(&Notice::Failed { migration: now }),
            Status::Cancelled => observer.notice(&Notice::Cancelled { migration: now }),
            Status::Pending | Status::InProgress | Status::Verifying | Status::Complete => {
                let (class, reason) = now
                    .failures
                    .last()
                    .map_or((FailureClass::Unknown, ""), |failure| {
                        (failure.class, failure.reason.as_str())
                    });
                observer.notice(&Notice::AttemptFailed {
                    id: now.id,
                    class,
                    reason,
                    not_before_ms: now.not_before_ms,
                });
            }
        }
    }

    /// After a cutover the destination is made to serve at once.
    fn settle_after(&self, done: &Migration) -> Result<(), StoreError> {
        let left = |cleanup: &Cleanup| cleanup.migration == done.id;
        match self.tracker.cleanup(done.from, done.shard)?.filter(left) {
            Some(cleanup) if self.queue.take_this_cleanup((cleanup.node, cleanup.shard)) => {
                self.clean(&cleanup)
            }
            Some(_) | None => Ok(()),
        }
    }

    fn clean(&self, cleanup: &Cleanup) -> Result<(), StoreError> {
        let settled = match settle(self.tracker, self.mover, self.options, cleanup) {
            Err(error) if error.is_about_one_row() => {
                tracing::warn!(%error, "a damaged row keeps a copy; run `check`");
                Settled::Failed
            }
            settled => settled?,
        };
        self.queue.put_down_cleanup(cleanup, settled);
        Ok(())
    }
}

/// Why an attempt stopped. A report that was refused interrupts the mover, and the refusal is the
/// reason; a mover that stops without having been told to has failed.
fn why(in_hand: &InHand<'_>, stopped: Stopped) -> Stopped {
    // What became of a cutover is known best by whoever asked for it.
    if matches!(stopped, Stopped::File(_)) {
        return stopped;
    }
    if let Some(failure) = in_hand.take_failure() {
        return Stopped::from(failure);
    }
    if matches!(stopped, Stopped::Left) && !in_hand.was_told_to_stop() {
        return Stopped::Failed {
            class: FailureClass::Retriable,
            reason: "the mover stopped without having been told to".to_owned(),
            from_scratch: false,
        };
    }
    stopped
}

/// How an attempt ended.
enum Ended {
    /// Cut over.
    Complete(Migration),
    /// It is tried again, failed, or was cancelled.
    Otherwise(Migration),
    /// Nothing more is to be done about it here.
    LetGo,
}
