//! `examples/movers/postgres.py` between two real servers, with clients that write all the while.

use std::process::Stdio;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

use super::server::{Programs, Server};
use super::{in_repository, wait_until};
use crate::support::World;

const ROWS: u64 = 2000;

/// Two servers with the same table, rows on the first, and the range `orders:0-1000` as a shard.
struct Setting {
    world: World,
    one: Server,
    two: Server,
}

impl Setting {
    fn new() -> Option<Self> {
        let programs = Programs::find()?;
        let template = programs.template();
        let (one, two) = (programs.start(&template), programs.start(&template));
        for server in [&one, &two] {
            server.sql(
                "CREATE TABLE orders (id bigint PRIMARY KEY, note text, at timestamptz, \
                 raw bytea, price double precision)",
            );
        }
        one.sql(&format!(
            "INSERT INTO orders SELECT n, 'tab\tline\n\\ ' || n, now(), decode('00ff', 'hex'), n / 3.0 \
             FROM generate_series(0, {ROWS} - 1) n"
        ));
        // A neighbour on the other side, which nobody may touch.
        two.sql("INSERT INTO orders VALUES (5000, 'neighbour', now(), '', 0)");
        let world = World::initialised();
        let node = |id: u8, server: &Server| {
            format!(
                "[[nodes]]\nid = {id}\nname = \"pg-{id}\"\naddress = \"{}\"\n",
                server.address()
            )
        };
        let cluster = format!(
            "{}{}[[shards]]\nid = 7\nname = \"orders:0-1000\"\nnode = 1\n",
            node(1, &one),
            node(2, &two)
        );
        world.write("cluster.toml", cluster.as_bytes());
        world.run(["apply", "cluster.toml"]).ok();
        let program = in_repository("examples/movers/postgres.py");
        let mover = format!(
            "program = \"python3\"\nargs = [{:?}, \"--rows\", \"250\"]\nsteps = [\"copy\", \
             \"catch_up\", \"fence\", \"unfence\", \"verify\", \"activate\", \"release_source\", \
             \"discard_destination\"]\nenv = {{ PATH = {:?} }}\n",
            program.display().to_string(),
            programs.path()
        );
        world.write("mover.toml", mover.as_bytes());
        Some(Self { world, one, two })
    }

    fn count(server: &Server, range: &str) -> u64 {
        let sql = format!("SELECT count(*) FROM orders WHERE {range}");
        server.sql(&sql).parse().unwrap()
    }

    /// Rows of 0-1000 at neither, one or both ends; nothing else has changed, and nothing is left over.
    fn assert_at(&self, at_one: u64, at_two: u64) {
        let range = "id >= 0 AND id < 1000";
        assert_eq!(Self::count(&self.one, range), at_one);
        assert_eq!(Self::count(&self.two, range), at_two);
        assert_eq!(Self::count(&self.one, "id >= 1000"), ROWS - 1000);
        assert_eq!(
            self.two.sql("SELECT note FROM orders WHERE id >= 1000"),
            "neighbour"
        );
        for server in [&self.one, &self.two] {
            let parts = "SELECT count(*) FROM pg_class WHERE relname LIKE 'shardferry_part%'";
            assert_eq!(server.sql(parts), "0");
        }
        self.world.run(["check"]).ok();
    }

    fn shown(&self) -> Value {
        self.world.json(["list", "--all"])[0].clone()
    }
}

