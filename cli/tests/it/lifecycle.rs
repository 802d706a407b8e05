//! One shard from begin to end, and what is refused.

use crate::support::World;

const NO_ID: &str = "01a20000-0000-7000-8000-000000000000";

#[test]
fn begin_run_show_history() {
    let world = World::skewed(1);
    let begun = world.json([
        "begin",
        "shard-00",
        "disk-a",
        "disk-b",
        "--reason",
        "a is old",
        "--priority",
        "-3",
    ]);
    let id = begun["migration"].as_str().unwrap();
    let listed = world.json(["list"]);
    assert_eq!(listed[0]["status"], "pending");
    assert_eq!(listed[0]["reason"], "a is old");
    assert_eq!(listed[0]["priority"], -3);

    let ran = world.json(["run"]);
    assert_eq!(
        (&ran["completed"], &ran["stopped"]),
        (&1.into(), &false.into())
    );
    assert!(world.path("b/shard-00").exists() && !world.path("a/shard-00").exists());

    let shown = world.json(["show", id]);
    assert_eq!(shown["status"], "complete");
    assert_eq!(shown["evidence"]["matches"], true);
    assert_eq!(shown["to_name"], "disk-b");
    world
        .run(["show", id])
        .ok()
        .says(&["complete", "shard-00 (id 1)", "a is old"]);

    let history = world.json(["history", id]);
    let kinds: Vec<&str> = history
        .as_array()
        .unwrap()
        .iter()
        .map(|event| event["kind"].as_str().unwrap())
        .collect();
    assert_eq!(kinds.first(), Some(&"begun"));
    assert!(
        kinds.contains(&"completed") && kinds.contains(&"cleanup-settled"),
        "{kinds:?}"
    );
    world
        .run(["history", id])
        .ok()
        .says(&["begun (from=1, to=2", "completed"]);

    assert_eq!(world.json(["list"]).as_array().unwrap().len(), 0);
    assert_eq!(world.json(["list", "--all"]).as_array().unwrap().len(), 1);
    world
        .run(["list", "--all"])
        .ok()
        .says(&[id, "disk-a", "complete"]);
    world.run(["check"]).ok().says(&["every invariant holds"]);
    assert_eq!(
        world.json(["check"])["violations"]
            .as_array()
            .unwrap()
            .len(),
        0
    );
}

#[test]
fn rules_refuse_with_code_3_and_say_what_to_do() {
    let world = World::skewed(2);
    let id = world.json(["begin", "1", "1", "2"])["migration"]
        .as_str()
        .unwrap()
        .to_owned();
    world
        .run(["begin", "1", "1", "2"])
        .fails(3, &["migrating already", &id, "shardferry cancel"]);
    world
        .run(["begin", "2", "2", "1"])
        .fails(3, &["belongs to node 1, not to 2"]);
    // With names, the refusal says which ids they are.
    world.run(["begin", "shard-01", "disk-b", "disk-a"]).fails(
        3,
        &[
            "shard-01 (id 2) cannot be moved from disk-b (id 2) to disk-a (id 1)",
            "shard 2 belongs to node 1, not to 2",
            "next: begin it from disk-a (id 1) instead",
        ],
    );
    world.run(["begin", "2", "1", "1"]).fails(3, &[]);
    world
        .run(["begin", "2", "1", "9"])
        .fails(3, &["node 9 is not"]);
    world
        .run(["list", "--limit", "0"])
        .fails(2, &["--limit", "zero"]);
    world
        .run(["begin", "nothing", "1", "2"])
        .fails(3, &["no shard named nothing", "shardferry shards"]);
    world.run(["show", NO_ID]).fails(3, &["no migration"]);
    world.run(["history", NO_ID]).fails(3, &["no migration"]);
    world
        .run(["cancel", NO_ID])
        .fails(3, &["no migration", "next: `shardferry list"]);
}

#[test]
fn a_request_key_gives_the_same_migration() {
    let world = World::skewed(2);
    let first = world.json(["begin", "1", "1", "2", "--request-key", "ticket-9"]);
    let second = world.json(["begin", "1", "1", "2", "--request-key", "ticket-9"]);
    assert_eq!(first, second);
    world
        .run(["begin", "2", "1", "2", "--request-key", "ticket-9"])
        .fails(3, &["ticket-9"]);

    world.run(["run"]).ok();
    let again = ["begin", "1", "1", "2", "--request-key", "ticket-9"];
    let said = world.run(again).ok().says(&["it is complete"]);
    assert!(!said.out.contains("shardferry run"), "{}", said.out);
    let third = world.json(again);
    assert_eq!(third["migration"], first["migration"]);
    assert_eq!(third["status"], "complete");
}

