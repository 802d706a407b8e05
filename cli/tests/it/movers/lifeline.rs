//! What becomes of a program when this one is stopped or killed, and who may open the database
//! meanwhile.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::wait_until;
use crate::support::{Said, World};

/// Copies in four pieces, of which the third takes as long as the file `hold` is there. It ends with
/// its stdin, like every program has to.
const SCRIPT: &str = r#"#!/bin/sh
read -r job
case $SHARDFERRY_STEP in
copy)
    echo "$job" >> jobs
    # The end of stdin is the end of whoever wants the shard moved.
    exec 3<&0
    (read -r more <&3 || kill -9 0) &
    at=0
    case $job in *'"cursor":"'*) at=${job#*'"cursor":"'}; at=${at%%'"'*};; esac
    while [ "$at" -lt 4 ]; do
        if [ "$at" = 2 ]; then
            echo $$ > holding
            while [ -e hold ]; do sleep 0.02; done
        fi
        at=$((at + 1))
        echo "{\"type\":\"checkpoint\",\"cursor\":\"$at\",\"bytes\":$at,\"bytes_total\":4}"
    done
    cp a/shard-00 b/.part;;
verify)
    sum() { sha256sum < "$1" | cut -c1-64; }
    side() { echo "{\"items\":1,\"bytes\":4,\"digest\":\"$(sum "$1")\"}"; }
    copy=b/.part; [ -e "$copy" ] || copy=b/shard-00
    echo "{\"type\":\"evidence\",\"algorithm\":\"sha256\",\"source\":$(side a/shard-00),\"destination\":$(side "$copy")}";;
activate) [ ! -e b/.part ] || mv b/.part b/shard-00;;
release_source) rm -f a/shard-00;;
discard_destination) rm -f b/.part;;
esac
"#;

fn world() -> World {
    let world = World::skewed(1);
    world.run(["begin", "1", "1", "2"]).ok();
    world.write("mover.sh", SCRIPT.as_bytes());
    world.write(
        "mover.toml",
        b"program = \"sh\"\nargs = [\"mover.sh\"]\ngrace_seconds = 1\n\
          steps = [\"copy\", \"verify\", \"activate\", \"release_source\", \"discard_destination\"]\n",
    );
    world.write("hold", b"");
    world
}

fn start(world: &World) -> Child {
    let mut command: Command = world.command(["run", "--mover", "mover.toml"]);
    let child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    wait_until("the copy holds", || world.path("holding").exists());
    child
}

/// The number of the program that holds is free again.
fn is_gone(world: &World) {
    let pid = fs::read_to_string(world.path("holding")).unwrap();
    let process = Path::new("/proc").join(pid.trim());
    wait_until("the program ends", || !process.exists());
    fs::remove_file(world.path("holding")).unwrap();
}

fn signal(child: &Child, signal: Signal) {
    kill(Pid::from_raw(i32::try_from(child.id()).unwrap()), signal).unwrap();
}

/// The next run goes on from the third piece, and ends well.
fn goes_on(world: &World) {
    fs::remove_file(world.path("hold")).unwrap();
    world.run(["run", "--mover", "mover.toml"]).ok();
    let jobs = fs::read_to_string(world.path("jobs")).unwrap();
    let last = jobs.lines().last().unwrap();
    assert!(
        last.contains(r#""checkpoint":{"cursor":"2","bytes":2}"#),
        "{last}"
    );
    assert!(last.contains(r#""epoch":2"#), "{last}");
    assert_eq!(
        fs::read(world.path("b/shard-00")).unwrap(),
        vec![b'a'; 1024]
    );
    assert!(!world.path("a/shard-00").exists());
    world.run(["check"]).ok();
}

#[test]
fn killed_it_takes_its_program_with_it_and_the_next_run_goes_on() {
    let world = world();
    let mut child = start(&world);
    wait_until("the checkpoint is there", || jobs_checkpoint(&world));
    signal(&child, Signal::SIGKILL);
    child.wait().unwrap();
    is_gone(&world);
    goes_on(&world);
}

/// Nobody can ask the database meanwhile: the copy holds after its second checkpoint, and those are
/// durable within a second.
fn jobs_checkpoint(world: &World) -> bool {
    let holding = fs::metadata(world.path("holding")).unwrap();
    holding
        .modified()
        .unwrap()
        .elapsed()
        .is_ok_and(|since| since.as_millis() > 1500)
}

#[test]
fn asked_to_stop_it_ends_its_program_and_the_next_run_goes_on() {
    for asked in [Signal::SIGINT, Signal::SIGTERM] {
        let world = world();
        let child = start(&world);
        signal(&child, asked);
        let said = Said::of(child.wait_with_output().unwrap());
        assert_eq!(said.code, 130, "{said:?}");
        is_gone(&world);
        goes_on(&world);
    }
}

#[test]
fn a_second_run_on_the_same_database_says_who_has_it_and_what_to_do() {
    let world = world();
    let mut child = start(&world);
    for command in [
        ["run"].as_slice(),
        &["run", "--mover", "mover.toml"],
        &["backup", "copy.redb"],
    ] {
        world.run(command).fails(
            4,
            &[
                "is in use: one process at a time can open it",
                " has it: `shardferry status` says how far it is",
                "One process owns a database",
                "--workers",
                "Executors beside it come with the service",
            ],
        );
    }
    fs::remove_file(world.path("hold")).unwrap();
    assert!(child.wait().unwrap().success());
}
