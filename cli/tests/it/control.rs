//! A process that has a database open answers for the others.

use std::path::PathBuf;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use crate::support::{Said, World};

const PATIENCE: Duration = Duration::from_secs(60);

/// A run that goes on for long: shards of 8 MiB, of which a second moves 1 MiB.
struct Running {
    world: World,
    child: Child,
}

impl Running {
    fn start() -> Self {
        let world = World::initialised();
        for shard in 0..4 {
            world.write(&format!("a/shard-{shard:02}"), &vec![b'x'; 8 << 20]);
        }
        std::fs::create_dir(world.path("b")).unwrap();
        world.write("cluster.toml", crate::support::TWO_DISKS.as_bytes());
        world.run(["apply", "cluster.toml"]).ok();
        let slowly = "bytes_per_second_max=1MiB";
        world.run(["settings", "--set", slowly]).ok();
        for shard in 0..3 {
            let shard = format!("shard-{shard:02}");
            world.run(["begin", &shard, "disk-a", "disk-b"]).ok();
        }
        let mut run = world.command(["run", "--workers", "1"]);
        let child = run.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
        let running = Self {
            child: child.unwrap(),
            world,
        };
        let since = Instant::now();
        while !running.socket().exists() {
            assert!(since.elapsed() < PATIENCE, "nobody listens");
            std::thread::sleep(Duration::from_millis(10));
        }
        running
    }

    fn socket(&self) -> PathBuf {
        self.world.path("shardferry.redb.control")
    }

    fn end(self) -> (World, Said) {
        let said = Said::of(self.child.wait_with_output().unwrap());
        (self.world, said)
    }
}

#[test]
fn others_look_and_command_while_a_run_is_under_way() {
    let running = Running::start();
    let world = &running.world;
    let under_way = world.json(["list"]);
    assert_eq!(under_way.as_array().unwrap().len(), 3, "{under_way}");
    let last = under_way[2]["id"].as_str().unwrap();
    assert_eq!(world.json(["show", last])["status"], "pending");

    // What a rule refuses is refused there as here, with the same words and code.
    let twice = world.run(["begin", "shard-00", "disk-a", "disk-b"]);
    twice.fails(3, &["migrating already", "next: "]);
    world.run(["show", "not-an-id"]).fails(2, &["not-an-id"]);

    let cancelled = world.json(["cancel", last, "--reason", "not wanted"]);
    assert_eq!(cancelled["outcome"], "cancelled");
    world.run(["begin", "shard-03", "disk-a", "disk-b"]).ok();
    // A limit that is lifted counts at once: the rest would take half a minute.
    let lifted = world.json(["settings", "--set", "bytes_per_second_max=none"]);
    assert_eq!(lifted["bytes_per_second_max"], serde_json::Value::Null);

    let socket = running.socket();
    let (world, said) = running.end();
    assert_eq!(said.code, 0, "{said:?}");
    assert!(!socket.exists());
    let held = |shard: &str| world.path(format!("b/{shard}")).exists();
    assert!(held("shard-00") && held("shard-01") && held("shard-03"));
    assert!(!held("shard-02"), "it was cancelled");
    world.run(["check"]).ok();
}

