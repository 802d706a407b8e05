//! What operators do beside moving: hold back, go back, remove and give up old copies.

use std::fs;

use serde_json::Value;

use crate::support::{TWO_DISKS, World};

const NO_ID: &str = "01a20000-0000-7000-8000-000000000000";

fn begin(world: &World, shard: &str) -> String {
    let begun = world.json(["begin", shard, "disk-a", "disk-b"]);
    begun["migration"].as_str().unwrap().to_owned()
}

fn set(world: &World, setting: &str) {
    world.run(["settings", "--set", setting]).ok();
}

fn len(value: &Value) -> usize {
    value.as_array().unwrap().len()
}

#[test]
fn what_is_paused_is_not_moved_and_the_run_says_why() {
    let world = World::skewed(2);
    begin(&world, "1");
    let paused = world.json(["pause", "--reason", "the backup runs"]);
    assert_eq!(paused["paused"]["scope"], "everything");
    assert_eq!(paused["paused"]["reason"], "the backup runs");
    assert_eq!(paused["held_back"], 1);

    let said = world.run(["run"]);
    assert_eq!(said.code, 5, "{said:?}");
    said.says(&[
        "1 waits: everything is paused",
        "the backup runs",
        "shardferry resume",
    ]);
    let said = world.run(["run", "--json"]);
    let waits = &said.json()["waits"];
    assert_eq!((len(waits), &waits[0]["kind"]), (1, &"paused".into()));
    world
        .run(["list"])
        .ok()
        .says(&["pending, paused", "paused: everything", "the backup runs"]);

    // Each scope counts for itself.
    world
        .run(["pause", "--node", "disk-b", "--reason", "its disk"])
        .ok()
        .says(&["disk-b (id 2)"]);
    world
        .run(["resume"])
        .ok()
        .says(&["still paused: disk-b", "its disk"]);
    assert_eq!(world.run(["run"]).code, 5);
    assert_eq!(len(&world.json(["resume", "--node", "2"])["pauses"]), 0);
    assert_eq!(world.json(["run"])["completed"], 1);
}

#[test]
fn one_migration_is_paused_and_the_others_go_on() {
    let world = World::skewed(2);
    let first = begin(&world, "1");
    begin(&world, "2");
    world
        .run(["pause", "--migration", &first])
        .ok()
        .says(&["1 migration under way"]);
    let said = world.run(["run", "--json"]);
    assert_eq!((said.code, &said.json()["completed"]), (5, &1.into()));
    world.run(["resume", "--migration", &first]).ok();
    assert_eq!(world.json(["run"])["completed"], 1);

    world
        .run(["pause", "--migration", &first])
        .fails(3, &["nothing to pause", "shardferry show"]);
    world
        .run(["pause", "--migration", NO_ID])
        .fails(3, &["no migration", "shardferry list"]);
    world
        .run(["resume", "--node", "disk-b"])
        .fails(3, &["not paused: disk-b", "shardferry status"]);
    world
        .run(["pause", "--node", "nowhere"])
        .fails(3, &["no node named nowhere"]);
    world
        .run(["pause", "--node", "1", "--migration", NO_ID])
        .fails(2, &["cannot be used with"]);
}

