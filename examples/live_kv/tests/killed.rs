//! The whole process is killed at random moments and started again in the same folder.

use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use shardferry::MigrationTracker;

use super::folder;
use crate::options::Options;

/// The folder in which a child is to run.
const FOLDER: &str = "LIVE_KV_TEST_FOLDER";
/// How often it is killed; the default keeps every run of the tests short.
const KILLS: &str = "LIVE_KV_KILLS";
const KILLS_DEFAULT: u32 = 8;
/// So often one cluster is killed: with each life there is more to look at before work begins.
const KILLS_OF_ONE: usize = 20;

/// Longer than a run takes on a machine that has much else to do.
const PATIENCE: Duration = Duration::from_secs(120);

/// Not a test of its own: does nothing unless another test started it with a folder.
#[test]
fn child() {
    let Some(folder) = std::env::var_os(FOLDER) else {
        return;
    };
    let options = Options {
        folder: Some(folder.into()),
        shards: 4,
        clients: 4,
        rows: 1_000,
        value_bytes: 50,
        quiet_ms: 20,
        rounds: 2,
        bytes_per_second: Some(4 << 20),
        ..Options::default()
    };
    let report = crate::run::run(&options, &|line| println!("{line}")).unwrap();
    println!("{report}");
    assert!(report.audit.violations.is_empty(), "{report}");
}

fn start(folder: &Path) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "tests::killed::child", "--nocapture"])
        .env(FOLDER, folder)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Kills the child after `wait`, unless it ended before; then how.
fn kill_after(child: &mut Child, wait: Duration) -> Option<ExitStatus> {
    let until = Instant::now() + wait;
    while Instant::now() < until {
        if let Some(ended) = child.try_wait().unwrap() {
            return Some(ended);
        }
        thread::sleep(Duration::from_millis(2));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    None
}

#[test]
fn killed_at_random_moments() {
    let kills: u32 = std::env::var(KILLS).map_or(KILLS_DEFAULT, |text| text.parse().unwrap());
    let mut tally = Tally::default();
    for first in (0..kills).step_by(KILLS_OF_ONE) {
        let folder = folder();
        let last = kills.min(first + u32::try_from(KILLS_OF_ONE).unwrap());
        for round in first..last {
            kill_once(folder.path(), round, &mut tally);
        }
        let mut child = start(folder.path());
        let Some(ended) = kill_after(&mut child, PATIENCE) else {
            panic!("no end within {PATIENCE:?}: {}", said(child));
        };
        let said = said(child);
        assert!(ended.success(), "{said}");
        assert!(said.contains("all there"), "{said}");
        println!("{said}");
    }
    println!("{tally:?} of {kills}");
    assert!(tally.killed * 2 >= kills, "{tally:?} of {kills}");
    assert!(tally.under_way >= 1, "{tally:?}");
}

#[derive(Debug, Default)]
struct Tally {
    killed: u32,
    /// With a migration or a cleanup under way.
    under_way: u32,
}

fn kill_once(folder: &Path, round: u32, tally: &mut Tally) {
    let mut child = start(folder);
    // From the making of the cluster to the last of its migrations.
    let wait = Duration::from_millis(u64::from(20 + round * 397 % 1500));
    match kill_after(&mut child, wait) {
        None => {
            tally.killed += 1;
            tally.under_way += u32::from(is_under_way(folder));
        }
        Some(ended) => assert!(ended.success(), "{}", said(child)),
    }
}

/// Whether the kill left a migration, or a copy that has to go.
fn is_under_way(folder: &Path) -> bool {
    let path = folder.join("shards.redb");
    if !path.exists() {
        return false;
    }
    let tracker = MigrationTracker::open(path).unwrap();
    !tracker.unfinished().unwrap().is_empty() || !tracker.cleanups().unwrap().is_empty()
}

fn said(child: Child) -> String {
    let output = child.wait_with_output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    text(&output.stdout) + &text(&output.stderr)
}
