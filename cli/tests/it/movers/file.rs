//! The file of a mover, and what is wrong with it.

use std::os::unix::fs::PermissionsExt as _;

use crate::support::World;

const STEPS: &str = r#"steps = ["copy", "verify", "release_source", "discard_destination"]"#;

#[test]
fn a_file_that_describes_no_mover_is_refused_before_anything_is_done() {
    let world = World::skewed(1);
    world.run(["begin", "1", "1", "2"]).ok();
    world.write("here/not-executable", b"#!/bin/sh\n");
    for (text, words) in [
        (
            "program = 3\n",
            vec!["mover.toml:1:11", "invalid type", "docs/MOVERS.md"],
        ),
        (
            "program = \"sh\"\n",
            vec!["mover.toml:1:1", "missing field `steps`"],
        ),
        (
            "program = \"sh\"\nstepps = []\n",
            vec!["mover.toml:2:1", "unknown field `stepps`"],
        ),
        (
            "program = \"sh\"\nsteps = [\"copy\"]\n",
            vec!["does not declare the step verify"],
        ),
        (
            "program = \"sh\"\nsteps = [\"copy\", \"dance\"]\n",
            vec!["mover.toml:2:18", "`dance`"],
        ),
        (
            &format!("program = \"\"\n{STEPS}\n"),
            vec!["no program is named"],
        ),
        (
            &format!("program = \"no-such-program\"\n{STEPS}\n"),
            vec!["not in PATH", "with a `/`"],
        ),
        (
            &format!("program = \"./nowhere\"\n{STEPS}\n"),
            vec!["nowhere", "is not there"],
        ),
        (
            &format!("program = \"./here\"\n{STEPS}\n"),
            vec!["here", "is no file"],
        ),
        (
            &format!("program = \"./here/not-executable\"\n{STEPS}\n"),
            vec!["cannot be executed", "chmod +x"],
        ),
        (
            &format!("program = \"sh\"\n{STEPS}\n[limits]\ncopy = {{ idle_seconds = 0 }}\n"),
            vec!["mover.toml:4:25", "leaves no time"],
        ),
        (
            &format!("program = \"sh\"\n{STEPS}\n[limits]\nfence = {{ idle_seconds = 1 }}\n"),
            vec!["time limits for the step fence", "does not declare"],
        ),
        (
            &format!("program = \"sh\"\n{STEPS}\nenv = {{ SHARDFERRY_STEP = \"x\" }}\n"),
            vec!["SHARDFERRY_STEP is set by the mover"],
        ),
    ] {
        world.write("mover.toml", text.as_bytes());
        for command in [["run"].as_slice(), &["rebalance", "--yes"]] {
            let args = command.iter().chain(&["--mover", "mover.toml"]);
            world.run(args).fails(7, &words);
        }
    }
    world
        .run(["run", "--mover", "nowhere.toml"])
        .fails(7, &["nowhere.toml cannot be read"]);
    world.write("mover.toml", b"\xff");
    world
        .run(["run", "--mover", "mover.toml"])
        .fails(7, &["not UTF-8"]);
    assert_eq!(world.json(["list"])[0]["status"], "pending");
}

#[test]
fn a_program_is_found_beside_its_file_and_its_words_are_told() {
    let world = World::skewed(1);
    world.run(["begin", "1", "1", "2"]).ok();
    world.run(["settings", "--set", "attempts_max=1"]).ok();
    let script = b"#!/bin/sh\nread -r job\necho \"it says: $1\" >&2\n\
        echo '{\"type\":\"error\",\"class\":\"permanent\",\"message\":\"not today\"}'\n";
    world.write("movers/bin/mine", script);
    let program = world.path("movers/bin/mine");
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    let text = format!("program = \"bin/mine\"\nargs = [\"$HOME * `x`\"]\n{STEPS}\n");
    world.write("movers/mover.toml", text.as_bytes());

    let said = world.run(["run", "--mover", "movers/mover.toml", "-v"]);
    assert_eq!(said.code, 5, "{said:?}");
    assert!(said.err.contains("it says: $HOME * `x`"), "{}", said.err);
    let listed = world.json(["list", "--all"]);
    assert_eq!(listed[0]["status"], "failed");
    assert_eq!(listed[0]["failures"][0]["reason"], "copy: not today");
    assert_eq!(listed[0]["failures"][0]["class"], "permanent");
}

#[test]
fn an_address_is_what_the_mover_makes_of_it() {
    let world = World::initialised();
    let node = |more: &str| format!("[[nodes]]\nid = 1\nname = \"one\"\n{more}\n");
    let apply = |more: &str| {
        world.write("cluster.toml", node(more).as_bytes());
        world.run(["apply", "cluster.toml"])
    };
    std::fs::create_dir(world.path("a")).unwrap();
    apply("address = \"x\"\npath = \"a\"").fails(7, &["cluster.toml:4:11", "`path` and `address`"]);
    apply("address = \"a\"").fails(7, &["is a directory; say `path`"]);
    apply("address = \"\"").fails(7, &["a node address is empty"]);
    apply("address = \"x\"\nscan = true").fails(7, &["no directory; add `path`"]);
    apply("address = \"host=/run/pg dbname=app\"").ok();
    assert_eq!(world.json(["nodes"])[0]["path"], "host=/run/pg dbname=app");
    apply("address = \"https://127.0.0.1:1/\"").ok();
    assert_eq!(world.json(["nodes"])[0]["path"], "https://127.0.0.1:1/");
}
