//! Nodes that are emptied, for as long as it takes.

use std::fs;
use std::os::unix::process::ExitStatusExt as _;
use std::process::Stdio;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support::{TWO_DISKS, World};

/// How long a copy that is slowed down is waited for.
const PATIENCE: Duration = Duration::from_secs(60);

fn set(world: &World, setting: &str) {
    world.run(["settings", "--set", setting]).ok();
}

fn len(value: &Value) -> usize {
    value.as_array().unwrap().len()
}

#[test]
fn a_node_is_drained_by_the_next_run() {
    let world = World::skewed(5);
    let drained = world.json(["drain", "disk-a", "--reason", "it is old"]);
    assert_eq!(drained["draining"]["shards"], 5);
    assert_eq!(len(&drained["draining"]["begun"]), 5);
    assert!(drained["run"].is_null());
    // Again: it goes on from what is there.
    world.run(["drain", "disk-a"]).ok().says(&[
        "5 shards left",
        "5 migrations under way",
        "shardferry run",
    ]);
    let ran = world.json(["run"]);
    assert_eq!(ran["completed"], 5);
    assert_eq!(ran["draining"][0]["empty"], true);
    let nodes = world.json(["nodes"]);
    assert_eq!(
        (&nodes[0]["state"], &nodes[0]["shards"]),
        (&"draining".into(), &0.into())
    );
    world
        .run(["undrain", "disk-a"])
        .ok()
        .says(&["active again"]);
    assert_eq!(world.json(["nodes"])[0]["state"], "active");
}

#[test]
fn what_blocks_a_drain_is_said_per_shard_and_the_wait_ends() {
    let world = World::skewed(3);
    let cluster = format!("{TWO_DISKS}capacity_bytes = 2560\n");
    world.write("cluster.toml", cluster.as_bytes());
    world.run(["apply", "cluster.toml"]).ok();
    let said = world.run(["drain", "disk-a", "--wait", "--json"]);
    assert_eq!(said.code, 5, "{said:?}");
    let draining = &said.json()["draining"];
    assert_eq!(
        (&draining["shards"], &draining["empty"]),
        (&1.into(), &false.into())
    );
    assert_eq!(len(&draining["blocked"]), 1, "{draining}");
    assert!(
        draining["blocked"][0]["reason"]
            .as_str()
            .unwrap()
            .contains("stays on node 1")
    );
    world
        .run(["run"])
        .ok()
        .says(&["draining disk-a (id 1): 1 shard left", "cannot leave"]);

    // Room is made, and the next run begins what the drain could not.
    world.write(
        "cluster.toml",
        TWO_DISKS
            .replacen("scan", "state = \"draining\"\nscan", 1)
            .as_bytes(),
    );
    world.run(["apply", "cluster.toml"]).ok();
    let said = world.run(["run"]).ok();
    said.says(&["1 shard moved", "it is empty"]);
}

/// A drain that fails over and over is not begun for ever.
#[test]
fn a_shard_that_cannot_be_read_does_not_keep_a_drain_from_ending() {
    let world = World::skewed(2);
    fs::remove_file(world.path("a/shard-00")).unwrap();
    set(&world, "attempts_max=1");
    let said = world.run(["drain", "disk-a", "--wait"]);
    assert_eq!(said.code, 5, "{said:?}");
    said.says(&[
        "draining disk-a (id 1): 1 shard left",
        "shard-00 (id 1) cannot leave:",
    ]);
    assert!(world.path("b/shard-01").exists());
}

