//! Backup, export and import: the whole database out, and in again.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Stdio;

use shardferry::MigrationTracker;
use shardferry::schema::table::TableId;
use shardferry::tracker::Fact;

use crate::support::{Said, World};

const NO_ID: &str = "01a20000-0000-7000-8000-000000000000";

/// A database with some history.
fn world() -> World {
    let world = World::skewed(3);
    world.run(["begin", "1", "1", "2"]).ok();
    world.run(["run"]).ok();
    world
        .run(["begin", "2", "1", "2", "--request-key", "k"])
        .ok();
    world
}

#[track_caller]
fn mode(world: &World, file: &str) -> u32 {
    fs::metadata(world.path(file)).unwrap().permissions().mode() & 0o7777
}

#[test]
fn a_backup_is_a_database() {
    let world = world();
    let said = world.run(["backup", "monday.redb"]).ok();
    said.says(&["monday.redb is a whole backup", "BLAKE3"]);
    assert_eq!(mode(&world, "monday.redb"), 0o600);
    let shards = ["shards", "--db", "monday.redb"];
    assert_eq!(world.json(shards), world.json(["shards"]));
    world.run(["check", "--db", "monday.redb"]).ok();

    let json = world.json(["backup", "again.redb"]);
    assert_eq!(json["violations"].as_array().unwrap().len(), 0);
    assert_eq!(json["rows"], world.json(["check"])["rows"]);
    assert_eq!(json["tables"]["nodes"], 2);
    world
        .run(["backup", "again.redb"])
        .fails(3, &["again.redb exists already", "nothing is overwritten"]);
    world
        .run(["backup", "shardferry.redb"])
        .fails(3, &["exists already"]);
    world
        .run(["backup", "no/such/folder"])
        .fails(1, &["the backup was not made", "next: create the folder"]);
    world
        .run(["--db", "none.redb", "backup", "x.redb"])
        .fails(4, &["does not exist"]);
}

/// Looking at a backup put 4 MiB beside it.
#[test]
fn what_only_looks_makes_no_ballast_and_removes_none() {
    let world = world();
    world.run(["backup", "monday.redb"]).ok();
    let looks: [&[&str]; 14] = [
        &["nodes"],
        &["shards"],
        &["plan"],
        &["list", "--all"],
        &["show", NO_ID],
        &["history", NO_ID],
        &["cleanups"],
        &["settings"],
        &["check"],
        &["check", "--repair", "--dry-run"],
        &["set-aside", "list"],
        &["apply", "cluster.toml", "--dry-run"],
        &["export"],
        &["backup", "tuesday.redb"],
    ];
    for look in looks {
        let said = world.run(["--db", "monday.redb"].iter().chain(look));
        assert!([0, 3].contains(&said.code), "{look:?} {said:?}");
        assert!(!world.path("monday.redb.ballast").exists(), "{look:?}");
    }
    let ballast = world.path("shardferry.redb.ballast");
    let before = fs::metadata(&ballast).unwrap().modified().unwrap();
    world.run(["list"]).ok();
    assert_eq!(fs::metadata(&ballast).unwrap().modified().unwrap(), before);
    world
        .run(["--db", "monday.redb", "settings", "--set", "attempts_max=4"])
        .ok();
    assert!(world.path("monday.redb.ballast").exists());
}

#[test]
fn an_import_of_an_export_exports_the_same() {
    let world = world();
    let to_stdout = world.run(["export"]).ok();
    assert!(to_stdout.err.contains("exported "), "{}", to_stdout.err);
    let with_json = world.run(["export", "--json"]).ok();
    assert_eq!(with_json.out, to_stdout.out);
    let json = world.json(["export", "--output", "a.jsonl"]);
    assert_eq!(mode(&world, "a.jsonl"), 0o600);
    assert_eq!(
        fs::read_to_string(world.path("a.jsonl")).unwrap(),
        to_stdout.out
    );
    let rows = to_stdout.out.lines().count() - 2;
    assert_eq!(json["rows"], rows);

    let imported = world.json(["import", "a.jsonl", "--db", "new.redb"]);
    assert_eq!(imported["rows"], world.json(["check"])["rows"]);
    assert_eq!(mode(&world, "new.redb"), 0o600);
    let again = world.run(["export", "--db", "new.redb"]).ok();
    assert_eq!(again.out, to_stdout.out);
    let image = |name: &str| {
        MigrationTracker::open(world.path(name))
            .unwrap()
            .image()
            .unwrap()
    };
    assert_eq!(image("new.redb"), image("shardferry.redb"));

    let stdin = fs::File::open(world.path("a.jsonl")).unwrap();
    let mut command = world.command(["import", "-", "--db", "third.redb"]);
    let said = Said::of(command.stdin(Stdio::from(stdin)).output().unwrap());
    let exported = format!("imported {rows} rows from stdin into third.redb");
    said.ok()
        .says(&[&exported, "rows of indexes", "every invariant holds"]);
}

