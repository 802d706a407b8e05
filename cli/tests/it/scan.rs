use std::fs;
use std::path::Path;

use crate::support::{TWO_DISKS, World};

#[test]
fn entries_become_shards_with_ids_in_the_order_of_nodes_and_names() {
    let world = World::initialised();
    world.write("b/x", b"1");
    world.write("a/z", b"22");
    world.write("a/tree/one", b"333");
    world.write("a/tree/deep/two", b"4444");
    world.write("a/.shardferry-left.part", b"temporary");
    world.write("cluster.toml", TWO_DISKS.as_bytes());
    world.run(["apply", "cluster.toml"]).ok();
    let shards = world.json(["shards"]);
    let seen: Vec<(u64, &str, u64, u64)> = shards
        .as_array()
        .unwrap()
        .iter()
        .map(|shard| {
            (
                shard["id"].as_u64().unwrap(),
                shard["name"].as_str().unwrap(),
                shard["node"].as_u64().unwrap(),
                shard["bytes"].as_u64().unwrap(),
            )
        })
        .collect();
    assert_eq!(seen, [(1, "tree", 1, 7), (2, "z", 1, 2), (3, "x", 2, 1)]);
}

#[test]
fn scanning_again_adopts_new_entries_and_sizes() {
    let world = World::skewed(2);
    world.write("a/shard-00", b"shorter");
    world.write("b/new", b"new");
    let again = world.json(["apply", "cluster.toml"]);
    assert_eq!(again["shards"]["added"][0], "new (id 3)");
    assert_eq!(again["shards"]["updated"][0], "shard-00 (id 1)");
    assert_eq!(again["shards"]["unchanged"], 1);
    assert_eq!(world.json(["shards"])[0]["bytes"], 7);
}

#[test]
fn a_declared_shard_takes_its_size_from_the_scan() {
    let world = World::initialised();
    world.write("a/orders", b"12345");
    fs::create_dir(world.path("b")).unwrap();
    let file = format!("{TWO_DISKS}\n[[shards]]\nid = 70\nname = \"orders\"\nnode = 1\n");
    world.write("cluster.toml", file.as_bytes());
    world.run(["apply", "cluster.toml"]).ok();
    world.run(["apply", "cluster.toml"]).ok();
    let shards = world.json(["shards"]);
    assert_eq!(
        (&shards[0]["id"], &shards[0]["bytes"]),
        (&70.into(), &5.into())
    );
    assert_eq!(shards.as_array().unwrap().len(), 1);
}

#[test]
fn the_same_entry_on_two_nodes_is_nobodys() {
    let world = World::skewed(1);
    world.write("a/twice", b"1");
    world.write("b/twice", b"1");
    world.run(["apply", "cluster.toml"]).fails(
        7,
        &[
            "the entry twice is on node disk-a and on node disk-b",
            "remove or",
        ],
    );
}

#[test]
fn an_entry_that_somebody_moved_by_hand_is_refused() {
    let world = World::skewed(1);
    fs::rename(world.path("a/shard-00"), world.path("b/shard-00")).unwrap();
    world.run(["apply", "cluster.toml"]).fails(
        7,
        &[
            "shard-00 lies on node disk-b",
            "belongs to node disk-a",
            "move it back",
        ],
    );
}

#[test]
fn a_stray_copy_beside_the_owners_is_refused() {
    let world = World::skewed(1);
    fs::copy(world.path("a/shard-00"), world.path("b/shard-00")).unwrap();
    world
        .run(["apply", "cluster.toml"])
        .fails(7, &["disk-a and on node disk-b"]);
}

#[test]
fn a_shard_that_vanished_is_warned_about_and_stays_registered() {
    let world = World::skewed(2);
    fs::remove_file(world.path("a/shard-01")).unwrap();
    let again = world.json(["apply", "cluster.toml"]);
    let warning = again["warnings"][0].as_str().unwrap();
    assert!(
        warning.contains("shard-01 is not in the directory of its node disk-a"),
        "{warning}"
    );
    assert_eq!(world.json(["shards"]).as_array().unwrap().len(), 2);
}

/// With a grace period the source copy stays after the cutover: it is expected.
#[test]
fn a_copy_that_has_to_go_is_no_stray() {
    let world = World::skewed(1);
    world
        .run(["settings", "--set", "cleanup_grace_ms=3600000"])
        .ok();
    world.run(["begin", "shard-00", "disk-a", "disk-b"]).ok();
    world.run(["run"]).ok();
    assert!(world.path("a/shard-00").exists() && world.path("b/shard-00").exists());
    assert_eq!(world.json(["cleanups"]).as_array().unwrap().len(), 1);
    let again = world.json(["apply", "cluster.toml"]);
    assert_eq!(again["shards"]["unchanged"], 1);
    assert_eq!(again["warnings"].as_array().unwrap().len(), 0);
}

#[cfg(target_os = "linux")]
#[test]
fn names_that_are_not_utf8_are_moved_and_shown_escaped() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt as _;
    let world = World::initialised();
    let name = Path::new(OsStr::from_bytes(b"caf\xe9"));
    fs::create_dir(world.path("a")).unwrap();
    fs::create_dir(world.path("b")).unwrap();
    fs::write(world.path("a").join(name), b"12345").unwrap();
    world.write("cluster.toml", TWO_DISKS.as_bytes());
    world
        .run(["apply", "cluster.toml"])
        .ok()
        .says(&[r"caf\xe9"]);
    assert_eq!(world.json(["shards"])[0]["name"], r"caf\xe9");
    let begin = [
        OsStr::new("begin"),
        name.as_os_str(),
        OsStr::new("1"),
        OsStr::new("2"),
    ];
    world.run(begin).ok();
    world.run(["run"]).ok();
    assert_eq!(fs::read(world.path("b").join(name)).unwrap(), b"12345");
}
