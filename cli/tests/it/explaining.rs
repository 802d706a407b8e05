//! Why something waits or failed, and what to do about it.

use std::fs;

use serde_json::Value;
use shardferry::schema::text::ExecutorName;
use shardferry::schema::v1::FailureClass;
use shardferry::tracker::Claim;
use shardferry::{MigrationId, MigrationTracker, NodeId, ShardId};

use crate::support::{TWO_DISKS, World};

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
    // Writes are stopped: no pause keeps somebody from letting them go on.
    assert_eq!(kinds, ["node-down", "cancelling"]);
    world.run(["explain", &id]).ok().says(&[
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