#[test]
fn a_drain_that_is_killed_goes_on() {
    let world = World::skewed(6);
    for shard in 0..6 {
        world.write(&format!("a/shard-{shard:02}"), &vec![b'x'; 64 * 1024]);
    }
    world.run(["apply", "cluster.toml"]).ok();
    set(&world, "bytes_per_second_max=32KiB");
    let mut child = world
        .command(["drain", "disk-a", "--wait"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let moved = || fs::read_dir(world.path("b")).unwrap().count() > 1;
    let started = Instant::now();
    while !moved() {
        assert!(started.elapsed() < PATIENCE, "nothing was copied");
        thread::sleep(Duration::from_millis(20));
    }
    child.kill().unwrap();
    assert_eq!(
        child.wait().unwrap().signal(),
        Some(9),
        "it was to be at work"
    );
    world.run(["check"]).ok();
    assert!(world.json(["nodes"])[0]["shards"].as_u64().unwrap() > 0);

    set(&world, "bytes_per_second_max=none");
    let ran = world.json(["run"]);
    assert_eq!(ran["draining"][0]["empty"], true, "{ran}");
    for shard in 0..6 {
        assert_eq!(
            fs::read(world.path(format!("b/shard-{shard:02}"))).unwrap(),
            vec![b'x'; 64 * 1024]
        );
    }
    world.run(["check"]).ok();
}

#[test]
fn undrain_cancels_what_has_not_started() {
    let world = World::skewed(2);
    world.run(["drain", "disk-a"]).ok();
    let undrained = world.json(["undrain", "disk-a"]);
    assert_eq!(
        (len(&undrained["cancelled"]), len(&undrained["under_way"])),
        (2, 0)
    );
    world.run(["undrain", "disk-a"]).fails(
        3,
        &["disk-a (id 1) is active, not draining", "shardferry nodes"],
    );
    world
        .run(["drain", "nowhere"])
        .fails(3, &["no node named nowhere"]);
    world
        .run(["drain", "77"])
        .fails(3, &["node 77 is not registered", "shardferry nodes"]);

    world.write(
        "cluster.toml",
        TWO_DISKS
            .replacen("scan", "state = \"down\"\nscan", 1)
            .as_bytes(),
    );
    world.run(["apply", "cluster.toml"]).ok();
    world
        .run(["drain", "disk-a"])
        .fails(3, &["is down", "shardferry apply"]);
    world
        .run(["undrain", "disk-a"])
        .fails(3, &["is down, not draining"]);
    assert_eq!(world.json(["nodes"])[0]["state"], "down");
}

/// Asks a run that stays to stop; what it then says.
#[cfg(target_os = "linux")]
fn stop(child: std::process::Child) -> crate::support::Said {
    let pid = nix::unistd::Pid::from_raw(i32::try_from(child.id()).unwrap());
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGINT).unwrap();
    crate::support::Said::of(child.wait_with_output().unwrap())
}

#[cfg(target_os = "linux")]
fn stay(world: &World, moved: &str) -> std::process::Child {
    let mut command = world.command(["run", "--stay", "--json"]);
    let child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let started = Instant::now();
    while world.path(moved).exists() {
        assert!(started.elapsed() < PATIENCE, "nothing was moved");
        thread::sleep(Duration::from_millis(20));
    }
    child
}

#[cfg(target_os = "linux")]
#[test]
fn a_run_that_stays_waits_until_it_is_asked_to_stop() {
    let world = World::skewed(1);
    world.run(["begin", "1", "1", "2"]).ok();
    let child = stay(&world, "a/shard-00");
    thread::sleep(Duration::from_millis(500));
    let said = stop(child).ok().json();
    assert_eq!(
        (&said["completed"], &said["stopped"]),
        (&1.into(), &true.into())
    );
}

/// Nor does it begin for ever, in one that stays: once more after each move that made room.
#[cfg(target_os = "linux")]
#[test]
fn a_run_that_stays_does_not_begin_what_fails_for_ever() {
    let world = World::skewed(2);
    fs::remove_file(world.path("a/shard-00")).unwrap();
    set(&world, "attempts_max=1");
    world.run(["drain", "disk-a"]).ok();
    let child = stay(&world, "a/shard-01");
    thread::sleep(Duration::from_secs(7));
    let said = stop(child).json();
    let failed = said["failed"].as_u64().unwrap();
    assert!((1..=2).contains(&failed), "{said}");
}

/// A process that others can ask, and that has begun to move something.
#[cfg(unix)]
fn at_work(world: &World, args: &[&str]) -> std::process::Child {
    let mut command = world.command(args);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = child.spawn().unwrap();
    let started = Instant::now();
    let listens = || world.path("shardferry.redb.control").exists();
    let moves = || {
        let listed = world.json(["list"]);
        let mut listed = listed.as_array().unwrap().iter();
        listed.any(|one| one["status"] == "in-progress")
    };
    while !(listens() && moves()) {
        assert!(started.elapsed() < PATIENCE, "nothing is moved");
        thread::sleep(Duration::from_millis(20));
    }
    child
}

/// What makes three of the two disks: what leaves the first has room on the second when the shard that fills
/// it has left.
#[cfg(unix)]
const AND_A_THIRD: &str = r#"capacity_bytes = 8800000

[[nodes]]
id = 3
name = "disk-c"
path = "c"
scan = true
capacity_bytes = 8800000
"#;

/// A run that began without a draining node looked for none again, and left what had no room at first.
#[cfg(unix)]
#[test]
fn a_run_empties_a_node_whose_drain_begins_meanwhile() {
    let world = World::initialised();
    for shard in ["a/shard-00", "a/shard-01"] {
        world.write(shard, &vec![b'x'; 1 << 20]);
    }
    world.write("b/shard-02", &vec![b'x'; 8 << 20]);
    fs::create_dir(world.path("c")).unwrap();
    let disks = format!("{}{AND_A_THIRD}", crate::support::TWO_DISKS);
    world.write("cluster.toml", disks.as_bytes());
    world.run(["apply", "cluster.toml"]).ok();
    set(&world, "bytes_per_second_max=1MiB");
    world.run(["begin", "shard-02", "disk-b", "disk-c"]).ok();
    let run = at_work(&world, &["run", "--json"]);

    let drained = world.json(["drain", "disk-a"]);
    let draining = &drained["draining"];
    assert_eq!(
        (len(&draining["begun"]), len(&draining["blocked"])),
        (0, 2),
        "{draining}"
    );
    set(&world, "bytes_per_second_max=none");
    let ran = crate::support::Said::of(run.wait_with_output().unwrap());
    let ran = ran.ok().json();
    assert_eq!(ran["completed"], 3, "{ran}");
    assert_eq!(ran["draining"][0]["empty"], true, "{ran}");
    assert!(world.path("b/shard-00").exists() && world.path("b/shard-01").exists());
}

/// Whoever waited for a drain was told of a draining node with shards left on it, of one that was active
/// again.
#[cfg(unix)]
#[test]
fn a_drain_that_is_taken_back_meanwhile_is_told_to_whoever_waits_for_it() {
    let world = World::initialised();
    for shard in ["a/shard-00", "a/shard-01"] {
        world.write(shard, &vec![b'x'; 8 << 20]);
    }
    fs::create_dir(world.path("b")).unwrap();
    world.write("cluster.toml", TWO_DISKS.as_bytes());
    world.run(["apply", "cluster.toml"]).ok();
    set(&world, "bytes_per_second_max=1MiB");
    let waits = at_work(&world, &["drain", "disk-a", "--wait", "--workers", "1"]);
    let undrained = world.json(["undrain", "disk-a"]);
    for id in undrained["under_way"].as_array().unwrap() {
        world.run(["cancel", id.as_str().unwrap()]).ok();
    }
    let said = crate::support::Said::of(waits.wait_with_output().unwrap());
    said.fails(3, &["disk-a (id 1) is active again"]);
    assert!(world.path("a/shard-00").exists() && world.path("a/shard-01").exists());
    world.run(["check"]).ok();
}

#[test]
fn a_cluster_file_that_says_no_state_takes_no_drain_back() {
    let world = World::skewed(1);
    let state = || {
        world.json(["nodes"])[0]["state"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    world.run(["drain", "disk-a"]).ok();
    world.run(["apply", "cluster.toml"]).ok();
    assert_eq!(state(), "draining");
    world.run(["undrain", "disk-a"]).ok();
    world.run(["apply", "cluster.toml"]).ok();
    assert_eq!(state(), "active");
}
