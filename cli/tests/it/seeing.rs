//! How it all stands, how fast it goes, and what happened.

use std::process::Stdio;
use std::thread;
use std::time::Duration;

use serde_json::Value;

use crate::support::World;

fn begin(world: &World, shard: &str) -> String {
    let begun = world.json(["begin", shard, "disk-a", "disk-b"]);
    begun["migration"].as_str().unwrap().to_owned()
}

/// The rate and the time that is left come from samples in the file: a crash does not take them away.
#[test]
fn rate_and_eta_survive_a_kill() {
    let world = World::skewed(1);
    world.write("a/shard-00", &vec![b'x'; 8 * 1024 * 1024]);
    world.run(["apply", "cluster.toml"]).ok();
    let status = world.json(["status"]);
    assert_eq!(
        (&status["pending"], &status["left_ms"]),
        (&0.into(), &0.into())
    );
    let id = begin(&world, "1");
    assert_eq!(
        world.json(["status"])["left_ms"],
        Value::Null,
        "nobody has measured anything"
    );
    world.run(["status"]).ok().says(&["left        unknown"]);

    world
        .run(["settings", "--set", "bytes_per_second_max=1MiB"])
        .ok();
    let mut run = world
        .command(["run"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    thread::sleep(Duration::from_secs(4));
    run.kill().unwrap();
    run.wait().unwrap();
    let shown = world.json(["show", &id]);
    assert_eq!(shown["bytes_total"], 8 * 1024 * 1024, "{shown}");
    assert!(shown["bytes_per_second"].as_u64().unwrap() > 0, "{shown}");
    assert!(shown["left_ms"].as_u64().unwrap() > 0, "{shown}");
    world.run(["list"]).ok().says(&["/s", " of 8.0 MiB"]);
    let status = world.json(["status"]);
    assert_eq!(
        (
            &status["in_progress"],
            &status["held"],
            &status["bytes_total"]
        ),
        (&1.into(), &1.into(), &(8 * 1024 * 1024).into())
    );
    assert!(status["left_ms"].as_u64().unwrap() > 0, "{status}");
}

#[test]
fn status_shows_what_is_paused_and_draining() {
    let world = World::skewed(2);
    world.run(["drain", "disk-a"]).ok();
    world
        .run(["pause", "--node", "disk-b", "--reason", "its disk"])
        .ok();
    let status = world.json(["status"]);
    assert_eq!(status["pending"], 2);
    assert_eq!(
        (
            &status["pauses"][0]["node_name"],
            &status["pauses"][0]["reason"]
        ),
        (&"disk-b".into(), &"its disk".into())
    );
    assert_eq!(
        (
            &status["draining"][0]["node"],
            &status["draining"][0]["under_way"]
        ),
        (&1.into(), &2.into())
    );
    let last = world.run(["events", "--limit", "1", "--json"]).ok().json();
    assert_eq!(status["position"], last["seq"]);
    world.run(["status"]).ok().says(&[
        "2: 2 pending",
        "paused: disk-b (id 2)",
        "draining: disk-a (id 1), 2 shards left",
    ]);
}

#[test]
fn events_go_on_from_a_position_a_line_each() {
    let world = World::skewed(2);
    begin(&world, "1");
    world.run(["run"]).ok();
    let said = world.run(["events", "--json"]).ok();
    let events: Vec<Value> = said
        .out
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let seqs: Vec<u64> = events
        .iter()
        .map(|event| event["seq"].as_u64().unwrap())
        .collect();
    assert_eq!(
        seqs,
        (1..=u64::try_from(events.len()).unwrap()).collect::<Vec<_>>()
    );
    let claimed = events
        .iter()
        .find(|event| event["kind"] == "claimed")
        .unwrap();
    assert!(
        claimed["actor"]["executor"]
            .as_str()
            .unwrap()
            .starts_with("shardferry-")
    );
    assert_eq!(
        (&claimed["epoch"], &claimed["shard"]),
        (&1.into(), &1.into())
    );

    let said = world.run(["events", "--since", "2", "--limit", "2"]).ok();
    let starts: Vec<&str> = said
        .out
        .lines()
        .map(|line| line.split(' ').next().unwrap())
        .collect();
    assert_eq!(starts, ["3", "4"]);
    world
        .run(["events", "--limit", "1"])
        .ok()
        .says(&["cleanup-settled", "shard-00 (id 1)"]);
    assert_eq!(
        world
            .run(["events", "--since", "18446744073709551615"])
            .ok()
            .out,
        ""
    );
    let followed = world
        .run([
            "events", "--since", "0", "--follow", "--limit", "3", "--json",
        ])
        .ok();
    assert_eq!(followed.out.lines().count(), 3);
    world.run(["events", "--limit", "0"]).fails(2, &["--limit"]);
}
