//! What the system is asked to do: creation killed at every write call, and the price of a begin.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use shardferry::MigrationTracker;

use crate::child;
use crate::support::{Place, clean};

/// Calls that change what is on disk. (`write` is only how the child talks.)
const WRITES: [&str; 18] = [
    "pwrite64",
    "pwritev",
    "pwritev2",
    "ftruncate",
    "fallocate",
    "fdatasync",
    "fsync",
    "sync_file_range",
    "fchmod",
    "link",
    "linkat",
    "rename",
    "renameat",
    "renameat2",
    "unlink",
    "unlinkat",
    "mkdir",
    "mkdirat",
];

/// More calls of one kind than anything here makes: a sweep ends before, or something is wrong.
const CALLS_MAX: usize = 2_000;

pub(crate) fn strace_works() -> bool {
    let mut probe = Command::new("strace");
    probe
        .args(["-f", "-o", "/dev/null", "true"])
        .stderr(Stdio::null());
    probe.status().is_ok_and(|status| status.success())
}

/// Lets a child do `task` in a place of its own again and again, killed at each of its write calls,
/// and shows `judge` what is left. Answers how many kills there were.
pub(crate) fn killed_at_each_write(
    task: &str,
    prepare: impl Fn() -> Place,
    mut judge: impl FnMut(&Place, &str),
) -> usize {
    let mut points = 0;
    // One kind at a time: strace counts each kind apart, so that of several kinds only the one that
    // comes to its N-th call first would be killed there.
    for kind in WRITES {
        let mut killed_at = |call: &usize| {
            let place = prepare();
            let inject = format!("inject={kind}:signal=KILL:when={call}");
            let trace = format!("trace={kind}");
            let arguments = ["-f", "-o", "/dev/null", "-e", &trace, "-e", &inject];
            let child = child::command_under("strace", &arguments, task, &place.path());
            let killed = child::answer(child).unwrap().is_none();
            judge(&place, &format!("killed at {kind} {call}"));
            killed
        };
        let killed = (1..CALLS_MAX).take_while(&mut killed_at).count();
        assert!(killed + 1 < CALLS_MAX, "{kind} is called without end");
        points += killed;
    }
    points
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
    let points = killed_at_each_write("create", Place::new, |place, what| {
        with_a_file += usize::from(place.path().exists());
        none_or_good(place, what);
    });
    eprintln!("killed at {points} write calls; {with_a_file} runs left a file");
    assert!(points >= 10, "only {points} calls were seen");
    // The last run of each kind is not killed.
    assert!(
        with_a_file < points + WRITES.len(),
        "some kill must have come before the file was there"
    );
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