#[test]
fn after_the_cutover_a_cancel_is_too_late_and_the_way_back_is_named() {
    let world = World::skewed(2);
    set(&world, "cleanup_grace_ms=3600000");
    let id = begin(&world, "1");
    world
        .run(["reverse", &id])
        .fails(3, &["never cut over", "shardferry cancel"]);
    world.run(["run"]).ok();
    world.run(["cancel", &id]).fails(
        3,
        &["too late", &format!("next: `shardferry reverse {id}`")],
    );

    // The old copy is in the way, and the refusal names each way out.
    let words = [
        "cannot be reversed now",
        "still has a copy",
        "shardferry cleanups run --node id:1",
        "forgive id:1",
    ];
    world.run(["reverse", &id]).fails(3, &words);
    assert!(world.path("a/shard-00").exists());
    begin(&world, "2");
    let ran = world.json([
        "cleanups",
        "run",
        "--node",
        "disk-a",
        "--reason",
        "no need to keep it",
    ]);
    assert_eq!(
        (&ran["hurried"], &ran["settled"], len(&ran["left"])),
        (&1.into(), &1.into(), 0)
    );
    assert!(!world.path("a/shard-00").exists());
    assert!(
        world.path("a/shard-01").exists(),
        "nothing is moved meanwhile"
    );

    let back = world.json(["reverse", &id, "--reason", "disk-b is slow"]);
    assert_eq!(back["reverse_of"], id.as_str());
    let back = back["migration"].as_str().unwrap();
    let shown = world.json(["show", back]);
    assert_eq!(
        (&shown["trigger"], &shown["reason"]),
        (&"reverse".into(), &"disk-b is slow".into())
    );
    assert_eq!(world.json(["run"])["completed"], 2);
    assert!(world.path("a/shard-00").exists());
    world.run(["reverse", &id]).fails(
        3,
        &["has moved since", &format!("shardferry reverse {back}")],
    );
    world.run(["reverse", NO_ID]).fails(3, &["no migration"]);
}

#[test]
fn a_cancel_says_how_it_ended_before() {
    let world = World::skewed(2);
    let cancelled = begin(&world, "1");
    world
        .run(["cancel", &cancelled])
        .ok()
        .says(&["cancelled", "the source keeps the shard"]);
    world
        .run(["cancel", &cancelled])
        .fails(3, &["cancelled already", "shardferry show"]);
    set(&world, "attempts_max=1");
    let failed = begin(&world, "2");
    fs::remove_file(world.path("a/shard-01")).unwrap();
    assert_eq!(world.run(["run"]).code, 5);
    world
        .run(["cancel", &failed])
        .fails(3, &["has failed already", "shardferry explain"]);
    world
        .run(["reverse", &failed])
        .fails(3, &["never cut over", "shardferry explain"]);
}

#[test]
fn old_copies_of_a_node_that_is_gone_are_given_up() {
    let world = World::skewed(1);
    set(&world, "cleanup_grace_ms=3600000");
    begin(&world, "1");
    world.run(["run"]).ok();
    for list in [&["cleanups"][..], &["cleanups", "list"]] {
        assert_eq!(len(&world.json(list.iter().copied())), 1);
    }
    let forgive = ["cleanups", "forgive", "disk-a", "--reason", "it burned"];
    world.run(forgive).fails(
        3,
        &[
            "disk-a (id 1)",
            "only copies on a node that is down",
            "cleanups run",
        ],
    );
    world
        .run(["cleanups", "forgive", "disk-a"])
        .fails(2, &["--reason"]);

    // While it is away nothing can be removed, and that is said.
    fs::rename(world.path("a"), world.path("away")).unwrap();
    let said = world.run(["cleanups", "run"]);
    assert_eq!(said.code, 5, "{said:?}");
    said.says(&[
        "0 copies removed; left:",
        "disk-a",
        "shardferry cleanups forgive",
    ]);

    world.write(
        "cluster.toml",
        TWO_DISKS
            .replacen("scan", "state = \"down\"\nscan", 1)
            .as_bytes(),
    );
    world.run(["apply", "cluster.toml"]).ok();
    assert_eq!(len(&world.json(forgive)["forgiven"]), 1);
    world
        .run(forgive)
        .ok()
        .says(&["has no copy that has to go"]);
    world
        .run(["cleanups"])
        .ok()
        .says(&["nothing has to be cleaned up"]);
    world.run(["check"]).ok();
}

#[test]
fn a_shard_that_moved_meanwhile_is_not_begun() {
    let world = World::skewed(1);
    let expect = |version: &str| world.run(["begin", "1", "1", "2", "--expect-version", version]);
    expect("9").fails(
        3,
        &[
            "is at version 0, and version 9 was expected",
            "shardferry explain id:1",
        ],
    );
    let version = world.json(["shards"])[0]["version"].to_string();
    expect(&version).ok();
}
