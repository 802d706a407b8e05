//! Each mistake in a cluster file is named with its place and the way out, and changes nothing.

use crate::support::World;

#[track_caller]
fn refused(file: &str, place: &str, words: &[&str]) {
    let world = World::initialised();
    for node in ["a", "b"] {
        std::fs::create_dir(world.path(node)).unwrap();
    }
    world.write("a/inner/file", b"1");
    world.write("cluster.toml", file.as_bytes());
    let said = world.run(["apply", "cluster.toml"]);
    let place = format!("cluster.toml:{place}: ");
    let words: Vec<&str> = std::iter::once(place.as_str())
        .chain(words.iter().copied())
        .collect();
    said.fails(7, &words);
    assert_eq!(world.json(["nodes"]).as_array().unwrap().len(), 0);

    let json = world.run(["apply", "cluster.toml", "--json"]).fails(7, &[]);
    assert_eq!(json.out, "");
    let error: serde_json::Value = serde_json::from_str(&json.err).unwrap();
    assert_eq!(error["error"]["kind"], "input");
    assert!(error["error"]["problems"][0]["message"].is_string());
}

const NODE: &str = "[[nodes]]\nid = 1\nname = \"a\"\n";

#[test]
fn an_unknown_key() {
    let file = format!("{NODE}zome = \"r\"\n");
    refused(&file, "4:1", &["unknown field `zome`", "`zone`"]);
}

#[test]
fn a_wrong_type() {
    refused(
        "[[nodes]]\nid = \"one\"\nname = \"a\"\n",
        "2:6",
        &["string \"one\"", "u64"],
    );
}

#[test]
fn a_negative_number() {
    let file = format!("{NODE}capacity_bytes = -5\n");
    refused(&file, "4:18", &["-5"]);
}

#[test]
fn an_unknown_state() {
    let file = format!("{NODE}state = \"sleepy\"\n");
    refused(
        &file,
        "4:9",
        &["sleepy", "`active`", "`draining`", "`down`"],
    );
}

#[test]
fn no_toml_at_all() {
    refused("[[nodes\n", "1:8", &[]);
}

#[test]
fn a_missing_key() {
    refused("[[nodes]]\nid = 1\n", "1:1", &["missing field `name`"]);
}

#[test]
fn an_id_that_is_taken() {
    let file = format!("{NODE}\n[[nodes]]\nid = 1\nname = \"b\"\n");
    refused(
        &file,
        "6:6",
        &["node id 1 is taken already at", "cluster.toml:2:6"],
    );
}

#[test]
fn a_name_that_is_taken() {
    let file = format!("{NODE}\n[[nodes]]\nid = 2\nname = \"a\"\n");
    refused(&file, "7:8", &["node name \"a\" is taken already"]);
}

#[test]
fn two_shards_of_one_id_and_two_of_one_name() {
    let shard =
        |id: u64, name: &str| format!("[[shards]]\nid = {id}\nname = \"{name}\"\nnode = 1\n");
    let file = format!("{NODE}{}{}", shard(1, "x"), shard(1, "y"));
    refused(&file, "9:6", &["shard id 1 is taken already"]);
    let file = format!("{NODE}{}{}", shard(1, "x"), shard(2, "x"));
    refused(&file, "10:8", &["shard name \"x\" is taken already"]);
}

#[test]
fn a_shard_on_no_node() {
    let file = format!("{NODE}[[shards]]\nid = 1\nname = \"x\"\nnode = 9\n");
    refused(&file, "7:8", &["declared on node 9, and there is none"]);
}