/// Every write that was acknowledged is where the range is at the end.
#[test]
fn a_range_moves_between_servers_under_writes() {
    let Some(setting) = Setting::new() else {
        return;
    };
    let Setting { world, one, two } = &setting;
    world.run(["begin", "orders:0-1000", "1", "2"]).ok();
    let moved = AtomicBool::new(false);
    let acknowledged = thread::scope(|scope| {
        let writer = scope.spawn(|| {
            let mut written = 0_u64;
            while !moved.load(Ordering::SeqCst) {
                let next = written + 1;
                let key = 10 * (next % 10);
                let sql = format!("UPDATE orders SET note = 'write {next}' WHERE id = {key}");
                match one.psql(&sql) {
                    Ok(_) => written = next,
                    Err(refused) => {
                        assert!(refused.contains("is moving or has moved"), "{refused}");
                        return written;
                    }
                }
            }
            written
        });
        let ran = world.json(["run", "--mover", "mover.toml"]);
        assert_eq!(ran["completed"], 1, "{ran}");
        moved.store(true, Ordering::SeqCst);
        writer.join().unwrap()
    });
    assert!(acknowledged > 0);
    for write in acknowledged.saturating_sub(9).max(1)..=acknowledged {
        let key = 10 * (write % 10);
        let note = two.sql(&format!("SELECT note FROM orders WHERE id = {key}"));
        assert_eq!(note, format!("write {write}"), "of {acknowledged}");
    }
    setting.assert_at(0, 1000);

    let shown = setting.shown();
    let evidence = &shown["evidence"];
    assert_eq!(evidence["algorithm"], "sha256-rows-1");
    assert_eq!(evidence["source"], evidence["destination"]);
    assert_eq!(evidence["source"]["items"], 1000);
    assert_eq!(evidence["source"]["digest"].as_str().unwrap().len(), 64);

    // The source takes no writes there any more, the neighbours do, and so does the destination.
    one.psql("INSERT INTO orders VALUES (3, 'late')")
        .unwrap_err();
    one.psql("UPDATE orders SET id = 4 WHERE id = 1500")
        .unwrap_err();
    one.sql("UPDATE orders SET note = 'x' WHERE id = 1500");
    two.sql("UPDATE orders SET note = 'x' WHERE id = 3");

    // And back again: what stopped writes goes.
    world.run(["begin", "orders:0-1000", "2", "1"]).ok();
    world.run(["run", "--mover", "mover.toml"]).ok();
    setting.assert_at(1000, 0);
    one.sql("UPDATE orders SET note = 'back' WHERE id = 3");
    two.psql("INSERT INTO orders VALUES (3, 'late')")
        .unwrap_err();
}

/// Killed in the middle of the copy, the next run goes on from the checkpoint; cancelled, nothing is
/// left at the destination, and the source takes writes.
#[test]
fn a_range_goes_on_from_its_checkpoint_and_can_be_called_off() {
    let Some(setting) = Setting::new() else {
        return;
    };
    let Setting { world, one, two } = &setting;
    // A piece of 250 rows has about 17 kB: one in almost two seconds.
    world
        .run(["settings", "--set", "bytes_per_second_max=10kB"])
        .ok();
    world.run(["begin", "orders:0-1000", "1", "2"]).ok();
    let part = || {
        let name =
            "SELECT relname FROM pg_class WHERE relname LIKE 'shardferry_part%' AND relkind = 'r'";
        two.psql(name).ok().filter(|name| !name.is_empty())
    };
    let copied = || {
        let sql = part().map(|part| format!("SELECT count(*) FROM {part}"));
        sql.and_then(|sql| two.psql(&sql).ok())
            .map_or(0, |rows| rows.parse::<u64>().unwrap())
    };
    let mut command = world.command(["run", "--mover", "mover.toml"]);
    let mut child = command
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    wait_until("two pieces are there", || copied() >= 500);
    // The checkpoint of the piece before is durable by now.
    kill(
        Pid::from_raw(i32::try_from(child.id()).unwrap()),
        Signal::SIGKILL,
    )
    .unwrap();
    child.wait().unwrap();
    let shown = setting.shown();
    let saved = shown["checkpoint_bytes"].as_u64().unwrap();
    assert!(saved > 5_000, "{shown}");
    world
        .run(["settings", "--set", "bytes_per_second_max=none"])
        .ok();
    // What the copy passes over is still compared.
    two.sql(&format!(
        "UPDATE {} SET note = 'altered' WHERE id = 3",
        part().unwrap()
    ));
    world.run(["run", "--mover", "mover.toml"]).ok();
    setting.assert_at(0, 1000);
    let note = two.sql("SELECT note FROM orders WHERE id = 3");
    assert!(note.starts_with("tab"), "{note}");

    world.run(["begin", "orders:0-1000", "2", "1"]).ok();
    world
        .run(["settings", "--set", "bytes_per_second_max=10kB"])
        .ok();
    let mut command = world.command(["run", "--mover", "mover.toml"]);
    let child = command
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    wait_until("a piece is on its way back", || {
        let parts =
            "SELECT count(*) FROM pg_class WHERE relname LIKE 'shardferry_part%' AND relkind = 'r'";
        one.psql(parts).is_ok_and(|count| count == "1")
    });
    kill(
        Pid::from_raw(i32::try_from(child.id()).unwrap()),
        Signal::SIGINT,
    )
    .unwrap();
    assert_eq!(child.wait_with_output().unwrap().status.code(), Some(130));
    let id = world.json(["list"])[0]["id"].as_str().unwrap().to_owned();
    world.run(["cancel", &id, "--reason", "no"]).ok();
    world.run(["run", "--mover", "mover.toml"]).ok();
    setting.assert_at(0, 1000);
    two.sql("UPDATE orders SET note = 'mine' WHERE id = 3");
}
