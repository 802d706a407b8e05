//! Plans for the cluster of a JSON file.

use std::io::Write as _;
use std::process::Stdio;

use serde_json::{Value, json};

use crate::support::{Said, World};

/// Two active nodes and one that drains.
const CLUSTER: &str = r#"{
 "resources": ["count", "bytes"],
 "nodes": [
  {"id": 1, "zone": "a", "state": "active", "capacity": [0, 1000000], "weight": 1},
  {"id": 2, "zone": "b"},
  {"id": 3, "state": "draining"}],
 "shards": [
  {"id": 1, "node": 1, "group": 5, "weights": [1, 4096]},
  {"id": 2, "node": 1, "weights": [1, 4096], "pinned": true},
  {"id": 3, "node": 1, "weights": [1, 8192], "disallowed": [2]},
  {"id": 4, "node": 3, "weights": [1, 1024], "allowed": [1, 2]},
  {"id": 5, "node": 1, "weights": [1, 4096]}],
 "in_flight": [{"shard": 9, "from": 1, "to": 2}],
 "policy": {"balance": ["bytes"], "trigger": 0.10, "target": 0.05, "max_moves": null}
}"#;

/// [`CLUSTER`] with its keys in another order: `nodes` before `resources`, for one.
fn sorted() -> Value {
    serde_json::from_str(CLUSTER).unwrap()
}

fn refused(text: &str, words: &[&str]) -> Said {
    let world = World::new();
    world.write("cluster.json", text.as_bytes());
    let said = world.run(["plan", "--input", "cluster.json"]);
    assert_eq!(said.out, "", "{text}");
    said.fails(7, words)
}

/// [`CLUSTER`] with one text replaced by another.
fn changed(from: &str, to: &str) -> String {
    assert!(CLUSTER.contains(from), "{from}");
    CLUSTER.replacen(from, to, 1)
}

#[test]
fn a_file_is_planned_without_any_database() {
    let world = World::new();
    world.write("cluster.json", CLUSTER.as_bytes());
    let plan = world.json(["plan", "--input", "cluster.json"]);
    assert_eq!(plan["format"], "shardferry-plan");
    assert_eq!(plan["version"], 1);
    let moves = plan["moves"].as_array().unwrap();
    let of = |shard| moves.iter().find(|one| one["shard"] == shard).unwrap();
    assert_eq!(of(4)["reason"], "drain");
    assert_eq!(of(4)["weights"], json!([1, 1024]));
    assert_eq!(of(1)["reason"], "above");
    assert_eq!(of(1)["resource"], "bytes");
    assert!(of(1)["band"]["most"].as_u64().unwrap() > 0);
    assert!(of(1).get("shard_name").is_none());
    assert_eq!(plan["total_moves"], moves.len());
    assert_eq!(plan["loads"][2]["after"], json!([0, 0]));
    assert_eq!(plan["warnings"][0]["kind"], "unknown-in-flight");
    assert!(!world.path("shardferry.redb").exists());
}

/// The text for people, word for word.
#[test]
fn the_text_for_people_is_as_it_is() {
    let world = World::new();
    world.write("cluster.json", CLUSTER.as_bytes());
    let said = world.run(["plan", "--input", "cluster.json"]).ok();
    let expected = include_str!("plan_input.txt");
    assert_eq!(said.out, expected, "\n{}", said.out);
}

