use crate::support::{TWO_DISKS, World};

const DECLARED: &str = r#"
[[nodes]]
id = 1
name = "disk-a"
path = "a"
zone = "rack-1"
capacity_bytes = 1_000_000_000

[[nodes]]
id = 2
name = "disk-b"
state = "draining"

[[shards]]
id = 7
name = "orders-07"
node = 1
bytes = 123_456
keys = 10
load = 3
replicas = [2]
range = { start = "a", end = "m" }

[[shards]]
id = 8
name = "orders-08"
node = 2
range = { start = "m" }
"#;

fn declared() -> World {
    let world = World::initialised();
    std::fs::create_dir(world.path("a")).unwrap();
    world.write("cluster.toml", DECLARED.as_bytes());
    world
}

#[test]
fn every_field_of_the_file_arrives() {
    let world = declared();
    let done = world.json(["apply", "cluster.toml"]);
    assert_eq!(done["nodes"]["added"].as_array().unwrap().len(), 2);
    assert_eq!(done["shards"]["added"].as_array().unwrap().len(), 2);

    let nodes = world.json(["nodes"]);
    assert_eq!(nodes[0]["name"], "disk-a");
    assert_eq!(nodes[0]["zone"], "rack-1");
    assert_eq!(nodes[0]["capacity_bytes"], 1_000_000_000);
    assert_eq!(nodes[0]["bytes"], 123_456);
    assert!(nodes[0]["path"].as_str().unwrap().ends_with("/a"));
    assert_eq!(nodes[1]["state"], "draining");

    let shards = world.json(["shards"]);
    assert_eq!(shards[0]["id"], 7);
    assert_eq!(shards[0]["keys"], 10);
    assert_eq!(shards[0]["load"], 3);
    assert_eq!(shards[0]["replicas"][0], 2);
    assert_eq!(shards[0]["range"]["end"], "m");
    assert_eq!(shards[1]["range"]["start"], "m");
    assert!(shards[1]["range"]["end"].is_null());
}

#[test]
fn applying_again_changes_nothing() {
    let world = declared();
    world.run(["apply", "cluster.toml"]).ok();
    let again = world.json(["apply", "cluster.toml"]);
    for what in ["nodes", "shards"] {
        assert_eq!(again[what]["added"].as_array().unwrap().len(), 0);
        assert_eq!(again[what]["updated"].as_array().unwrap().len(), 0);
        assert_eq!(again[what]["unchanged"], 2);
    }
}

#[test]
fn a_dry_run_says_what_would_change_and_changes_nothing() {
    let world = declared();
    world
        .run(["apply", "cluster.toml", "--dry-run"])
        .ok()
        .says(&[
            "+ node disk-a (id 1)",
            "+ shard orders-07 (id 7)",
            "nothing was changed",
        ]);
    assert_eq!(world.json(["nodes"]).as_array().unwrap().len(), 0);
}

#[test]
fn what_changed_is_updated_and_the_rest_is_left() {
    let world = declared();
    world.run(["apply", "cluster.toml"]).ok();
    let changed = DECLARED.replace("rack-1", "rack-9").replace("123_456", "1");
    world.write("cluster.toml", changed.as_bytes());
    let done = world.json(["apply", "cluster.toml"]);
    assert_eq!(done["nodes"]["updated"][0], "disk-a (id 1)");
    assert_eq!(done["shards"]["updated"][0], "orders-07 (id 7)");
    assert_eq!(done["shards"]["unchanged"], 1);
    assert_eq!(world.json(["nodes"])[0]["zone"], "rack-9");

    // What is no longer in the file stays registered.
    world.write(
        "cluster.toml",
        TWO_DISKS.replace("scan = true", "").as_bytes(),
    );
    std::fs::create_dir(world.path("b")).unwrap();
    world.run(["apply", "cluster.toml"]).ok();
    assert_eq!(world.json(["shards"]).as_array().unwrap().len(), 2);
}

/// Each order of the two updates would overlap for a moment.
#[test]
fn the_bound_between_two_neighbours_moves_both_ways() {
    let world = declared();
    world.run(["apply", "cluster.toml"]).ok();
    for bound in ["f", "t"] {
        let moved = DECLARED
            .replace("end = \"m\"", &format!("end = \"{bound}\""))
            .replace("start = \"m\"", &format!("start = \"{bound}\""));
        world.write("cluster.toml", moved.as_bytes());
        world.run(["apply", "cluster.toml"]).ok();
        assert_eq!(world.json(["shards"])[0]["range"]["end"], bound);
    }
}

#[test]
fn what_a_migration_holds_is_refused_with_its_id() {
    let world = World::skewed(2);
    let begun = world.json(["begin", "shard-00", "disk-a", "disk-b"]);
    let id = begun["migration"].as_str().unwrap();
    let renamed = TWO_DISKS.replace("disk-b", "disk-c");
    world.write("cluster.toml", renamed.as_bytes());
    world
        .run(["apply", "cluster.toml"])
        .fails(3, &["cluster.toml:8:1", id]);
    assert_eq!(world.json(["nodes"])[1]["name"], "disk-b");
}

/// The directory of a node that was never registered kept the mark, and could be given to no other.
#[test]
fn a_refused_file_leaves_no_mark() {
    let world = World::skewed(2);
    world.run(["begin", "shard-00", "disk-a", "disk-b"]).ok();
    let third = "\n[[nodes]]\nid = 3\nname = \"disk-c\"\npath = \"c\"\n";
    std::fs::create_dir(world.path("c")).unwrap();
    let refused = TWO_DISKS.replace("disk-b", "disk-x") + third;
    world.write("cluster.toml", refused.as_bytes());
    world.run(["apply", "cluster.toml"]).fails(3, &["next:"]);
    assert!(!world.path("c/.shardferry-node").exists());
    assert!(
        world.path("a/.shardferry-node").exists(),
        "it had it before"
    );

    let other_id = third.replace('3', "4");
    world.write("cluster.toml", other_id.as_bytes());
    world.run(["apply", "cluster.toml"]).ok();
}

#[test]
fn a_shard_that_has_moved_stays_where_it_is() {
    let world = declared();
    let active = DECLARED
        .replace("state = \"draining\"", "path = \"b\"")
        .replace("replicas = [2]", "");
    std::fs::create_dir(world.path("b")).unwrap();
    world.write("a/orders-07", b"every order");
    world.write("cluster.toml", active.as_bytes());
    world.run(["apply", "cluster.toml"]).ok();
    world.run(["begin", "7", "1", "2"]).ok();
    world.run(["run"]).ok();
    let again = world.json(["apply", "cluster.toml"]);
    assert_eq!(again["shards"]["updated"].as_array().unwrap().len(), 0);
    assert!(
        again["warnings"][0]
            .as_str()
            .unwrap()
            .contains("has moved to node 2")
    );
    assert_eq!(world.json(["shards"])[0]["node"], 2);
}

#[test]
fn the_example_of_the_documentation_applies() {
    let document = include_str!("../../../docs/CLUSTER_FILE.md");
    let example = document
        .split("```toml\n")
        .nth(1)
        .and_then(|rest| rest.split("```").next())
        .unwrap();
    let world = World::initialised();
    for node in ["a", "b"] {
        std::fs::create_dir(world.path(node)).unwrap();
    }
    world.write("a/orders-07", b"every order");
    let example = example.replace("/mnt/", "");
    world.write("cluster.toml", example.as_bytes());
    let done = world.json(["apply", "cluster.toml"]);
    assert_eq!(done["nodes"]["added"].as_array().unwrap().len(), 2);
    assert_eq!(world.json(["shards"])[0]["bytes"], 123_456);
}
