//! `check`, `check --repair` and `set-aside` on databases with damaged rows.

use std::path::Path;

use serde_json::{Value, json};

use crate::support::World;

/// Overwrites or removes a row of a closed database past the library.
fn write(db: &Path, table: &str, key: &[u8], value: Option<&[u8]>) {
    let db = redb::Database::open(db).unwrap();
    let txn = db.begin_write().unwrap();
    {
        let name = redb::TableDefinition::<&[u8], &[u8]>::new(table);
        let mut rows = txn.open_table(name).unwrap();
        match value {
            Some(value) => drop(rows.insert(key, value).unwrap()),
            None => assert!(rows.remove(key).unwrap().is_some()),
        }
    }
    txn.commit().unwrap();
}

const GARBAGE: &[u8] = b"SF damaged row";
const SHARD_1: [u8; 8] = 1_u64.to_be_bytes();
const SHARD_1_HEX: &str = "0x0000000000000001";

fn with_row(table: &str, key: &[u8], value: Option<&[u8]>) -> World {
    let world = World::skewed(6);
    write(&world.path("shardferry.redb"), table, key, value);
    world
}

/// What a command with `--json` says and ends with.
fn said(world: &World, args: &[&str], code: i32) -> Value {
    let said = world.run(args.iter().chain(&["--json"]));
    assert_eq!(said.code, code, "{said:?}");
    said.json()
}

#[test]
fn an_index_is_built_again() {
    let world = with_row("shard_names", b"shard-03", None);
    world.run(["check"]).says(&[
        "I2: table shard_names",
        "check --repair",
        "1 row of indexes",
    ]);
    let checked = said(&world, &["check"], 6);
    assert_eq!(checked["repair"], json!({ "set_aside": 0, "rebuilt": 1 }));
    assert_eq!(checked["violations"][0]["invariant"], "I2");

    let shown = said(&world, &["check", "--repair", "--dry-run"], 6);
    assert_eq!(shown["dry_run"], true);
    assert_eq!(shown["changes"][0]["repair"], "added");
    assert_eq!(shown["left"], json!([]));
    world.run(["check", "--repair", "--dry-run"]).says(&[
        "1 change would be made; nothing was written",
        "added: table shard_names",
    ]);
    assert_eq!(said(&world, &["check"], 6), checked, "nothing was written");

    let done = said(&world, &["check", "--repair"], 0);
    assert_eq!(done["changes"], shown["changes"]);
    world.run(["check"]).ok().says(&["every invariant holds"]);
    let again = said(&world, &["check", "--repair"], 0);
    assert_eq!(again["changes"], json!([]));
    world
        .run(["check", "--repair"])
        .ok()
        .says(&["nothing to repair", "every invariant holds"]);
    world.run(["check", "--dry-run"]).fails(2, &["--repair"]);
}

