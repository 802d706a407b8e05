//! Why something waits, how it all stands, and what happened: what operators see.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::process::{Child, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;
use shardferry::schema::text::ExecutorName;
use shardferry::schema::v1::FailureClass;
use shardferry::tracker::Claim;
use shardferry::{MigrationId, MigrationTracker, NodeId, ShardId};

use crate::support::{TWO_DISKS, World};

/// How long what has to come is waited for.
const PATIENCE: Duration = Duration::from_secs(60);

fn begin(world: &World, shard: &str) -> String {
    let begun = world.json(["begin", shard, "disk-a", "disk-b"]);
    begun["migration"].as_str().unwrap().to_owned()
}

fn open(world: &World) -> MigrationTracker {
    MigrationTracker::open(world.path("shardferry.redb")).unwrap()
}

/// What an executor does that then dies.
fn claimed(world: &World, id: &str, act: impl FnOnce(&Claim<'_>)) {
    let tracker = open(world);
    let id: MigrationId = id.parse().unwrap();
    let claim = tracker
        .claim(id, &ExecutorName::new("worker").unwrap())
        .unwrap();
    act(&claim);
}

fn explain(world: &World, what: &str) -> Value {
    world.json(["explain", what])
}

/// The one thing that `id` waits for.
#[track_caller]
fn only_wait(world: &World, id: &str, kind: &str) -> Value {
    let why = explain(world, id);
    let waits = why["waits"].as_array().unwrap();
    assert_eq!(waits.len(), 1, "{why}");
    assert_eq!(waits[0]["kind"], kind);
    waits[0].clone()
}

#[test]
fn a_limit_is_named_with_its_setting_and_value() {
    let world = World::skewed(3);
    let ids: Vec<String> = ["1", "2", "3"]
        .iter()
        .map(|shard| begin(&world, shard))
        .collect();
    let settings = [
        ("in_flight_max", "in all"),
        ("in_flight_per_source_max", "from disk-a (id 1)"),
        ("in_flight_per_destination_max", "to disk-b (id 2)"),
        (
            "in_flight_per_pair_max",
            "from disk-a (id 1) to disk-b (id 2)",
        ),
    ];
    claimed(&world, &ids[0], |_| {});
    for (setting, which) in settings {
        world
            .run(["settings", "--set", &format!("{setting}=1")])
            .ok();
        let wait = only_wait(&world, &ids[2], "limit");
        assert_eq!(
            (&wait["setting"], &wait["limit"], &wait["in_flight"]),
            (&setting.into(), &1.into(), &1.into())
        );
        let words = [
            &format!("the limit {setting} = 1 is reached: 1 under way {which}"),
            "2 others are before it",
        ];
        let said = world.run(["explain", &ids[2]]).ok().says(&words);
        assert!(
            said.out
                .contains(&format!("to do: shardferry settings --set {setting}=N")),
            "{}",
            said.out
        );
        world
            .run(["settings", "--set", &format!("{setting}=none")])
            .ok();
    }
    // Nothing keeps the interrupted one.
    let why = explain(&world, &ids[0]);
    assert_eq!(
        (why["waits"].as_array().unwrap().len(), &why["ahead"]),
        (0, &0.into())
    );
    assert_eq!(why["todo"], "shardferry run");
}

#[test]
fn a_backoff_says_until_when_and_why_it_failed() {
    let world = World::skewed(1);
    let long = ["backoff_ms_min=3600000", "backoff_ms_max=3600000"];
    world
        .run(["settings", "--set", long[0], "--set", long[1]])
        .ok();
    let id = begin(&world, "1");
    claimed(&world, &id, |claim| {
        claim
            .fail_attempt(FailureClass::Retriable, "the disk is slow", false)
            .unwrap();
    });
    let wait = only_wait(&world, &id, "backing-off");
    assert_eq!(
        (&wait["failed_attempts"], &wait["reason"]),
        (&1.into(), &"the disk is slow".into())
    );
    assert!(wait["until_ms"].as_u64() > explain(&world, &id)["at_ms"].as_u64());
    world.run(["explain", "shard-00"]).ok().says(&[
        "1 attempt failed",
        "the disk is slow (retriable)",
        "it is tried again at",
    ]);
    assert_eq!(world.json(["status"])["backing_off"], 1);
    world.run(["status"]).ok().says(&["1 backing off"]);

    world.run(["retry", &id]).ok();
    assert_eq!(explain(&world, &id)["waits"].as_array().unwrap().len(), 0);
    assert_eq!(world.json(["run"])["completed"], 1);
    assert_eq!(explain(&world, &id)["todo"], Value::Null);
}

#[test]
fn a_pause_a_node_that_is_down_and_a_wish_to_cancel_are_said_together() {
    let world = World::skewed(1);
    let id = begin(&world, "1");
    claimed(&world, &id, |claim| drop(claim.fence().unwrap()));
    assert_eq!(
        world.json(["cancel", &id, "--reason", "wrong disk"])["outcome"],
        "cancelling"
    );
    world.run(["pause", "--reason", "the backup runs"]).ok();
    let cluster = TWO_DISKS.replacen("scan", "state = \"down\"\nscan", 1);
    world.write("cluster.toml", cluster.as_bytes());
    world.run(["apply", "cluster.toml"]).ok();
    let why = explain(&world, &id);
    let kinds: Vec<&str> = why["waits"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["kind"].as_str().unwrap())
        .collect();
    assert_eq!(kinds, ["paused", "node-down", "cancelling"]);
    world.run(["explain", &id]).ok().says(&[
        "everything is paused since",
        "disk-a (id 1) is down",
        "being cancelled since",
        "wrong disk",
    ]);
    assert_eq!(world.json(["status"])["cancelling"], 1);

    world.write("cluster.toml", TWO_DISKS.as_bytes());
    world.run(["apply", "cluster.toml"]).ok();
    world.run(["resume"]).ok();
    assert_eq!(world.json(["run"])["cancelled"], 1);
    world.run(["explain", &id]).ok().says(&[
        "It was called off: wrong disk",
        &format!("shardferry retry {id}"),
    ]);
}

#[test]
fn a_migration_waits_for_the_one_before_it() {
    let world = World::skewed(1);
    let third = format!("{TWO_DISKS}\n[[nodes]]\nid = 3\nname = \"disk-c\"\npath = \"c\"\n");
    fs::create_dir(world.path("c")).unwrap();
    world.write("cluster.toml", third.as_bytes());
    world.run(["apply", "cluster.toml"]).ok();
    let tracker = open(&world);
    let first = tracker
        .begin_migration(ShardId(1), NodeId(1), NodeId(2))
        .unwrap();
    tracker.start_migration(first).unwrap();
    tracker.complete_unverified(first, "a test").unwrap();
    let second = tracker
        .begin_migration(ShardId(1), NodeId(2), NodeId(3))
        .unwrap();
    drop(tracker);
    let wait = only_wait(&world, &second.to_string(), "not-activated");
    assert_eq!(
        (&wait["node"], &wait["migration"]),
        (&2.into(), &first.to_string().into())
    );
    let shard = explain(&world, "shard-00");
    assert_eq!(shard["last_move"]["to"], 2);
    assert_eq!(shard["cleanups"][0]["node"], 1);
    assert!(
        shard["last_move"]["cooldown_until_ms"].as_u64() > shard["last_move"]["at_ms"].as_u64()
    );
}

#[test]
fn a_failure_is_explained_with_all_of_its_reasons() {
    let world = World::skewed(1);
    world
        .run([
            "settings",
            "--set",
            "attempts_max=2",
            "--set",
            "backoff_ms_min=0",
            "--set",
            "backoff_ms_max=0",
        ])
        .ok();
    let id = begin(&world, "1");
    for why in ["no route", "still no route"] {
        claimed(&world, &id, |claim| {
            claim
                .fail_attempt(FailureClass::Retriable, why, false)
                .unwrap();
        });
    }
    let words = [
        "It is failed",
        "Attempt 1 failed",
        "no route (retriable)",
        "Attempt 2 failed",
        "still no route",
        "set aside",
    ];
    world
        .run(["explain", &id])
        .ok()
        .says(&words)
        .says(&[&format!("to do: shardferry retry {id}")]);
    let shard = explain(&world, "1");
    assert_eq!(shard["quarantine"]["failures"].as_array().unwrap().len(), 2);
    assert_eq!(shard["migration"], Value::Null);
    world.run(["explain", "id:1"]).ok().says(&[
        "It is set aside since",
        "no route",
        "quarantine release id:1",
        "Nothing moves it now.",
    ]);
    let status = world.json(["status"]);
    assert_eq!(
        (
            &status["quarantined"],
            &status["ended"],
            &status["cleanups"]
        ),
        (&1.into(), &1.into(), &1.into())
    );
}

#[test]
fn what_nothing_is_known_of_is_refused() {
    let world = World::skewed(1);
    world
        .run(["explain", "77"])
        .fails(3, &["nothing is known of shard 77", "shardferry shards"]);
    world
        .run(["explain", "nothing"])
        .fails(3, &["no shard named nothing"]);
    world
        .run(["explain", "01a20000-0000-7000-8000-000000000000"])
        .fails(3, &["there is no migration", "shardferry list"]);
    world.run(["explain", "shard-00"]).ok().says(&[
        "disk-a (id 1) has it",
        "version 0",
        "Nothing moves it now.",
    ]);
}

/// The rate and the time that is left come from samples in the file: a crash does not take them away.
#[test]
fn rate_and_eta_survive_a_kill() {
    let world = World::skewed(1);
    world.write("a/shard-00", &vec![b'x'; 8 * 1024 * 1024]);
    world.run(["apply", "cluster.toml"]).ok();
    let status = world.json(["status"]);
    assert_eq!(
        (&status["pending"], &status["left_ms"]),
        (&0.into(), &0.into())
    );
    let id = begin(&world, "1");
    assert_eq!(
        world.json(["status"])["left_ms"],
        Value::Null,
        "nobody has measured anything"
    );
    world.run(["status"]).ok().says(&["left        unknown"]);

    world
        .run(["settings", "--set", "bytes_per_second_max=1MiB"])
        .ok();
    let mut run = world
        .command(["run"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    thread::sleep(Duration::from_secs(4));
    run.kill().unwrap();
    run.wait().unwrap();
    let shown = world.json(["show", &id]);
    assert_eq!(shown["bytes_total"], 8 * 1024 * 1024, "{shown}");
    assert!(shown["bytes_per_second"].as_u64().unwrap() > 0, "{shown}");
    assert!(shown["left_ms"].as_u64().unwrap() > 0, "{shown}");
    world.run(["list"]).ok().says(&["/s", " of 8.0 MiB"]);
    let status = world.json(["status"]);
    assert_eq!(
        (
            &status["in_progress"],
            &status["held"],
            &status["bytes_total"]
        ),
        (&1.into(), &1.into(), &(8 * 1024 * 1024).into())
    );
    assert!(status["left_ms"].as_u64().unwrap() > 0, "{status}");
}

#[test]
fn status_shows_what_is_paused_and_draining() {
    let world = World::skewed(2);
    world.run(["drain", "disk-a"]).ok();
    world
        .run(["pause", "--node", "disk-b", "--reason", "its disk"])
        .ok();
    let status = world.json(["status"]);
    assert_eq!(status["pending"], 2);
    assert_eq!(
        (
            &status["pauses"][0]["node_name"],
            &status["pauses"][0]["reason"]
        ),
        (&"disk-b".into(), &"its disk".into())
    );
    assert_eq!(
        (
            &status["draining"][0]["node"],
            &status["draining"][0]["under_way"]
        ),
        (&1.into(), &2.into())
    );
    let last = world.run(["events", "--limit", "1", "--json"]).ok().json();
    assert_eq!(status["position"], last["seq"]);
    world.run(["status"]).ok().says(&[
        "2: 2 pending",
        "paused: disk-b (id 2)",
        "draining: disk-a (id 1), 2 shards left",
    ]);
}

#[test]
fn events_go_on_from_a_position_a_line_each() {
    let world = World::skewed(2);
    begin(&world, "1");
    world.run(["run"]).ok();
    let said = world.run(["events", "--json"]).ok();
    let events: Vec<Value> = said
        .out
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let seqs: Vec<u64> = events
        .iter()
        .map(|event| event["seq"].as_u64().unwrap())
        .collect();
    assert_eq!(
        seqs,
        (1..=u64::try_from(events.len()).unwrap()).collect::<Vec<_>>()
    );
    let claimed = events
        .iter()
        .find(|event| event["kind"] == "claimed")
        .unwrap();
    assert!(
        claimed["actor"]["executor"]
            .as_str()
            .unwrap()
            .starts_with("shardferry-")
    );
    assert_eq!(
        (&claimed["epoch"], &claimed["shard"]),
        (&1.into(), &1.into())
    );

    let said = world.run(["events", "--since", "2", "--limit", "2"]).ok();
    let starts: Vec<&str> = said
        .out
        .lines()
        .map(|line| line.split(' ').next().unwrap())
        .collect();
    assert_eq!(starts, ["3", "4"]);
    world
        .run(["events", "--limit", "1"])
        .ok()
        .says(&["cleanup-settled", "shard-00 (id 1)"]);
    assert_eq!(
        world
            .run(["events", "--since", "18446744073709551615"])
            .ok()
            .out,
        ""
    );
    let followed = world
        .run([
            "events", "--since", "0", "--follow", "--limit", "3", "--json",
        ])
        .ok();
    assert_eq!(followed.out.lines().count(), 3);
    world.run(["events", "--limit", "0"]).fails(2, &["--limit"]);
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
        named || said.err.contains("a run that is under way"),
        "{}",
        said.err
    );
    drop(held);
}

#[test]
fn a_watcher_leaves_the_database_alone_while_nothing_happens() {
    let world = World::skewed(1);
    let mut watcher = Watcher::start(&world, &["events", "--follow", "--since", "0"]);
    watcher.line();
    watcher.line();
    thread::sleep(Duration::from_millis(300));
    for _ in 0..20 {
        drop(open(&world));
        thread::sleep(Duration::from_millis(5));
    }
}
