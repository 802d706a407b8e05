//! The command mover: what programs may do, and what hostile ones try.

mod classes;
mod config;
mod ending;
mod executor;
mod hostile;
mod talking;

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use shardferry::executor::{Endpoint, Interrupted, Job, MoverError, Reporter, ShardMover as _};
use shardferry::movers::CommandMover;
use shardferry::movers::command::{CommandMoverBuilder, Limits, Step};
use shardferry::schema::text::{Checkpoint, ShardName};
use shardferry::schema::v1::FailureClass;
use shardferry::{Epoch, NodeId, ShardId};

/// How long a call may take that has nothing to wait for, on a busy machine.
const SOON: Duration = Duration::from_secs(20);

/// A job for a shard with a name that is no UTF-8.
fn job() -> Job {
    let end = |node| Endpoint {
        node: NodeId(node),
        name: None,
        address: None,
    };
    Job {
        migration: "01a203ef-1a3a-7676-baff-91ebde2f3f67".parse().unwrap(),
        epoch: Epoch(3),
        shard: ShardId(7),
        shard_name: Some(ShardName::new(*b"or\xffders").unwrap()),
        from: end(1),
        to: end(2),
    }
}

/// `sh` with a script as the program. It has every step, five seconds for each, and no mercy.
fn script(text: &str) -> CommandMoverBuilder {
    let limits = Limits {
        idle: Some(Duration::from_secs(10)),
        total: Some(SOON),
    };
    let base = CommandMover::builder("sh")
        .args(["-c", text, "sh"])
        .steps(Step::ALL)
        .grace(Duration::from_millis(200));
    let all = Step::ALL.into_iter();
    all.fold(base, |builder, step| builder.limits(step, limits))
}

fn mover(text: &str) -> CommandMover {
    script(text).build().unwrap()
}

/// A reporter that remembers what it was told, and says to stop when it is asked to.
#[derive(Default)]
struct Ear {
    heard: Mutex<Vec<String>>,
    stop: AtomicBool,
    /// Stops at the first report that contains this.
    stop_at: Option<&'static str>,
}

impl Ear {
    fn stopping_at(report: &'static str) -> Self {
        Self {
            stop_at: Some(report),
            ..Self::default()
        }
    }

    fn hear(&self, report: String) -> Result<(), Interrupted> {
        if self.stop_at.is_some_and(|at| report.contains(at)) {
            self.stop();
        }
        let mut heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        // It is asked all the time whether the step is still wanted.
        if heard.last() != Some(&report) {
            heard.push(report);
        }
        if self.stop.load(Ordering::SeqCst) {
            return Err(Interrupted);
        }
        Ok(())
    }

    fn stop(&self) {
        self.stop.store(true, Ordering::SeqCst);
    }

    fn heard(&self) -> Vec<String> {
        self.heard.lock().unwrap().clone()
    }
}

impl Reporter for Ear {
    fn progress(&self, bytes: u64, total: Option<u64>) -> Result<(), Interrupted> {
        self.hear(format!("progress {bytes} of {total:?}"))
    }

    fn checkpoint(
        &self,
        cursor: Checkpoint,
        bytes: u64,
        total: Option<u64>,
    ) -> Result<(), Interrupted> {
        self.hear(format!("checkpoint {cursor} at {bytes} of {total:?}"))
    }

    fn verified(&self, bytes: u64, total: u64) -> Result<(), Interrupted> {
        self.hear(format!("verified {bytes} of {total}"))
    }

    fn throttle(&self, bytes: u64) -> Result<(), Interrupted> {
        self.hear(format!("throttle {bytes}"))
    }
}

/// Copies by the script.
fn copy(text: &str) -> Result<Vec<String>, MoverError> {
    let ear = Ear::default();
    mover(text).copy(&job(), None, &ear)?;
    Ok(ear.heard())
}

/// The class and the reason of a failure.
#[track_caller]
fn failure(error: MoverError) -> (FailureClass, String) {
    match error {
        MoverError::Failed { class, reason, .. } => (class, reason),
        MoverError::Interrupted(_) => panic!("interrupted"),
    }
}

/// The script fails, may be tried again, and the reason has these words. It takes no long time.
#[track_caller]
fn fails(text: &str, words: &[&str]) {
    let began = Instant::now();
    let (class, reason) = failure(copy(text).unwrap_err());
    assert_eq!(class, FailureClass::Retriable, "{reason}");
    for word in words {
        assert!(reason.contains(word), "{word:?} is missing: {reason}");
    }
    assert!(reason.len() < 1024, "{} bytes: {reason}", reason.len());
    assert!(began.elapsed() < SOON, "{:?}", began.elapsed());
}

/// Waits until the process with the number in `file` is gone, zombie or not.
#[track_caller]
fn is_gone(file: &Path) {
    let pid = std::fs::read_to_string(file).unwrap();
    let began = Instant::now();
    while Path::new("/proc").join(pid.trim()).exists() {
        assert!(began.elapsed() < SOON, "{pid} lives");
        std::thread::sleep(Duration::from_millis(5));
    }
}