/// The shard stays blocked, damaged and set aside; the others are balanced all the while.
#[test]
fn a_damaged_shard_is_set_aside_and_given_up() {
    let world = with_row("shards", &SHARD_1, Some(GARBAGE));
    let begin = ["begin", "id:1", "disk-a", "disk-b"];
    world
        .run(begin)
        .fails(4, &["table shards", SHARD_1_HEX, "damaged", "`check`"]);
    world
        .run(["begin", "shard-00", "disk-a", "disk-b"])
        .fails(4, &["table shards", "`check`"]);
    let dry = said(&world, &["check", "--repair", "--dry-run"], 6);
    assert_eq!(dry["changes"][0]["repair"], "set-aside");
    assert_eq!(dry["changes"][0]["value_bytes"], GARBAGE.len());

    let done = said(&world, &["check", "--repair"], 6);
    assert_eq!(done["changes"], dry["changes"]);
    assert_eq!(done["left"].as_array().unwrap().len(), 1);
    assert_eq!(done["left"][0]["key"], SHARD_1_HEX);
    world
        .run(["check"])
        .says(&["I11: table shards", "1 row set aside", "set-aside list"]);
    assert_eq!(said(&world, &["check"], 6)["set_aside"], 1);
    world
        .run(["check", "--repair"])
        .says(&["nothing to repair", "what is left"]);
    world
        .run(begin)
        .fails(4, &["table shards", SHARD_1_HEX, "set aside", "`check`"]);

    let ran = world.json(["rebalance", "--yes"]);
    assert!(ran["run"]["completed"].as_u64().unwrap() > 0, "{ran}");
    assert!(world.path("a/shard-00").exists(), "nobody touched it");

    let export = ["export", "--output", "cluster.jsonl"];
    let refused = world.run(export);
    let words = [
        "table shards",
        SHARD_1_HEX,
        "make a backup",
        "set-aside list",
    ];
    refused.fails(3, &words);
    assert!(!world.path("cluster.jsonl").exists());
    assert_eq!(world.run(["export"]).out, "");

    let listed = world.json(["set-aside", "list"]);
    assert_eq!(listed[0]["table"], "shards");
    assert_eq!(listed[0]["value"], Value::Null);
    let listed = world.json(["set-aside", "list", "--bytes"]);
    assert_eq!(listed[0]["value"], "53462064616d6167656420726f77");
    world.run(["set-aside", "list", "--bytes"]).ok().says(&[
        SHARD_1_HEX,
        "53462064616d",
        "forgive TABLE KEY --reason WHY",
    ]);

    let forgive = |table: &'static str, key: &'static str| {
        world.run([
            "set-aside",
            "forgive",
            table,
            key,
            "--reason",
            "registered again",
        ])
    };
    world
        .run(["set-aside", "forgive", "shards", SHARD_1_HEX])
        .fails(2, &["--reason"]);
    forgive("shard", SHARD_1_HEX).fails(2, &["there is no table shard", "shard_names"]);
    forgive("shards", "one").fails(2, &["hex"]);
    forgive("shards", "0x0000000000000002").fails(3, &["no row of table shards", "set-aside list"]);
    forgive("shards", SHARD_1_HEX).ok().says(&["gave up"]);
    forgive("shards", SHARD_1_HEX).fails(3, &["no row of table shards"]);
    world.run(["check"]).ok();
    world.run(export).ok();
    world
        .run(["set-aside", "list"])
        .ok()
        .says(&["no row is set aside"]);
    world.run(["apply", "cluster.toml"]).ok();
    world.run(["begin", "shard-00", "disk-a", "disk-b"]).ok();
    world.run(["run"]).ok();
    world.run(["check"]).ok();
}

/// Nothing begins without settings, and nobody but the operator says what they are.
#[test]
fn lost_settings_are_put_into_force_again() {
    for value in [Some(GARBAGE), None] {
        let world = with_row("settings", b"current", value);
        world
            .run(["begin", "1", "1", "2"])
            .fails(4, &["settings", "check"]);
        world.run(["check"]).says(&["I11: table settings"]);
        let repaired = said(&world, &["check", "--repair"], 6);
        let changes = usize::from(value.is_some());
        assert_eq!(repaired["changes"].as_array().unwrap().len(), changes);
        world
            .run(["begin", "1", "1", "2"])
            .fails(4, &["settings", "check"]);
        let said = world.run(["settings", "--set", "attempts_max=7"]).ok();
        assert!(said.err.contains("as in a new database"), "{said:?}");
        let settings = world.json(["settings"]);
        assert_eq!(settings["attempts_max"], 7);
        assert_eq!(settings["verification"], "required");
        if value.is_some() {
            let key = "0x63757272656e74";
            world
                .run([
                    "set-aside",
                    "forgive",
                    "settings",
                    key,
                    "--reason",
                    "set again",
                ])
                .ok();
        }
        world.run(["check"]).ok();
        world.run(["begin", "1", "1", "2"]).ok();
    }
}

/// A shard that only its indexes know is as blocked as one that is set aside, and is given up.
#[test]
fn a_shard_that_is_missing_is_given_up() {
    let world = with_row("shards", &SHARD_1, None);
    world.run(["check"]).says(&["what it names is lost"]);
    world.run(["apply", "cluster.toml"]).fails(3, &["shard-00"]);
    let forgive = ["set-aside", "forgive", "shards", SHARD_1_HEX];
    let forgive = forgive.into_iter().chain(["--reason", "missing"]);
    world.run(forgive).ok();
    world.run(["check"]).ok();
    world.run(["apply", "cluster.toml"]).ok();
    world.run(["begin", "shard-00", "disk-a", "disk-b"]).ok();
}
