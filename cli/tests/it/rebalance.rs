use crate::support::World;

#[test]
fn a_plan_is_shown_and_changes_nothing() {
    let world = World::skewed(8);
    let plan = world.json(["plan", "--by", "count"]);
    assert_eq!(plan["moves"].as_array().unwrap().len(), 4);
    assert_eq!(plan["moves"][0]["to_name"], "disk-b");
    assert_eq!(plan["lower_bound_moves"], 4);
    assert_eq!(plan["loads"][1]["after"][0], 4);
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
    assert_eq!(entries, 4 + 1, "the shards, and the mark of the directory");
    world.run(["rebalance"]).ok().says(&["nothing to move"]);
    world.run(["check"]).ok();
    let again = world.json(["apply", "cluster.toml"]);
    assert_eq!(again["shards"]["unchanged"], 8);
}

#[test]
fn without_a_terminal_nothing_moves_unasked() {
    let world = World::skewed(4);
    world.run(["rebalance"]).fails(2, &["no terminal", "--yes"]);
    world
        .run(["rebalance", "--json"])
        .fails(2, &["with `--json` it asks nothing", "--yes"]);
    world
        .run(["plan", "--max-moves", "0"])
        .fails(2, &["--max-moves", "zero"]);
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

/// A disk that is not mounted is an empty directory: what was to be removed there counted as
/// removed, and what was moved there was on the disk below.
#[test]
fn a_disk_that_is_away_is_waited_for() {
    let world = World::skewed(2);
    world.run(["settings", "--set", "cleanup_grace_ms=1"]).ok();
    world.run(["begin", "shard-00", "id:1", "id:2"]).ok();
    let (there, away) = (world.path("b"), world.path("away"));
    std::fs::rename(&there, &away).unwrap();
    std::fs::create_dir(&there).unwrap();
    world.run(["settings", "--set", "attempts_max=1"]).ok();
    let said = world.run(["run"]);
    assert_eq!(said.code, 5, "{said:?}");
    let failed = world.json(["list", "--all"]);
    assert!(failed.to_string().contains("mounted"), "{failed}");
    assert!(world.path("a/shard-00").exists(), "nothing is released");
    assert_eq!(std::fs::read_dir(&there).unwrap().count(), 0);

    std::fs::remove_dir(&there).unwrap();
    std::fs::rename(&away, &there).unwrap();
    world.run(["run"]).ok();
    // It was tried as often as the settings allow, and set aside.
    let failed = failed[0]["id"].as_str().unwrap();
    let again = world.json(["retry", failed, "--reason", "the disk is back"]);
    assert_eq!(again["outcome"], "begun");
    assert_eq!(world.json(["quarantine", "list"]), serde_json::json!([]));
    world.run(["run"]).ok();
    assert!(world.path("b/shard-00").exists());
}

#[test]
fn a_node_that_is_down_leaves_its_migration_unfinished_in_a_line_without_a_trailing_blank() {
    let world = World::skewed(1);
    world.run(["begin", "shard-00", "disk-a", "disk-b"]).ok();
    let file = std::fs::read_to_string(world.path("cluster.toml")).unwrap();
    let down = file.replace("path = \"b\"", "path = \"b\"\nstate = \"down\"");
    world.write("cluster.toml", down.as_bytes());
    world.run(["apply", "cluster.toml"]).ok();
    let said = world.run(["run"]);
    assert_eq!(said.code, 5, "{said:?}");
    let line = "unfinished: shard-00 disk-a -> disk-b (pending)";
    assert!(said.out.lines().any(|one| one == line), "{said:?}");
}

/// Migrations that somebody had begun were run by an empty plan, without a question.
#[test]
fn what_is_pending_is_not_run_unasked_either() {
    let world = World::skewed(2);
    world.run(["begin", "shard-00", "id:1", "id:2"]).ok();
    let said = world.run(["rebalance", "--by", "count", "--threshold", "1"]);
    assert_eq!(said.code, 2, "{said:?}");
    assert!(world.path("a/shard-00").exists());
}