#[test]
fn what_is_there_is_not_overwritten() {
    let world = world();
    world.run(["export", "--output", "a.jsonl"]).ok();
    world
        .run(["export", "--output", "a.jsonl"])
        .fails(3, &["a.jsonl exists already"]);
    let before = fs::read(world.path("shardferry.redb")).unwrap();
    world
        .run(["import", "a.jsonl"])
        .fails(3, &["shardferry.redb exists already"]);
    assert!(before == fs::read(world.path("shardferry.redb")).unwrap());
    world
        .run(["import", "none.jsonl", "--db", "new.redb"])
        .fails(7, &["reading none.jsonl failed", "next: name a file"]);
    world
        .run(["import", "a.jsonl", "--db", "no/new.redb"])
        .fails(4, &["next: create the folder"]);
    world
        .run(["export", "--output", "no/such/folder.jsonl"])
        .fails(1, &["next: create the folder"]);
}

#[test]
fn a_wrong_line_is_named_and_nothing_is_left() {
    let world = world();
    let lines = world.run(["export"]).ok().out;
    let twice = lines.replacen("\n", "\n{\"table\":\"colours\",\"row\":{}}\n", 1);
    // Summed up anew, as somebody would who means it; a name is then there twice.
    let (body, _) = lines.trim_end().rsplit_once('\n').unwrap();
    let body = format!("{}\n", body.replace("disk-b", "disk-a"));
    let taken = format!(
        "{body}{{\"end\":{{\"rows\":{},\"blake3\":\"{}\"}}}}\n",
        body.lines().count() - 1,
        blake3::hash(body.as_bytes())
    );
    let cases = [
        (twice, ["wrong.jsonl:2", "there is no table colours"]),
        (taken, ["wrong.jsonl:5", "node_names"]),
        (
            lines.get(..lines.len() / 2).unwrap().to_owned(),
            ["wrong.jsonl:", "cut off"],
        ),
        ("garbage".to_owned(), ["wrong.jsonl:1", "not a JSON object"]),
    ];
    for (text, words) in cases {
        fs::write(world.path("wrong.jsonl"), text).unwrap();
        world
            .run(["import", "wrong.jsonl", "--db", "new.redb"])
            .fails(7, &["nothing was imported", "next: export it again"])
            .fails(7, &words);
        assert!(!world.path("new.redb").exists());
        let names = fs::read_dir(world.path("")).unwrap();
        let left = names.filter(|name| {
            let name = name.as_ref().unwrap().file_name();
            name.to_str().unwrap().starts_with('.')
        });
        assert_eq!(left.count(), 0);
    }
}

/// The example of the document is a whole export: it is imported, and comes out as it stands.
#[test]
fn the_document_says_what_is_so() {
    let document = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/EXPORT.md");
    let document = fs::read_to_string(document).unwrap();
    let (_, rest) = document.split_once("```jsonl\n").unwrap();
    let (example, _) = rest.split_once("```").unwrap();
    let world = World::new();
    world.write("example.jsonl", example.as_bytes());
    world
        .run(["import", "example.jsonl", "--db", "new.redb"])
        .ok();
    let again = world.run(["export", "--db", "new.redb"]).ok();
    assert_eq!(again.out, example);

    let (_, order) = document.split_once("## The order").unwrap();
    let mut last = 0;
    for table in Fact::TABLES {
        let row = format!("\n| `{}` |", table.name());
        let at = order.find(&row).unwrap_or_else(|| panic!("{row}"));
        assert!(at > last, "{row} is out of order");
        last = at;
    }
    let indexes = order.split_once("are not exported").unwrap().1;
    for table in TableId::ALL
        .iter()
        .filter(|table| !Fact::TABLES.contains(table))
    {
        assert!(
            indexes.contains(&format!("`{}`", table.name())),
            "{table:?}"
        );
    }
}