#[test]
fn the_keys_come_in_any_order_and_from_standard_input() {
    let world = World::new();
    world.write("cluster.json", CLUSTER.as_bytes());
    let plan = world.json(["plan", "--input", "cluster.json"]);
    let cluster = sorted();
    let keys = ["policy", "shards", "in_flight", "resources", "nodes"];
    let each = keys.map(|key| format!("\"{key}\": {}", cluster[key]));
    let text = format!("{{{}}}", each.join(", "));
    let mut child = world
        .command(["plan", "--input", "-", "--json"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(text.as_bytes()).unwrap();
    drop(stdin);
    let said = Said::of(child.wait_with_output().unwrap()).ok();
    assert_eq!(said.json(), plan);
}

#[test]
fn the_least_that_a_file_has_is_enough() {
    let world = World::new();
    let text = r#"{"nodes": [{"id": 1}, {"id": 2}],
        "shards": [{"id": 1, "node": 1, "weights": [1, 9, 0]}, {"id": 2, "node": 1, "weights": [1, 9, 0]}]}"#;
    world.write("cluster.json", text.as_bytes());
    let plan = world.json(["plan", "--input", "cluster.json"]);
    assert_eq!(plan["resources"], json!(["count", "bytes", "load"]));
    assert_eq!(plan["policy"]["trigger_ppm"], 100_000);
    assert_eq!(plan["policy"]["target_ppm"], 50_000);
    assert_eq!(plan["total_moves"], 1);
    let counted = world.json([
        "plan",
        "--input",
        "cluster.json",
        "--by",
        "count,bytes",
        "--target",
        "0.01",
        "--max-bytes",
        "1KiB",
        "--max-in-per-node",
        "2",
        "--min-zones",
        "1",
    ]);
    assert_eq!(counted["policy"]["balance"], json!(["count", "bytes"]));
    assert_eq!(counted["policy"]["target_ppm"], 10_000);
    assert_eq!(counted["policy"]["max_bytes"], 1024);
    let unknown = ["plan", "--input", "cluster.json", "--by", "cpu"];
    world
        .run(unknown)
        .fails(2, &["no resource `cpu`", "`load`"]);
}

#[test]
fn what_is_wrong_in_a_row_is_named_with_its_line_and_the_row() {
    let row = "[1, 1024]";
    let cases: [(&str, &str, &[&str]); 19] = [
        (
            row,
            "[1]",
            &[
                "json:11:37:",
                "shards[3] (id 4)",
                "1 value, expected 2",
                "`count`, `bytes`",
            ],
        ),
        (row, "[1, 2, 3]", &["json:11:", "3 values, expected 2"]),
        (
            row,
            "[1, -4]",
            &["json:11:", "`-4`", "a whole number from 0"],
        ),
        (row, "[1, 1.5]", &["`1.5`", "a whole number from 0"]),
        (row, "[1, \"x\"]", &["string \"x\"", "`weights`"]),
        (
            row,
            "[1, 18446744073709551616]",
            &["too large, the most is 18446744073709551615"],
        ),
        (
            row,
            "[1, 2], \"wieghts\": 0",
            &["unknown field `wieghts`", "`weights`"],
        ),
        (
            row,
            "[1, 2], \"weights\": [1, 2]",
            &["duplicate field `weights`"],
        ),
        (
            ", \"weights\": [1, 1024]",
            "",
            &["shards[3] (id 4)", "missing field `weights`"],
        ),
        (
            "{\"id\": 5",
            "{\"id\": 4",
            &["json:12:", "shards[4] (id 4)", "shard 4 is listed twice"],
        ),
        (
            "5, \"node\": 1",
            "5, \"node\": 17",
            &["(id 5)", "no node 17 among the 3 nodes"],
        ),
        (
            "\"allowed\": [1, 2]",
            "\"allowed\": [7]",
            &["json:11:", "`allowed`", "no node 7"],
        ),
        (
            "{\"id\": 2",
            "{\"id\": 1",
            &["json:5:", "nodes[1] (id 1)", "node 1 is listed twice"],
        ),
        (
            "draining",
            "gone",
            &["json:6:", "nodes[2] (id 3)", "`gone`", "`no-accept`"],
        ),
        (
            "\"weight\": 1",
            "\"weight\": 0",
            &["json:4:", "weight` of the node is 0, expected 1"],
        ),
        (
            "\"to\": 2",
            "\"to\": 8",
            &["json:13:", "in_flight[0] (id 9)", "no node 8"],
        ),
        (
            "[\"bytes\"]",
            "[\"cpu\"]",
            &["json:14:", "no resource `cpu`", "`count`, `bytes`"],
        ),
        (
            "0.10",
            "7",
            &[
                "json:14:",
                "`trigger` is 7, expected a fraction from 0 to 1",
            ],
        ),
        (
            "0.05",
            "0.5",
            &["json:14:", "target band of 500000 ppm is wider"],
        ),
    ];
    for (from, to, words) in cases {
        refused(&changed(from, to), words);
    }
}

/// What stands before what it is checked against has no line any more, and is named all the same.
#[test]
fn what_is_wrong_is_found_in_any_order() {
    let cases: [(&str, &str, &[&str]); 5] = [
        (
            "\"id\":1,\"state\"",
            "\"id\":3,\"state\"",
            &["node 3 is listed twice"],
        ),
        ("[0,1000000]", "[0]", &["node 1", "1 value, expected 2"]),
        ("\"to\":2", "\"to\":8", &["shard 9 in flight", "no node 8"]),
        ("[\"bytes\"]", "[\"cpu\"]", &["policy", "no resource `cpu`"]),
        (
            "\"resources\":[\"count\",\"bytes\"],",
            "",
            &["node 1", "2 values, expected 3"],
        ),
    ];
    let text = sorted().to_string();
    for (from, to, words) in cases {
        assert!(text.contains(from), "{from} in {text}");
        refused(&text.replacen(from, to, 1), words);
    }
}

#[test]
fn a_file_that_is_no_cluster_is_refused() {
    refused("", &["cluster.json:1:0", "EOF"]);
    refused("[]", &["expected a cluster"]);
    refused(r#"{"nodes": []}"#, &["missing field `shards`"]);
    refused(
        r#"{"nodes": [], "shards": [], "shards": []}"#,
        &["duplicate field `shards`"],
    );
    refused(
        r#"{"nodes": [], "shards": [], "shard": []}"#,
        &["unknown field `shard`"],
    );
    refused(r#"{"nodes": [], "shards": []} x"#, &["trailing characters"]);
    refused(
        r#"{"resources": ["a", "a"], "nodes": [], "shards": []}"#,
        &["`a` is listed twice"],
    );
    refused(
        r#"{"nodes": [], "shards": [4]}"#,
        &["shards[0]", "expected a shard"],
    );
    let world = World::new();
    let missing = ["plan", "--input", "nothing.json"];
    world
        .run(missing)
        .fails(7, &["nothing.json cannot be read"]);
}

#[test]
fn one_shard_and_one_node_are_explained() {
    let world = World::new();
    world.write("cluster.json", CLUSTER.as_bytes());
    let explain =
        |more: [&str; 2]| world.json(["plan", "--input", "cluster.json", more[0], more[1]]);
    let moved = explain(["--explain", "1"]);
    assert_eq!((&moved["fate"], &moved["to"]), (&"moves".into(), &2.into()));
    let verdicts = moved["nodes"].as_array().unwrap();
    let said: Vec<_> = verdicts
        .iter()
        .map(|one| one["verdict"].as_str().unwrap())
        .collect();
    assert_eq!(said, ["here", "chosen", "not-accepting"]);
    let banned = explain(["--explain", "3"]);
    assert_eq!(banned["fate"], "stays");
    assert_eq!(banned["nodes"][1]["refusal"], "disallowed");
    assert_eq!(explain(["--explain", "2"])["fate"], "pinned");
    let node = explain(["--explain-node", "1"]);
    assert_eq!((&node["shards"], &node["pinned"]), (&4.into(), &1.into()));
    assert!(!node["leaves"].as_array().unwrap().is_empty());
    let text = ["plan", "--input", "cluster.json", "--explain", "3"];
    world.run(text).ok().says(&[
        "shard 3 on node 1: it stays: every node that accepts",
        "refused: disallowed",
    ]);
    let text = ["plan", "--input", "cluster.json", "--explain-node", "2"];
    world
        .run(text)
        .ok()
        .says(&["node 2: active", "arrives:", "band"]);
    for (option, words) in [
        ("--explain", "no shard 77"),
        ("--explain-node", "no node 77"),
    ] {
        world
            .run(["plan", "--input", "cluster.json", option, "77"])
            .fails(3, &[words]);
    }
}

/// The sums of a node go beyond 64 bits; JSON has them to the last digit, and they are read again.
#[test]
fn sums_beyond_64_bits_are_exact() {
    let world = World::new();
    let most = u64::MAX;
    let text = format!(
        r#"{{"resources": ["bytes"], "nodes": [{{"id": 1}}, {{"id": 2}}], "shards": [
        {{"id": 1, "node": 1, "weights": [{most}]}}, {{"id": 2, "node": 1, "weights": [{most}]}}]}}"#
    );
    world.write("cluster.json", text.as_bytes());
    let said = world
        .run(["plan", "--input", "cluster.json", "--json"])
        .ok();
    let said = said.says(&["36893488147419103230"]);
    world.write("plan.json", said.out.as_bytes());
    let check = ["plan", "--input", "cluster.json", "--check", "plan.json"];
    world.run(check).ok().says(&["1 move: the plan holds"]);
    world.run(["plan", "--input", "cluster.json"]).ok();
    world
        .run([
            "plan",
            "--input",
            "cluster.json",
            "--explain-node",
            "1",
            "--json",
        ])
        .ok();
}

#[test]
fn a_picture_is_drawn_of_few_nodes_and_of_many() {
    let world = World::new();
    world.write("cluster.json", CLUSTER.as_bytes());
    let nodes: Vec<Value> = (0..300).map(|id| json!({"id": id})).collect();
    let shards: Vec<Value> = (0..300)
        .map(|id| json!({"id": id, "node": id % 7, "weights": [1, 10, 0]}))
        .collect();
    let many = json!({"nodes": nodes, "shards": shards});
    world.write("many.json", many.to_string().as_bytes());
    for file in ["cluster.json", "many.json"] {
        world
            .run(["plan", "--input", file, "--svg", "loads.svg"])
            .ok();
        let svg = std::fs::read_to_string(world.path("loads.svg")).unwrap();
        assert!(svg.starts_with("<svg xmlns") && svg.ends_with("</svg>\n"));
        assert!(
            svg.contains("class=\"before\"") && !svg.contains("NaN"),
            "{svg}"
        );
    }
    let nowhere = ["plan", "--input", "cluster.json", "--svg", "no/loads.svg"];
    world
        .run(nowhere)
        .fails(1, &["cannot be written", "create the folder"]);
}
