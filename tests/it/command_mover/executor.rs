//! With the real executor: whoever is not wanted any more is ended, with all that it started.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use shardferry::executor::{Executor, ExecutorOptions, RunReport};
use shardferry::movers::CommandMover;
use shardferry::movers::command::Step;
use shardferry::store::OpenOptions;
use shardferry::{
    CancelOutcome, MigrationId, MigrationTracker, NodeId, Settings, ShardId, Verification,
};

use super::{SOON, is_gone};

/// Copies for ever, with a grandchild that holds its pipes, until the file `go` is there. Every call
/// leaves its step in `steps`.
const SCRIPT: &str = r#"
read -r job
echo $SHARDFERRY_STEP $SHARDFERRY_EPOCH >> steps
case $SHARDFERRY_STEP in
copy)
    if [ ! -e go ]; then
        sh -c 'trap "" TERM; echo $$ > inner; while :; do sleep 1; done' &
        echo $$ > outer
        while [ ! -s inner ]; do sleep 0.01; done
        echo '{"type":"checkpoint","cursor":"half","bytes":5,"bytes_total":10}'
        touch holding
        wait
    fi;;
catch_up) echo '{"type":"caught_up","again":false}';;
verify)
    echo '{"type":"evidence","algorithm":"none","source":{"items":1,"bytes":10,"digest":"00"},
    "destination":{"items":1,"bytes":10,"digest":"00"}}' | tr -d '\n';;
esac
"#;

struct Place {
    folder: tempfile::TempDir,
    tracker: MigrationTracker,
    id: MigrationId,
}

impl Place {
    fn new(settings: Settings) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("shards.redb");
        let tracker =
            MigrationTracker::create_with(path, &OpenOptions::default(), &settings).unwrap();
        let id = tracker
            .begin_migration(ShardId(7), NodeId(1), NodeId(2))
            .unwrap();
        Self {
            folder,
            tracker,
            id,
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn mover(&self) -> CommandMover {
        let script = format!("cd '{}'\n{SCRIPT}", self.folder.path().display());
        let builder = CommandMover::builder("sh")
            .args(["-c", &script])
            .steps(Step::ALL);
        builder.grace(Duration::from_millis(100)).build().unwrap()
    }

    fn run(&self, options: &ExecutorOptions) -> RunReport {
        Executor::run(&self.tracker, &self.mover(), options).unwrap()
    }

    /// Runs, and does something while the copy holds.
    fn while_it_copies(&self, act: impl FnOnce(&ExecutorOptions)) -> RunReport {
        let options = ExecutorOptions::new("test").unwrap();
        std::thread::scope(|scope| {
            let running = scope.spawn(|| self.run(&options));
            // Also when something is not as it should be.
            let _ending = Ending(&options);
            appears(&self.path("holding"));
            let began = Instant::now();
            act(&options);
            while !running.is_finished() && began.elapsed() < SOON {
                std::thread::sleep(Duration::from_millis(5));
            }
            options.stop.stop();
            let report = running.join().unwrap();
            assert!(began.elapsed() < SOON, "{:?}", began.elapsed());
            report
        })
    }

    fn nothing_runs(&self) {
        is_gone(&self.path("outer"));
        is_gone(&self.path("inner"));
    }

    fn steps(&self) -> Vec<String> {
        let text = fs::read_to_string(self.path("steps")).unwrap();
        text.lines().map(str::to_owned).collect()
    }
}

/// Stops an executor when it is dropped: a test that fails does not wait for it for ever.
struct Ending<'a>(&'a ExecutorOptions);

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        self.0.stop.stop();
    }
}

#[track_caller]
fn appears(path: &Path) {
    let began = Instant::now();
    while !path.exists() {
        assert!(began.elapsed() < SOON, "{} never came", path.display());
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn settings() -> Settings {
    Settings {
        verification: Verification::Required,
        backoff_ms_min: 1,
        backoff_ms_max: 2,
        lease_ms: 1_000,
        ..Settings::default()
    }
}

#[test]
fn a_cancelled_move_is_ended_and_discarded() {
    let place = Place::new(settings());
    let report = place.while_it_copies(|_| {
        let outcome = place.tracker.cancel_migration(place.id, "no").unwrap();
        assert_eq!(outcome, CancelOutcome::Cancelling);
    });
    assert_eq!(report.cancelled, 1, "{report:?}");
    place.nothing_runs();
    assert_eq!(place.steps(), ["copy 1", "discard_destination 1"]);
}

#[test]
fn an_executor_that_stops_ends_its_program_and_the_next_one_goes_on() {
    let place = Place::new(settings());
    let report = place.while_it_copies(|options| options.stop.stop());
    assert!(report.stopped && report.failed == 0, "{report:?}");
    place.nothing_runs();
    let migration = place.tracker.get_migration(place.id).unwrap().unwrap();
    assert_eq!(migration.failures.len(), 0, "it did not fail");
    assert_eq!(migration.checkpoint.unwrap().bytes_migrated, 5);

    fs::write(place.path("go"), "").unwrap();
    let report = place.run(&ExecutorOptions::new("next").unwrap());
    assert_eq!(report.completed, 1, "{report:?}");
    let expected = [
        "copy 1",
        "copy 2",
        "catch_up 2",
        "fence 2",
        "catch_up 2",
        "verify 2",
        "activate 2",
        "release_source 2",
    ];
    assert_eq!(place.steps(), expected);
}

/// A fence that fails is followed by `unfence`, as the contract has it, whatever the program is.
#[test]
fn a_fence_that_fails_is_taken_back() {
    let place = Place::new(Settings {
        attempts_max: 1,
        ..settings()
    });
    fs::write(place.path("go"), "").unwrap();
    let script = format!(
        "cd '{}'\n[ $SHARDFERRY_STEP != fence ] || {{ echo fence >> steps; exit 1; }}\n{SCRIPT}",
        place.folder.path().display()
    );
    let builder = CommandMover::builder("sh")
        .args(["-c", &script])
        .steps(Step::ALL);
    let options = ExecutorOptions::new("test").unwrap();
    let mover = builder.build().unwrap();
    let report = Executor::run(&place.tracker, &mover, &options).unwrap();
    assert_eq!(report.failed, 1, "{report:?}");
    let expected = [
        "copy 1",
        "catch_up 1",
        "fence",
        "unfence 1",
        "discard_destination 1",
    ];
    assert_eq!(place.steps(), expected);
}
