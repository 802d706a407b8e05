use crate::support::World;

#[test]
fn a_plan_is_shown_and_changes_nothing() {
    let world = World::skewed(8);
    let plan = world.json(["plan", "--by", "count"]);
    assert_eq!(plan["moves"].as_array().unwrap().len(), 4);
    assert_eq!(plan["moves"][0]["to_name"], "disk-b");
    assert_eq!(plan["lower_bound_moves"], 4);
    let after = &plan["loads"][1]["after"];
    assert_eq!(after["shards"], 4);
    world
        .run(["plan", "--by", "count"])
        .ok()
        .says(&["disk-a", "4 moves", "no plan has fewer"]);
    let fewer = world.json(["plan", "--by", "count", "--max-moves", "1"]);
    assert_eq!(fewer["moves"].as_array().unwrap().len(), 1);
    assert_eq!(world.json(["list", "--all"]).as_array().unwrap().len(), 0);
}

#[test]
fn rebalance_moves_real_files_and_then_has_nothing_to_do() {
    let world = World::skewed(8);
    let done = world.json(["rebalance", "--yes", "--workers", "3"]);
    assert_eq!(done["migrations"].as_array().unwrap().len(), 4);
    assert_eq!(done["run"]["completed"], 4);
    let nodes = world.json(["nodes"]);
    assert_eq!(
        (&nodes[0]["shards"], &nodes[1]["shards"]),
        (&4.into(), &4.into())
    );
    let entries = std::fs::read_dir(world.path("b")).unwrap().count();
    assert_eq!(entries, 4);
    world.run(["rebalance"]).ok().says(&["nothing to move"]);
    world.run(["check"]).ok();
    let again = world.json(["apply", "cluster.toml"]);
    assert_eq!(again["shards"]["unchanged"], 8);
}

#[test]
fn without_a_terminal_nothing_moves_unasked() {
    let world = World::skewed(4);
    world.run(["rebalance"]).fails(2, &["--yes"]);
    world.run(["rebalance", "--json"]).fails(2, &["--yes"]);
    assert_eq!(world.json(["list", "--all"]).as_array().unwrap().len(), 0);
}

#[test]
fn a_draining_node_is_emptied() {
    let world = World::skewed(3);
    let file = std::fs::read_to_string(world.path("cluster.toml")).unwrap();
    let draining = file.replace("path = \"a\"", "path = \"a\"\nstate = \"draining\"");
    world.write("cluster.toml", draining.as_bytes());
    world.run(["apply", "cluster.toml"]).ok();
    world.run(["rebalance", "--yes"]).ok();
    assert_eq!(world.json(["nodes"])[0]["shards"], 0);
    let moved = world.json(["list", "--all"]);
    assert_eq!(moved[0]["trigger"], "drain");
}

#[test]
fn thresholds_that_make_no_sense_are_refused() {
    let world = World::skewed(2);
    for threshold in ["NaN", "-0.5", "7", "inf"] {
        world
            .run(["plan", "--threshold", threshold])
            .fails(2, &["fraction from 0 to 1"]);
    }
}

#[test]
fn run_goes_on_with_what_is_unfinished_and_says_so() {
    let world = World::skewed(2);
    world.run(["begin", "1", "1", "2"]).ok();
    let ran = world.run(["run"]).ok().says(&["1 shard moved, 1.0 KiB"]);
    assert!(
        ran.err
            .contains("going on with 1 unfinished migration, 0 B of 1.0 KiB"),
        "{}",
        ran.err
    );
    assert!(
        world
            .run(["run"])
            .ok()
            .err
            .contains("nothing is unfinished")
    );
}
