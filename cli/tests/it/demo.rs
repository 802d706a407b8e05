use std::fs;

use serde_json::Value;

use crate::support::World;

const SMALL: [&str; 7] = ["demo", "--nodes", "3", "--shards", "6", "--size", "64KiB"];

fn manifest(world: &World) -> Value {
    let bytes = fs::read(world.path("shardferry-demo/demo.json")).unwrap();
    serde_json::from_slice(&bytes).unwrap()
}

#[test]
fn it_builds_moves_and_verifies() {
    let world = World::new();
    let done = world.json(SMALL);
    assert_eq!(done["done"], true);
    assert_eq!(done["resumed"], false);
    assert_eq!(done["verified"]["shards"], 6);
    assert!(done["run"]["completed"].as_u64().unwrap() > 0, "{done}");
    let loads = done["nodes"].as_array().unwrap();
    assert!(
        loads.iter().all(|node| node["bytes"].as_u64().unwrap() > 0),
        "{done}"
    );
    let check = ["--db", "shardferry-demo/shardferry.redb", "check"];
    world.run(check).ok();
}

#[test]
fn started_again_it_says_that_it_is_done() {
    let world = World::new();
    world.run(SMALL).ok().says(&[
        "building 6 shards on 3 nodes",
        "verified 6 shards",
        "done in",
    ]);
    let built = manifest(&world);
    world
        .run(SMALL)
        .ok()
        .says(&["every move was made before", "verified 6 shards", "--fresh"]);
    world
        .run(["demo"])
        .ok()
        .says(&["every move was made before"]);
    assert_eq!(built, manifest(&world));
    world
        .run(["demo", "--nodes", "4"])
        .fails(3, &["--nodes 3 --shards 6 --size 65536", "--fresh"]);
    world
        .run([
            "demo", "--nodes", "4", "--shards", "3", "--size", "1KiB", "--fresh",
        ])
        .ok()
        .says(&["building 3 shards on 4 nodes"]);
}

#[test]
fn the_same_seed_gives_the_same_bytes() {
    let (one, two, other) = (World::new(), World::new(), World::new());
    one.run(SMALL).ok();
    two.run(SMALL).ok();
    other.run(SMALL.into_iter().chain(["--seed", "9"])).ok();
    assert_eq!(manifest(&one), manifest(&two));
    assert_ne!(manifest(&one)["shards"], manifest(&other)["shards"]);
}

/// As a kill in the middle of the building leaves it.
#[test]
fn a_half_built_demo_is_built_to_its_end() {
    let world = World::new();
    world.run(SMALL).ok();
    let whole = manifest(&world);
    fs::remove_file(world.path("shardferry-demo/shardferry.redb")).unwrap();
    for node in 1..=3 {
        fs::remove_dir_all(world.path(format!("shardferry-demo/node-{node}"))).unwrap();
    }
    let mut half = whole.clone();
    half["shards"] = Value::Array(Vec::new());
    world.write("shardferry-demo/demo.json", half.to_string().as_bytes());
    world.write("shardferry-demo/node-1/.shardferry-demo-orders-01", b"half");
    world.write(
        "shardferry-demo/node-1/orders-02",
        b"renamed, and not in the manifest yet",
    );
    world
        .run(SMALL)
        .ok()
        .says(&["going on with building", "0 of 6 shards"]);
    assert_eq!(whole, manifest(&world));
}

/// As a kill between the plan and its end leaves it.
#[test]
fn unfinished_moves_are_gone_on_with() {
    let world = World::new();
    world.run(SMALL).ok();
    let db = ["--db", "shardferry-demo/shardferry.redb"];
    let shard = &world.json(db.into_iter().chain(["shards"]))[0];
    let owner = shard["node"].to_string();
    let to = if owner == "1" { "2" } else { "1" };
    world
        .run(db.into_iter().chain(["begin", "1", &owner, to]))
        .ok();
    world.run(SMALL).ok().says(&[
        "going on with 1 unfinished migration, 0 B of",
        "verified 6 shards",
    ]);
}

#[test]
fn a_byte_that_changed_is_found() {
    let world = World::new();
    world.run(SMALL).ok();
    let entry = (1..=3)
        .map(|node| world.path(format!("shardferry-demo/node-{node}/orders-01")))
        .find(|path| path.exists())
        .unwrap();
    let mut bytes = fs::read(&entry).unwrap();
    bytes[0] ^= 1;
    fs::write(&entry, bytes).unwrap();
    let said = world.run(SMALL).says(&["NOT as it should be", "orders-01"]);
    assert_eq!(said.code, 6);
}

#[test]
fn what_makes_no_sense_is_refused() {
    let world = World::new();
    world
        .run(["demo", "--nodes", "1"])
        .fails(2, &["a move needs two nodes"]);
    world
        .run(["demo", "--shards", "0"])
        .fails(2, &["from 1 to"]);
    world
        .run(["demo", "--size", "0"])
        .fails(2, &["at least one byte"]);
    world.run(["demo", "--size", "900EiB"]).fails(2, &[]);
    world
        .run(["demo", "--size", "1TiB"])
        .fails(2, &["more than 1 TiB"]);
    world.run(["demo", "--nodes", "-1"]).fails(2, &[]);
    assert!(!world.path("shardferry-demo").exists());
}

#[test]
fn nothing_of_somebody_elses_is_touched() {
    let world = World::new();
    world.write("mine/thesis.tex", b"years");
    for fresh in [
        &["demo", "--dir", "mine"][..],
        &["demo", "--dir", "mine", "--fresh"],
    ] {
        world
            .run(fresh)
            .fails(3, &["is not empty (thesis.tex)", "--dir"]);
    }
    assert_eq!(fs::read(world.path("mine/thesis.tex")).unwrap(), b"years");
    world
        .run(["demo", "--dir", "mine/thesis.tex"])
        .fails(2, &["cannot be the folder"]);
}

#[cfg(target_os = "linux")]
#[test]
fn a_signal_stops_it_gracefully_and_the_same_command_goes_on() {
    use std::process::Command;
    use std::time::{Duration, Instant};
    let world = World::new();
    let large = ["demo", "--shards", "6", "--size", "24MiB"];
    let child = world
        .command(large)
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let begun = Instant::now();
    while !world.path("shardferry-demo/demo.json").exists() {
        assert!(begun.elapsed() < Duration::from_secs(20));
        std::thread::sleep(Duration::from_millis(1));
    }
    let pid = child.id().to_string();
    assert!(
        Command::new("kill")
            .args(["-INT", &pid])
            .status()
            .unwrap()
            .success()
    );
    let said = crate::support::Said::of(child.wait_with_output().unwrap());
    // On a very fast disk it may have been done already.
    assert!(matches!(said.code, 130 | 0), "{said:?}");
    world.run(large).ok().says(&["verified 6 shards"]);
}

#[test]
fn a_second_demo_does_not_build_in_the_same_folder() {
    let world = World::new();
    world.run(SMALL).ok();
    let folder = fs::File::open(world.path("shardferry-demo")).unwrap();
    folder.try_lock().unwrap();
    world.run(SMALL).fails(4, &["another demo is at work"]);
}

#[test]
fn nothing_is_removed_under_another_command() {
    let world = World::new();
    world.run(SMALL).ok();
    let _held = shardferry::MigrationTracker::open(world.path("shardferry-demo/shardferry.redb"));
    world
        .run(SMALL.into_iter().chain(["--fresh"]))
        .fails(4, &["in use"]);
    assert_eq!(manifest(&world)["clearing"], false);
}