#[test]
fn a_second_run_is_refused_and_told_the_way_out() {
    let mut running = Running::start();
    let second = running.world.run(["run"]);
    second.fails(4, &["in use", "One process owns", "--workers", "service"]);
    let json = running.world.run(["run", "--json"]);
    assert!(
        json.err.contains(r#""code":4"#) && json.out.is_empty(),
        "{json:?}"
    );
    // What needs files of the one who asks is not handed over either.
    running
        .world
        .run(["backup", "copy.redb"])
        .fails(4, &["in use"]);
    running.child.kill().unwrap();
    drop(running.end());
}

/// A process that is killed leaves its socket. Nobody listens there, and the next one takes its place.
#[test]
fn a_socket_that_was_left_behind_is_in_nobodys_way() {
    let mut running = Running::start();
    running.child.kill().unwrap();
    let socket = running.socket();
    let (world, _) = running.end();
    assert!(socket.exists());
    assert_eq!(world.json(["list"]).as_array().unwrap().len(), 3);
    world
        .run(["settings", "--set", "bytes_per_second_max=none"])
        .ok();
    world.run(["run"]).ok();
    assert!(!socket.exists());
}

/// A socket is reached by a path of about a hundred bytes. Databases are in deeper folders.
#[cfg(target_os = "linux")]
#[test]
fn a_database_in_a_deep_folder_is_asked_as_well() {
    let deep = format!("{}/{}", "d".repeat(80), "e".repeat(80));
    let world = World::new();
    std::fs::create_dir_all(world.path(&deep)).unwrap();
    let db = format!("{deep}/cluster.redb");
    let on = |args: &[&str]| world.command(["--db", &db].iter().chain(args));
    let run = |args: &[&str]| Said::of(on(args).output().unwrap());
    run(&["init"]).ok();
    for shard in 0..2 {
        world.write(&format!("a/shard-{shard:02}"), &vec![b'x'; 8 << 20]);
    }
    std::fs::create_dir(world.path("b")).unwrap();
    world.write("cluster.toml", crate::support::TWO_DISKS.as_bytes());
    run(&["apply", "cluster.toml"]).ok();
    run(&["settings", "--set", "bytes_per_second_max=1MiB"]).ok();
    run(&["begin", "shard-00", "disk-a", "disk-b"]).ok();
    let mut working = on(&["run"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let socket = world.path(format!("{db}.control"));
    let since = Instant::now();
    while !socket.exists() && since.elapsed() < PATIENCE {
        std::thread::sleep(Duration::from_millis(10));
    }
    run(&["list"]).ok().says(&["shard-00"]);
    run(&["settings", "--set", "bytes_per_second_max=none"]).ok();
    assert!(working.wait().unwrap().success());
}

#[test]
fn a_run_is_watched_explained_and_paused_while_it_goes_on() {
    let running = Running::start();
    let world = &running.world;
    let followed = world.run([
        "events", "--since", "0", "--follow", "--limit", "6", "--json",
    ]);
    assert_eq!(followed.out.lines().count(), 6, "{followed:?}");
    assert!(followed.out.contains(r#""kind":"begun""#), "{followed:?}");
    let status = world.json(["status"]);
    assert_eq!(status["held"], 1, "{status}");
    let explained = world.run(["explain", "shard-02"]).ok();
    assert!(explained.out.contains("before it"), "{explained:?}");

    world.run(["pause", "--reason", "maintenance"]).ok();
    let (world, said) = running.end();
    assert_eq!(said.code, 5, "{said:?}");
    assert!(said.out.contains("maintenance"), "{said:?}");
    world
        .run(["settings", "--set", "bytes_per_second_max=none"])
        .ok();
    world.run(["resume"]).ok();
    world.run(["run"]).ok();
    assert!(world.path("b/shard-02").exists());
    world.run(["check"]).ok();
}

/// A run that stays takes up what others begin, and ends when it is asked to.
#[test]
fn what_others_begin_is_done_by_a_run_that_stays() {
    let world = World::skewed(1);
    let mut run = world.command(["run", "--stay"]);
    let mut child = run
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let socket = world.path("shardferry.redb.control");
    let since = Instant::now();
    while !socket.exists() && since.elapsed() < PATIENCE {
        std::thread::sleep(Duration::from_millis(10));
    }
    world.run(["begin", "shard-00", "disk-a", "disk-b"]).ok();
    while world.path("a/shard-00").exists() {
        assert!(since.elapsed() < PATIENCE, "nobody moves it");
        std::thread::sleep(Duration::from_millis(20));
    }
    assert!(world.path("b/shard-00").exists());
    child.kill().unwrap();
    child.wait().unwrap();
    world.run(["check"]).ok();
}

/// A run removed whatever had the name of its socket.
#[test]
fn a_file_with_the_name_of_the_socket_is_somebodys() {
    let world = World::skewed(1);
    world.write("shardferry.redb.control", b"notes");
    world.run(["begin", "shard-00", "disk-a", "disk-b"]).ok();
    world.run(["run"]).ok();
    let notes = std::fs::read(world.path("shardferry.redb.control")).unwrap();
    assert_eq!(notes, b"notes");
}

/// A process that was stopped (Ctrl-Z) accepts, and never answers.
#[cfg(target_os = "linux")]
#[test]
fn a_run_that_is_stopped_keeps_nobody_waiting() {
    use nix::sys::signal::{Signal, kill};
    use nix::unistd::Pid;

    let running = Running::start();
    let run = Pid::from_raw(running.child.id().try_into().unwrap());
    kill(run, Signal::SIGSTOP).unwrap();
    running.world.run(["list"]).fails(4, &["in use", "next: "]);
    kill(run, Signal::SIGCONT).unwrap();
    running.world.run(["list"]).ok();
    running
        .world
        .run(["settings", "--set", "bytes_per_second_max=none"])
        .ok();
    assert_eq!(running.end().1.code, 0);
}
