//! `examples/movers/rsync.py` between the directories of a cluster.

use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;
use std::process::Stdio;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::{has, in_repository, wait_until};
use crate::digest::digest;
use crate::support::World;

/// Four shards: a folder with much in it, a file, one with a name that is no UTF-8, one with a name
/// that every shell would read.
fn world() -> World {
    let world = World::initialised();
    let a = world.path("a");
    fs::create_dir_all(a.join("folder/inner")).unwrap();
    fs::create_dir(world.path("b")).unwrap();
    for nth in 0..40 {
        let path = format!("a/folder/inner/{nth}");
        world.write(&path, &vec![u8::try_from(nth).unwrap(); 10_000]);
    }
    fs::set_permissions(a.join("folder/inner/1"), fs::Permissions::from_mode(0o600)).unwrap();
    symlink("inner/3", a.join("folder/link")).unwrap();
    world.write("a/file", &vec![7; 3_000_000]);
    fs::write(a.join(std::ffi::OsStr::from_bytes(b"na\xffme")), "odd").unwrap();
    world.write("a/-rf $(touch x) \"q'", b"quoted");
    world.write("cluster.toml", crate::support::TWO_DISKS.as_bytes());
    world.run(["apply", "cluster.toml"]).ok();
    world
}

fn all(node: &Path) -> Vec<(Vec<u8>, String)> {
    let mut found: Vec<_> = fs::read_dir(node)
        .unwrap()
        .map(|entry| entry.unwrap())
        .filter(|entry| entry.file_name() != ".shardferry-node")
        .map(|entry| (entry.file_name().as_bytes().to_vec(), digest(&entry.path())))
        .collect();
    found.sort();
    found
}

fn begin_all(world: &World) {
    for shard in 1..=4 {
        world.run(["begin", &format!("id:{shard}"), "1", "2"]).ok();
    }
}

fn mover() -> String {
    in_repository("examples/movers/rsync.toml")
        .display()
        .to_string()
}

#[test]
fn rsync_moves_every_kind_of_shard() {
    if !has(&["rsync", "python3"]) {
        return;
    }
    let world = world();
    let before = all(&world.path("a"));
    assert_eq!(before.len(), 4);
    begin_all(&world);
    let ran = world.json(["run", "--mover", &mover()]);
    assert_eq!(ran["completed"], 4, "{ran}");
    assert_eq!(all(&world.path("b")), before);
    assert_eq!(all(&world.path("a")), []);
    let shown = world.json(["list", "--all"]);
    for one in shown.as_array().unwrap() {
        assert_eq!(one["evidence"]["algorithm"], "sha256-rsync-1", "{one}");
        assert_eq!(one["evidence"]["matches"], true, "{one}");
    }
    let items = |one: &serde_json::Value| one["evidence"]["source"]["items"].as_u64().unwrap();
    let most = shown.as_array().unwrap().iter().map(items).max().unwrap();
    assert_eq!(most, 43, "two folders, 40 files, a link");
    world.run(["check"]).ok();
}

/// A disk that is away is waited for, and its shards are not taken for gone.
#[test]
fn a_directory_without_its_mark_is_waited_for() {
    if !has(&["rsync", "python3"]) {
        return;
    }
    let world = world();
    let before = all(&world.path("a"));
    world.run(["begin", "id:1", "1", "2"]).ok();
    world
        .run([
            "settings",
            "--set",
            "attempts_max=2",
            "--set",
            "backoff_ms_min=1",
        ])
        .ok();
    world.run(["settings", "--set", "backoff_ms_max=2"]).ok();
    fs::remove_file(world.path("b/.shardferry-node")).unwrap();
    let said = world.run(["run", "--mover", &mover()]);
    assert_eq!(said.code, 5, "{said:?}");
    let reason = &world.json(["list", "--all"])[0]["failures"][0]["reason"];
    assert!(
        reason
            .as_str()
            .unwrap()
            .contains("has no mark; is the disk mounted?"),
        "{reason}"
    );
    assert_eq!(all(&world.path("a")), before);
}

/// Killed at whatever comes: each shard is whole on one side at the end.
#[test]
fn rsync_is_killed_with_the_run_and_goes_on() {
    if !has(&["rsync", "python3"]) {
        return;
    }
    let world = world();
    let before = all(&world.path("a"));
    begin_all(&world);
    for pause_ms in [150, 300, 450, 600] {
        let mut command = world.command(["run", "--mover", &mover(), "--workers", "1"]);
        let mut child = command
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        std::thread::sleep(std::time::Duration::from_millis(pause_ms));
        let pid = Pid::from_raw(i32::try_from(child.id()).unwrap());
        if child.try_wait().unwrap().is_none() {
            kill(pid, Signal::SIGKILL).unwrap();
        }
        child.wait().unwrap();
        wait_until("every program of it ends", || !works_in(&world.path("")));
    }
    world.run(["run", "--mover", &mover()]).ok();
    assert_eq!(all(&world.path("b")), before);
    assert_eq!(all(&world.path("a")), []);
    world.run(["check"]).ok();
}

/// Whether a mover runs for the cluster in `folder`.
fn works_in(folder: &Path) -> bool {
    let Ok(folder) = fs::canonicalize(folder) else {
        return false;
    };
    let processes = fs::read_dir("/proc").unwrap();
    processes.flatten().any(|process| {
        let command = fs::read(process.path().join("cmdline")).unwrap_or_default();
        let is_mover = String::from_utf8_lossy(&command).contains("rsync");
        is_mover && fs::read_link(process.path().join("cwd")).is_ok_and(|cwd| cwd == folder)
    })
}