#[test]
fn a_cancelled_migration_leaves_the_shard_where_it_was() {
    let world = World::skewed(1);
    let id = world.json(["begin", "1", "1", "2"])["migration"]
        .as_str()
        .unwrap()
        .to_owned();
    let outcome = world.json(["cancel", &id, "--reason", "no"]);
    assert_eq!(outcome["outcome"], "cancelled");
    assert_eq!(world.json(["show", &id])["end"]["reason"], "no");
    world.run(["run"]).ok();
    assert!(world.path("a/shard-00").exists());
    world
        .run(["cancel", &id])
        .fails(3, &[&id, "next: `shardferry show"]);
}

#[test]
fn a_move_that_fails_ends_with_code_5() {
    let world = World::skewed(1);
    world.run(["settings", "--set", "attempts_max=1"]).ok();
    world.run(["begin", "1", "1", "2"]).ok();
    std::fs::remove_file(world.path("a/shard-00")).unwrap();
    let said = world.run(["run", "--json"]);
    assert_eq!(said.code, 5, "{said:?}");
    let report = said.json();
    assert!(
        report["failed"] == 1 || report["unfinished"].as_array().unwrap().len() == 1,
        "{report}"
    );
}

#[test]
fn settings_are_shown_and_changed_and_wrong_ones_refused() {
    let world = World::initialised();
    assert_eq!(world.json(["settings"])["verification"], "required");
    let set = [
        "settings",
        "--set",
        "bytes_per_second_max=50MiB",
        "--set",
        "in_flight_max=3",
    ];
    world.run(set).ok();
    let settings = world.json(["settings"]);
    assert_eq!(settings["bytes_per_second_max"], 50 * 1024 * 1024);
    assert_eq!(settings["in_flight_max"], 3);
    world
        .run(["settings", "--set", "in_flight_max=none"])
        .ok()
        .says(&["in_flight_max"]);
    assert!(world.json(["settings"])["in_flight_max"].is_null());

    world
        .run(["settings", "--set", "speed=1"])
        .fails(2, &["no setting speed", "in_flight_max"]);
    world
        .run(["settings", "--set", "attempts_max=many"])
        .fails(2, &["setting attempts_max cannot be many", "from 1 to"]);
    for value in ["abc", "0", "-1", "99999999999"] {
        let set = format!("in_flight_max={value}");
        let words = [
            &format!("in_flight_max cannot be {value}"),
            "a whole number from 1 to 4294967295, or `none`",
        ];
        world.run(["settings", "--set", &set]).fails(2, &words);
    }
    world
        .run(["settings", "--set", "verification=0"])
        .fails(2, &["verification cannot be 0", "`optional` or `required`"]);
    world
        .run(["settings", "--set", "backoff_ms_min=99999999"])
        .fails(2, &["backoff_ms_min is at most backoff_ms_max", "next:"]);
    // The first of them alone would not be valid.
    let both = ["backoff_ms_min=99999999", "backoff_ms_max=99999999"];
    world
        .run(["settings", "--set", both[0], "--set", both[1]])
        .ok();
    world
        .run(["settings", "--set", "attempts_max"])
        .fails(2, &["KEY=VALUE"]);
    world
        .run(["settings", "--set", "attempts_max=0"])
        .fails(2, &["attempts_max cannot be 0", "from 1 to"]);
    assert_eq!(world.json(["settings"])["attempts_max"], 5);
}

#[test]
fn a_database_that_cannot_be_opened_is_code_4() {
    let world = World::new();
    world.run(["nodes"]).fails(4, &["does not exist", "init"]);
    world
        .run(["--db", "no/x.redb", "init"])
        .fails(4, &["next: create the folder first"]);
    world.write(
        "shardferry.redb",
        b"not a database at all, but a letter to a friend",
    );
    world
        .run(["nodes"])
        .fails(4, &["not a shardferry database"]);
    world
        .run(["--db", ".", "nodes"])
        .fails(4, &["not a regular file"]);
    world.run(["init"]).fails(3, &["exists already"]);
    std::fs::create_dir(world.path("folder")).unwrap();
    std::os::unix::fs::symlink("nowhere", world.path("link")).unwrap();
    for path in ["folder", "link"] {
        let said = world.run(["init", "--db", path]);
        let said = said.fails(3, &["exists already", "is no database"]);
        assert!(!said.err.contains("apply"), "{}", said.err);
    }
}