#[test]
fn an_empty_range_and_an_overlap() {
    let shard = |id: u64, range: &str| {
        format!("[[shards]]\nid = {id}\nname = \"s{id}\"\nnode = 1\nrange = {range}\n")
    };
    let file = format!("{NODE}{}", shard(1, r#"{ start = "m", end = "a" }"#));
    refused(&file, "8:9", &["holds no key"]);
    let file = format!(
        "{NODE}{}{}",
        shard(1, r#"{ start = "a", end = "m" }"#),
        shard(2, r#"{ start = "c" }"#)
    );
    refused(&file, "9:1", &["overlaps", "s1", "s2"]);
}

#[test]
fn a_directory_that_is_not_there() {
    let file = format!("{NODE}path = \"nowhere\"\nscan = true\n");
    refused(&file, "4:8", &["nowhere", "create or mount it"]);
    let file = format!("{NODE}path = \"a/inner/file\"\n");
    refused(&file, "4:8", &["is not a directory"]);
}

#[test]
fn a_node_that_is_down_may_have_no_directory_now() {
    let world = World::initialised();
    let file = format!("{NODE}path = \"nowhere\"\nscan = true\nstate = \"down\"\n");
    world.write("cluster.toml", file.as_bytes());
    world.run(["apply", "cluster.toml"]).ok();
}

#[test]
fn a_scan_without_a_directory() {
    refused(&format!("{NODE}scan = true\n"), "1:1", &["add `path`"]);
}

#[test]
fn two_nodes_in_one_directory() {
    let file =
        format!("{NODE}path = \"a\"\n[[nodes]]\nid = 2\nname = \"b\"\npath = \"./a/inner\"\n");
    refused(&file, "8:8", &["give each a directory of its own"]);
}

#[test]
fn all_mistakes_are_named_at_once() {
    let world = World::initialised();
    let file = format!("{NODE}path = \"nowhere\"\n[[shards]]\nid = 1\nname = \"x\"\nnode = 9\n");
    world.write("cluster.toml", file.as_bytes());
    world.run(["apply", "cluster.toml"]).fails(
        7,
        &[
            "2 problems in cluster.toml",
            "cluster.toml:4:8",
            "cluster.toml:8:8",
        ],
    );
}

#[test]
fn a_file_that_is_not_there() {
    World::initialised()
        .run(["apply", "nothing.toml"])
        .fails(7, &["nothing.toml cannot be read", "next:"]);
}

#[test]
fn a_shard_name_that_no_entry_can_have() {
    for name in ["a/b", "..", ".shardferry-x"] {
        let shard = format!("[[shards]]\nid = 1\nname = \"{name}\"\nnode = 1\n");
        let file = format!("{NODE}path = \"a\"\n{shard}");
        refused(&file, "7:8", &["can be no entry", "rename the shard"]);
    }
}

#[test]
fn a_replica_that_is_named_twice_or_is_the_owner() {
    let shard = |replicas| {
        format!(
            "{NODE}[[nodes]]\nid = 2\nname = \"b\"\n[[shards]]\nid = 1\nname = \"x\"\nnode = 1\nreplicas = {replicas}\n"
        )
    };
    refused(&shard("[2, 2]"), "11:16", &["names a replica twice"]);
    refused(&shard("[1]"), "10:8", &["as owner and as replica"]);
}

/// A second file could give a node the directory of another, or one inside it.
#[test]
fn directories_are_apart_from_those_of_other_files() {
    let world = World::skewed(1);
    for path in ["a", "a/inner"] {
        std::fs::create_dir_all(world.path(path)).unwrap();
        let text = format!("[[nodes]]\nid = 9\nname = \"q\"\npath = \"{path}\"\n");
        world.write("second.toml", text.as_bytes());
        let said = world.run(["apply", "second.toml"]);
        assert_eq!(said.code, 7, "{said:?}");
        assert!(said.err.contains("second.toml:4:8"), "{}", said.err);
    }
}

/// The database was adopted as a shard of the node in whose directory it was.
#[test]
fn the_database_is_no_shard() {
    let world = World::skewed(1);
    let text = "[[nodes]]\nid = 9\nname = \"q\"\npath = \".\"\nscan = true\n";
    world.write("sub/empty.toml", b"");
    world.write("here.toml", text.as_bytes());
    let said = world.run(["apply", "here.toml"]);
    assert_eq!(said.code, 7, "{said:?}");
    assert!(said.err.contains("holds the database"), "{}", said.err);
}

#[test]
fn a_file_that_is_not_utf8_is_refused_with_its_line() {
    let world = World::initialised();
    world.write("latin1.toml", b"[[nodes]]\nid = 1\nname = \"caf\xe9\"\n");
    let said = world.run(["apply", "latin1.toml"]);
    assert_eq!(said.code, 7, "{said:?}");
    assert!(
        said.err.contains("latin1.toml:3: not UTF-8"),
        "{}",
        said.err
    );
}

/// A dry run said that all was well, and then the directory was refused because of its mark.
#[test]
fn a_directory_of_another_node_is_refused_in_a_dry_run_too() {
    let world = World::initialised();
    for node in ["a", "b"] {
        std::fs::create_dir(world.path(node)).unwrap();
    }
    world.write("b/.shardferry-node", b"7\n");
    world.write("cluster.toml", crate::support::TWO_DISKS.as_bytes());
    for dry_run in [&["--dry-run"][..], &[]] {
        let args = ["apply", "cluster.toml"].iter().chain(dry_run);
        let words = [
            "cluster.toml:11:8",
            "marked as the directory of node",
            "next:",
        ];
        world.run(args).fails(7, &words);
        assert!(!world.path("a/.shardferry-node").exists());
    }
    assert_eq!(world.json(["nodes"]).as_array().unwrap().len(), 0);
}

/// The advice was to begin a migration to the node that does not exist.
#[test]
fn a_registered_shard_on_no_node_is_one_mistake() {
    let world = World::initialised();
    let file = |node| format!("{NODE}[[shards]]\nid = 1\nname = \"x\"\nnode = {node}\n");
    world.write("cluster.toml", file(1).as_bytes());
    world.run(["apply", "cluster.toml"]).ok();
    world.write("cluster.toml", file(9).as_bytes());
    let said = world.run(["apply", "cluster.toml"]);
    let said = said.fails(
        7,
        &["1 problem in", "declared on node 9, and there is none"],
    );
    assert!(!said.err.contains("begin"), "{}", said.err);
}
