//! Disks that are really full: that of a node, that of the database, and one that is both.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::{Said, World};

/// A file system of its own in the folder of a world, where the machine lets us mount one.
struct Mount(PathBuf);

impl Mount {
    fn new(world: &World, name: &str, size: &str) -> Option<Self> {
        let at = world.path(name);
        fs::create_dir_all(&at).unwrap();
        let done = mount(
            &["-t", "tmpfs", "-o", &format!("size={size}"), "tmpfs"],
            &at,
        );
        if done {
            return Some(Self(at));
        }
        eprintln!("skipped: no file system can be mounted here");
        None
    }

    fn resize(&self, size: &str) {
        assert!(mount(&["-o", &format!("remount,size={size}")], &self.0));
    }

    /// Takes all that is free.
    fn fill(&self) {
        let mut filler = fs::File::create(self.0.join("filler")).unwrap();
        while filler.write(&[7; 4096]).is_ok_and(|written| written > 0) {}
    }

    fn make_room(&self) {
        fs::remove_file(self.0.join("filler")).unwrap();
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

fn mount(arguments: &[&str], at: &Path) -> bool {
    let done = Command::new("mount").args(arguments).arg(at).output();
    done.is_ok_and(|done| done.status.success())
}

const DEMO: [&str; 11] = [
    "demo",
    "--dir",
    "full/demo",
    "--nodes",
    "3",
    "--shards",
    "9",
    "--size",
    "1MiB",
    "--rate",
    "0",
];

fn sound(world: &World, database: &str) {
    world.run(["--db", database, "check"]).ok();
}

/// Everything of a demo is on one file system, which is too small for it.
#[test]
fn the_demo_stops_on_a_full_disk_and_the_same_command_finishes_when_there_is_room() {
    let world = World::new();
    let Some(disk) = Mount::new(&world, "full", "4m") else {
        return;
    };
    let stopped = world.run(DEMO);
    eprintln!("{}", stopped.err);
    let stopped = stopped.fails(1, &["No space left", "next: ", "the same command goes on"]);
    assert!(!stopped.err.contains("panic"));
    // Again, and still full: nothing is worse.
    world.run(DEMO).fails(1, &["No space left"]);
    disk.resize("64m");
    world.run(DEMO).ok().says(&["verified 9 shards", "done in"]);
    sound(&world, "full/demo/shardferry.redb");
}

/// The database is elsewhere: the attempts fail, each with the reason, and the program says that
/// something is left.
#[test]
fn a_full_node_fails_attempts_and_says_what_is_full() {
    let world = World::initialised();
    let Some(disk) = Mount::new(&world, "b", "1m") else {
        return;
    };
    for shard in 0..4 {
        world.write(&format!("a/shard-{shard:02}"), &vec![shard; 400 * 1024]);
    }
    world.write("cluster.toml", crate::support::TWO_DISKS.as_bytes());
    world.run(["apply", "cluster.toml"]).ok();
    let quick = ["backoff_ms_min=1", "backoff_ms_max=2", "attempts_max=3"];
    for setting in quick {
        world.run(["settings", "--set", setting]).ok();
    }
    let begin = |world: &World| {
        for shard in 0..4 {
            let shard = format!("shard-{shard:02}");
            world.run(["begin", &shard, "disk-a", "disk-b"]);
        }
    };
    begin(&world);
    let stopped = world.run(["run"]);
    eprintln!("{}{}", stopped.out, stopped.err);
    assert_eq!(stopped.code, 5, "{stopped:?}");
    let said = format!("{}{}", stopped.out, stopped.err);
    assert!(said.contains("the file system is full"), "{said}");
    assert!(said.contains("free space there"), "{said}");
    sound(&world, "shardferry.redb");
    disk.resize("8m");
    // Those that were given up are let out and begun again; what was copied for them is gone.
    for shard in world.json(["quarantine", "list"]).as_array().unwrap() {
        let shard = shard["shard_name"].as_str().unwrap();
        world.run(["quarantine", "release", shard]).ok();
    }
    begin(&world);
    world.run(["run"]).ok();
    for shard in 0..4_u8 {
        let moved = fs::read(world.path(format!("b/shard-{shard:02}"))).unwrap();
        assert!(moved == vec![shard; 400 * 1024], "shard {shard} differs");
        assert!(!world.path(format!("a/shard-{shard:02}")).exists());
    }
    sound(&world, "shardferry.redb");
}

/// The nodes are elsewhere: nothing begins, the run stops and says so, and the ballast lets the same
/// command finish although nobody made room.
#[test]
fn a_full_disk_of_the_database_stops_a_run_and_the_ballast_lets_it_finish() {
    let world = World::new();
    let Some(disk) = Mount::new(&world, "full", "24m") else {
        return;
    };
    let database = "full/cluster.redb";
    let on = |args: &[&str]| -> Said {
        let args = ["--db", database].into_iter().chain(args.iter().copied());
        world.run(args)
    };
    on(&["init"]).ok();
    for shard in 0..40 {
        world.write(&format!("a/shard-{shard:02}"), &[b'x'; 1024]);
    }
    fs::create_dir_all(world.path("b")).unwrap();
    world.write("cluster.toml", crate::support::TWO_DISKS.as_bytes());
    on(&["apply", "cluster.toml"]).ok();
    let ballast = world.path("full/cluster.redb.ballast");
    assert!(ballast.exists());
    for shard in 0..39 {
        on(&["begin", &format!("shard-{shard:02}"), "disk-a", "disk-b"]).ok();
    }
    disk.fill();
    on(&["begin", "shard-39", "disk-a", "disk-b"]).fails(
        3,
        &["bytes are free", "16777216 are kept free", "make room"],
    );
    let mut stopped = 0;
    loop {
        let said = on(&["run"]);
        if said.code == 0 {
            break;
        }
        eprintln!("{}", said.err);
        stopped += 1;
        assert_eq!(stopped, 1, "the ballast is not enough");
        said.fails(
            1,
            &[
                "the run stopped",
                "cluster.redb",
                "No space left",
                "next: the file system of the database is full: make room there",
            ],
        );
        assert!(!ballast.exists());
    }
    eprintln!(
        "stopped {stopped} times; ballast there: {}",
        ballast.exists()
    );
    assert!(!ballast.exists(), "nobody needed it: the disk was not full");
    for shard in 0..39 {
        let moved = fs::read(world.path(format!("b/shard-{shard:02}"))).unwrap();
        assert_eq!(moved, [b'x'; 1024]);
    }
    sound(&world, database);
    disk.make_room();
    on(&["begin", "shard-39", "disk-a", "disk-b"]).ok();
    on(&["run"]).ok();
    assert!(ballast.exists(), "it is made again");
    sound(&world, database);
}

/// Where nothing can be mounted: a limit on the size of files, which every machine has.
#[test]
fn a_limit_on_the_size_of_files_stops_the_demo_and_without_it_the_same_command_finishes() {
    let world = World::new();
    fs::create_dir_all(world.path("full")).unwrap();
    let limited = Command::new("bash")
        .args(["-c", "trap '' XFSZ; ulimit -f 512; exec \"$@\"", "limited"])
        .arg(env!("CARGO_BIN_EXE_shardferry"))
        .args(DEMO)
        .current_dir(world.path("."))
        .output();
    let Ok(limited) = limited else {
        eprintln!("skipped: no bash here");
        return;
    };
    Said::of(limited).fails(1, &["File too large", "next: "]);
    world.run(DEMO).ok().says(&["verified 9 shards"]);
    sound(&world, "full/demo/shardferry.redb");
}
