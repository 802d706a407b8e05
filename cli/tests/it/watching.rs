//! Watchers, who come and go as they like.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::process::{Child, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use shardferry::{MigrationTracker, NodeId, ShardId};

use crate::support::World;

/// How long what has to come is waited for.
const PATIENCE: Duration = Duration::from_secs(60);

fn open(world: &World) -> MigrationTracker {
    MigrationTracker::open(world.path("shardferry.redb")).unwrap()
}

/// A watcher that is read line by line.
struct Watcher {
    child: Child,
    out: BufReader<std::process::ChildStdout>,
    err: BufReader<std::process::ChildStderr>,
}

impl Watcher {
    fn start(world: &World, args: &[&str]) -> Self {
        let mut command = world.command(args);
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let out = BufReader::new(child.stdout.take().unwrap());
        let err = BufReader::new(child.stderr.take().unwrap());
        Self { child, out, err }
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.out.read_line(&mut line).unwrap();
        line
    }

    fn says(&mut self, words: &[&str]) {
        let mut line = String::new();
        self.err.read_line(&mut line).unwrap();
        for word in words {
            assert!(line.contains(word), "{word:?} is missing: {line}");
        }
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

/// Runs it until nobody else looks at the database at that moment.
fn patiently(world: &World, args: &[&str]) {
    let started = Instant::now();
    while world.run(args).code == 4 {
        assert!(started.elapsed() < PATIENCE, "the database is never free");
        thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_watcher_outlives_those_who_have_the_database() {
    let world = World::skewed(1);
    let database = world.path("shardferry.redb");
    let mut watcher = Watcher::start(&world, &["watch", "--since", "1"]);
    assert!(watcher.line().starts_with("2 "), "the second node");

    // In use by this process, for a while: said once, with who it is.
    let held = open(&world);
    let id = held
        .begin_migration(ShardId(1), NodeId(1), NodeId(2))
        .unwrap();
    watcher.says(&["is in use by", "it goes on after event 2"]);
    drop(held);
    let line = watcher.line();
    assert!(
        line.starts_with("3 ") && line.contains("begun") && line.contains(&id.to_string()),
        "{line}"
    );
    watcher.says(&["there it is; it goes on after event 2"]);

    // Not there, for a while.
    fs::rename(&database, world.path("away.redb")).unwrap();
    watcher.says(&["is not there", "it goes on after event 3"]);
    fs::rename(world.path("away.redb"), &database).unwrap();
    watcher.says(&["there it is"]);
    patiently(&world, &["pause", "--reason", "enough"]);
    let line = watcher.line();
    assert!(
        line.starts_with("4 ") && line.ends_with("enough\n"),
        "{line}"
    );
}

#[cfg(target_os = "linux")]
#[test]
fn who_has_the_database_is_said() {
    let world = World::skewed(1);
    let held = open(&world);
    let process = format!("process {}", std::process::id());
    // Some file systems have other numbers in the list of locks than files have: then nobody is named.
    let said = world.run(["nodes"]).fails(4, &["in use", "next: "]);
    let named = said.err.contains(&process);
    assert!(
        named || said.err.contains("a run that is under way has it"),
        "{}",
        said.err
    );
    drop(held);
}

/// Whoever looks keeps others out for a moment, and opening writes: so nobody looks in vain.
#[test]
fn a_watcher_leaves_the_database_alone_while_nothing_happens() {
    let world = World::skewed(1);
    let mut watcher = Watcher::start(&world, &["events", "--follow", "--since", "0"]);
    watcher.line();
    watcher.line();
    let written = || {
        fs::metadata(world.path("shardferry.redb"))
            .unwrap()
            .modified()
            .unwrap()
    };
    let before = written();
    thread::sleep(Duration::from_millis(2_500));
    assert_eq!(written(), before);
}
