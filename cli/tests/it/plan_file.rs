//! Plans that were written, checked and carried out.

use serde_json::Value;

use crate::support::World;

/// A cluster, and the plan that balances the number of its shards in `plan.json`.
fn planned(shards: usize) -> (World, Value) {
    let world = World::skewed(shards);
    let plan = world.run(["plan", "--by", "count", "--json"]).ok();
    world.write("plan.json", plan.out.as_bytes());
    let plan = plan.json();
    (world, plan)
}

#[test]
fn exactly_the_plan_of_a_file_is_carried_out() {
    let (world, plan) = planned(8);
    world
        .run(["plan", "--check", "plan.json"])
        .ok()
        .says(&["4 moves: the plan holds"]);
    world
        .run(["rebalance", "--plan", "plan.json"])
        .fails(2, &["--yes"]);
    let done = world.json(["rebalance", "--plan", "plan.json", "--yes"]);
    assert_eq!(done["run"]["completed"], 4);
    assert_eq!(done["plan"]["moves"], plan["moves"]);
    for one in plan["moves"].as_array().unwrap() {
        let name = one["shard_name"].as_str().unwrap();
        assert!(world.path(format!("b/{name}")).exists(), "{name}");
    }
    let again = world.run(["rebalance", "--plan", "plan.json", "--yes"]);
    again.fails(
        3,
        &["4 of 4 moves cannot be made", "is on node 2", "plan again"],
    );
    let check = world.run(["plan", "--check", "plan.json"]);
    assert_eq!(check.code, 6, "{check:?}");
}

#[test]
fn a_plan_is_applied_whole_or_not_at_all() {
    let (world, plan) = planned(8);
    let dry = world.json(["apply", "plan.json", "--dry-run"]);
    assert_eq!(
        (
            dry["moves"].as_u64(),
            dry["migrations"].as_array().unwrap().len()
        ),
        (Some(4), 0)
    );
    assert!(world.json(["list"]).as_array().unwrap().is_empty());
    let applied = world.json(["apply", "plan.json"]);
    let begun = world.json(["list"]);
    assert_eq!(applied["migrations"].as_array().unwrap().len(), 4);
    let mut shards: Vec<_> = begun
        .as_array()
        .unwrap()
        .iter()
        .map(|one| &one["shard"])
        .collect();
    shards.sort_by_key(|shard| shard.as_u64());
    let mut planned: Vec<_> = plan["moves"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| &one["shard"])
        .collect();
    planned.sort_by_key(|shard| shard.as_u64());
    assert_eq!(shards, planned);
    // The cluster has changed under it.
    world
        .run(["apply", "plan.json"])
        .fails(3, &["4 of 4 moves", "plan again"]);
    world.run(["run"]).ok();
    let later = plan.to_string().replace("\"wave\":0", "\"wave\":1");
    world.write("broken.json", later.as_bytes());
    assert_ne!(world.run(["apply", "broken.json"]).code, 0);
}

#[test]
fn a_plan_is_refused_as_a_whole_when_one_shard_is_under_way() {
    let (world, plan) = planned(8);
    let shard = plan["moves"][0]["shard"].to_string();
    world.run(["begin", &shard, "disk-a", "disk-b"]).ok();
    world
        .run(["rebalance", "--plan", "plan.json", "--yes"])
        .fails(
            3,
            &["moves[0]", "1 of 4 moves", "in flight", "none was begun"],
        );
    assert_eq!(world.json(["list"]).as_array().unwrap().len(), 1);
}

#[test]
fn a_plan_is_refused_when_a_node_accepts_nothing_any_more() {
    let (world, _) = planned(4);
    let file = std::fs::read_to_string(world.path("cluster.toml")).unwrap();
    let draining = file.replace("path = \"b\"", "path = \"b\"\nstate = \"draining\"");
    world.write("cluster.toml", draining.as_bytes());
    world.run(["apply", "cluster.toml"]).ok();
    let said = world.run(["rebalance", "--plan", "plan.json", "--yes"]);
    said.fails(3, &["2 of 2 moves", "node 2 is draining"]);
    assert_eq!(world.json(["list", "--all"]).as_array().unwrap().len(), 0);
}

#[test]
fn what_is_no_plan_is_an_input_error() {
    let (world, plan) = planned(4);
    let refused = |content: &str, words: &[&str]| {
        world.write("other.json", content.as_bytes());
        for command in [&["plan", "--check"][..], &["rebalance", "--yes", "--plan"]] {
            world
                .run(command.iter().chain(&["other.json"]))
                .fails(7, words);
        }
    };
    refused("{", &["other.json:1:1", "EOF"]);
    refused("{}", &["`format` is not `shardferry-plan`"]);
    let with = |key: &str, value: Value| {
        let mut plan = plan.clone();
        plan[key] = value;
        plan.to_string()
    };
    refused(
        &with("version", 2.into()),
        &["version` is 2; this program reads version 1"],
    );
    let mut other = plan.clone();
    other["moves"][0]["reason"] = "whim".into();
    refused(&other.to_string(), &["moves[0]", "no reason `whim`"]);
    other = plan.clone();
    other["moves"][1].as_object_mut().unwrap().remove("wave");
    refused(&other.to_string(), &["missing field `wave`"]);
    let said = world.run(["rebalance", "--plan", "plan.json", "--by", "count"]);
    said.fails(2, &["cannot be used with"]);
}

#[test]
fn a_plan_that_says_what_is_not_so_does_not_pass_its_check() {
    let (world, plan) = planned(8);
    for (key, value) in [("total_bytes", 1.into()), ("lower_bound_moves", 40.into())] {
        let mut false_plan: Value = plan.clone();
        false_plan[key] = value;
        world.write("false.json", false_plan.to_string().as_bytes());
        let check = world.run(["plan", "--check", "false.json", "--json"]);
        assert_eq!(check.code, 6, "{key}: {check:?}");
        assert_eq!(
            check.json()["violations"].as_array().unwrap().len(),
            1,
            "{check:?}"
        );
    }
}
