//! What goes where: stdout holds the result, and nothing else.

use std::process::Stdio;

use crate::support::{Said, World};

const COMMANDS: [&[&str]; 24] = [
    &["nodes"],
    &["shards"],
    &["plan"],
    &["status"],
    &["explain", "shard-00"],
    &["list"],
    &["list", "--all"],
    &["cleanups"],
    &["cleanups", "list"],
    &["cleanups", "run"],
    &["pause"],
    &["resume"],
    &["settings"],
    &["check"],
    &["check", "--repair", "--dry-run"],
    &["check", "--repair"],
    &["set-aside", "list", "--bytes"],
    &["apply", "cluster.toml"],
    &["apply", "cluster.toml", "--dry-run"],
    &["begin", "1", "1", "2"],
    &["run"],
    &["rebalance", "--yes"],
    &["drain", "disk-b"],
    &["undrain", "disk-b"],
];

#[test]
fn with_json_stdout_is_one_value_also_when_tracing() {
    let world = World::skewed(6);
    for command in COMMANDS {
        let args = command.iter().chain(&["--json", "-vvv"]);
        let said = world.run(args).ok();
        assert!(!said.json().is_null(), "{command:?}");
    }
}

#[test]
fn without_a_terminal_there_are_no_escape_codes() {
    let world = World::skewed(6);
    let errors: [&[&str]; 6] = [
        &["apply", "nothing.toml"],
        &["show", "x"],
        &["nodes", "-vvv"],
        &["--help"],
        &["events"],
        &["events", "--follow", "--since", "0", "--limit", "1"],
    ];
    for command in COMMANDS.into_iter().chain(errors) {
        let said = world.run(command);
        assert!(
            !said.out.contains('\x1b') && !said.err.contains('\x1b'),
            "{command:?} {said:?}"
        );
    }
}

#[test]
fn an_error_is_one_json_object_on_stderr() {
    let world = World::skewed(1);
    world.run(["begin", "1", "1", "2"]).ok();
    let said = world.run(["begin", "1", "1", "2", "--json"]).fails(3, &[]);
    assert_eq!(said.out, "");
    let error: serde_json::Value = serde_json::from_str(&said.err).unwrap();
    assert_eq!(error["error"]["kind"], "refused");
    assert_eq!(error["error"]["code"], 3);
    let said = |text: &serde_json::Value| text.as_str().unwrap().to_owned();
    assert_eq!(
        said(&error["error"]["message"]),
        "shard-00 (id 1) cannot be moved from disk-a (id 1) to disk-b (id 2)"
    );
    assert!(said(&error["error"]["causes"][0]).contains("migrating already"));
    assert!(error["error"]["next"].as_str().unwrap().contains("cancel"));
}

#[test]
fn an_error_is_told_once() {
    let said = World::new().run(["nodes"]);
    assert_eq!(
        said.err.matches("does not exist").count(),
        1,
        "{}",
        said.err
    );
}

#[test]
fn a_reader_who_goes_away_is_no_error() {
    let world = World::skewed(3);
    let mut child = world
        .command(["shards"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let said = Said::of(child.wait_with_output().unwrap());
    assert_eq!((said.code, said.err.as_str()), (0, ""));
}

#[cfg(target_os = "linux")]
#[test]
fn a_result_that_could_not_be_written_is_an_error() {
    let world = World::skewed(1);
    let full = std::fs::File::options()
        .write(true)
        .open("/dev/full")
        .unwrap();
    let said = Said::of(world.command(["shards"]).stdout(full).output().unwrap());
    said.fails(1, &["writing the result failed"]);
}

#[test]
fn every_command_has_help_with_an_example_and_the_exit_codes_are_documented() {
    let world = World::new();
    let help = world.run(["--help"]).ok().says(&[
        "Exit codes:",
        "or a row that is needed cannot be read",
        "check, backup or plan --check found violations",
        "130  interrupted",
    ]);
    let commands = help
        .out
        .lines()
        .skip_while(|line| !line.starts_with("Commands:"))
        .skip(1)
        .take_while(|line| !line.is_empty())
        .filter_map(|line| line.split_whitespace().next())
        .filter(|name| *name != "help");
    let mut seen = 0;
    for command in commands {
        world
            .run([command, "--help"])
            .ok()
            .says(&["Example", &format!("shardferry {command}")]);
        seen += 1;
    }
    assert_eq!(seen, 31);
    world.run(["dance"]).fails(2, &["dance"]);
}

#[test]
fn a_newer_process_waits_for_its_turn() {
    let world = World::skewed(1);
    let _held = shardferry::MigrationTracker::open(world.path("shardferry.redb")).unwrap();
    world.run(["nodes"]).fails(4, &["in use"]);
}
