//! What the system is asked to do: creation killed at every write call, and the price of a begin.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use shardferry::MigrationTracker;

use crate::child;
use crate::support::{Place, clean};

/// Calls that change what is on disk. (`write` is only how the child talks.)
const WRITES: &str = "pwrite64,pwritev,pwritev2,ftruncate,fallocate,fdatasync,fsync,sync_file_range,\
                      fchmod,link,linkat,rename,renameat,renameat2,unlink,unlinkat";

/// More calls than a creation makes: the sweep ends before, or something is wrong.
pub(crate) const CALLS_MAX: usize = 2_000;

pub(crate) fn strace_works() -> bool {
    let mut probe = Command::new("strace");
    probe
        .args(["-f", "-o", "/dev/null", "true"])
        .stderr(Stdio::null());
    probe.status().is_ok_and(|status| status.success())
}

/// What a child says whose `call`th write call kills it; `None`: nothing, it was killed.
pub(crate) fn killed_at(call: usize, task: &str, file: &Path) -> Option<String> {
    let inject = format!("inject={WRITES}:signal=KILL:when={call}");
    let trace = format!("trace={WRITES}");
    let arguments = ["-f", "-o", "/dev/null", "-e", &trace, "-e", &inject];
    child::answer(child::command_under("strace", &arguments, task, file)).unwrap()
}

/// After a kill: no file or a good one, and an open leaves nothing else in the folder.
fn none_or_good(place: &Place, what: &str) {
    let there = place.path().exists();
    let tracker = if there {
        MigrationTracker::open(place.path())
    } else {
        MigrationTracker::create(place.path())
    };
    let tracker = tracker.unwrap_or_else(|error| panic!("{what}: {error}"));
    clean(&tracker);
    assert_eq!(place.names(), ["shards.redb"], "{what}");
}

#[test]
fn creation_killed_at_every_write_leaves_no_file_or_a_good_one() {
    if !strace_works() {
        eprintln!("no strace here: timed kills instead");
        return timed_kills();
    }
    let mut with_a_file = 0;
    for call in 1..CALLS_MAX {
        let place = Place::new();
        let untouched = killed_at(call, "create", &place.path()).is_some();
        with_a_file += usize::from(place.path().exists());
        none_or_good(&place, &format!("killed at call {call}"));
        if untouched {
            let points = call - 1;
            eprintln!("killed at {points} write calls; {with_a_file} runs left a file");
            assert!(points >= 10, "only {points} calls were seen");
            assert!(
                with_a_file < call,
                "some kill must have come before the file was there"
            );
            return;
        }
    }
    panic!("creation makes more than {CALLS_MAX} calls");
}

/// Kills at times spread over what a creation takes.
fn timed_kills() {
    let mut with_a_file = 0;
    const KILLS: u32 = 60;
    for kill in 0..KILLS {
        let place = Place::new();
        let mut child = child::command("create", &place.path()).spawn().unwrap();
        std::thread::sleep(Duration::from_micros(u64::from(kill) * 500));
        child.kill().unwrap();
        child.wait().unwrap();
        with_a_file += usize::from(place.path().exists());
        none_or_good(&place, &format!("killed after {} us", kill * 500));
    }
    eprintln!("killed at {KILLS} times; {with_a_file} runs left a file");
}

/// How often the child waited for the disk.
fn syncs(task: &str, trace: &Path, file: &Path) -> usize {
    let output = trace.display().to_string();
    let calls = "trace=fsync,fdatasync,sync_file_range,msync,syncfs,sync";
    let arguments = ["-f", "-o", &output, "-e", calls, "-e", "signal=none"];
    let said = child::answer(child::command_under("strace", &arguments, task, file));
    assert_eq!(said.unwrap().as_deref(), Some("begun"));
    let trace = std::fs::read_to_string(trace).unwrap();
    // A call that another thread interrupts is shown in two lines, of which one ends so.
    let calls = trace
        .lines()
        .filter(|line| line.contains("sync") && line.contains('(') && !line.contains("resumed>"));
    calls.count()
}

#[test]
fn a_begin_costs_one_fsync() {
    if !strace_works() {
        eprintln!("skipped: no strace here to count with");
        return;
    }
    let place = Place::new();
    let count = |begins: usize| {
        let file = place.folder().join(format!("{begins}.redb"));
        let trace = place.folder().join(format!("{begins}.strace"));
        syncs(&format!("begin {begins}"), &trace, &file)
    };
    let (few, many) = (count(100), count(200));
    eprintln!("100 begins: {few} fsyncs; 200 begins: {many}");
    assert_eq!(many - few, 100);
}
