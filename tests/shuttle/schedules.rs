use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use shardferry::Settings;
use shardferry::store::OpenOptions;
use shardferry::testkit::SimDisk;
use shuttle::scheduler::{PctScheduler, RandomScheduler, ReplayScheduler, Scheduler};
use shuttle::{Config, FailurePersistence, Runner};

/// How often PCT takes the turn from a thread that could go on.
const PCT_DEPTH: usize = 3;
/// redb walks its trees on the stack.
const STACK_BYTES: usize = 1 << 20;

fn config() -> Config {
    let mut config = Config::new();
    config.stack_size = STACK_BYTES;
    config.silence_warnings = true;
    config.failure_persistence =
        FailurePersistence::File(std::env::var_os("SHARDFERRY_FAILED").map(PathBuf::from));
    config
}

/// Runs `scenario` on a fresh file of its own under each schedule.
pub(crate) fn explore(name: &str, settings: &Settings, scenario: fn(&SimDisk)) {
    let empty = empty_file(settings);
    let run = move || scenario(&SimDisk::with_file(&empty));
    if let Some(file) = std::env::var_os("SHARDFERRY_REPLAY") {
        let mut replay = ReplayScheduler::new_from_file(file).unwrap();
        // A scenario that panicked takes more turns to clean up than were written down.
        replay.set_allow_incomplete();
        Runner::new(replay, config()).run(run);
        return;
    }
    let given = std::env::var("SHARDFERRY_SCHEDULES").ok();
    let schedules = given.map_or(2000, |given| given.parse().unwrap());
    timed(name, "random", RandomScheduler::new(schedules), run.clone());
    timed(
        name,
        "PCT",
        PctScheduler::new(PCT_DEPTH, schedules.div_ceil(4)),
        run,
    );
}

fn timed(
    name: &str,
    kind: &str,
    scheduler: impl Scheduler + 'static,
    run: impl Fn() + Send + Sync + 'static,
) {
    let started = Instant::now();
    let schedules = Runner::new(scheduler, config()).run(run);
    let seconds = started.elapsed().as_secs_f64();
    println!("{name}: {schedules} {kind} schedules in {seconds:.1} s");
}

/// The bytes of a file that was just created. Creating one needs the scheduler as well.
fn empty_file(settings: &Settings) -> Arc<[u8]> {
    let bytes = Arc::new(OnceLock::new());
    let (made, settings) = (Arc::clone(&bytes), settings.clone());
    let create = move || {
        let disk = SimDisk::new();
        drop(disk.create(&OpenOptions::default(), &settings).unwrap());
        let _ = made.set(disk.bytes().unwrap());
    };
    Runner::new(RandomScheduler::new(1), config()).run(create);
    bytes.get().unwrap().as_slice().into()
}
