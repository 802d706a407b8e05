//! Imports point down: the ranks of DESIGN.md, checked on the paths that the sources name.

mod paths;
mod rules;
mod tokens;

use std::path::{Path, PathBuf};

use rules::Source;

/// Folders with sources of the workspace. `fuzz/` and `bench/` are workspaces of their own.
const FOLDERS: [&str; 5] = ["src", "cli", "migrations-schema", "tests", "examples"];

/// Every source of the workspace.
fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    for folder in FOLDERS {
        collect(&root.join(folder), &mut files);
    }
    files.sort();
    files
        .into_iter()
        .map(|file| {
            let parts: Vec<&str> = file
                .strip_prefix(root)
                .unwrap()
                .iter()
                .map(|part| part.to_str().unwrap())
                .collect();
            Source::new(parts.join("/"), std::fs::read_to_string(&file).unwrap())
        })
        .collect()
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return;
    };
    for entry in entries {
        let path = entry.unwrap().path();
        if path.is_dir() && !path.ends_with("target") {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

#[test]
fn imports_point_down() {
    let sources = sources();
    let faults: Vec<String> = sources.iter().flat_map(rules::faults).collect();
    assert!(faults.is_empty(), "\n{}\n", faults.join("\n"));

    // It has looked: the library names its ground, and the codec names bincode.
    let names = |folder: &str, start: &[&str]| {
        sources
            .iter()
            .filter(|source| source.path.starts_with(folder))
            .flat_map(rules::Source::references)
            .any(|reference| {
                let mut names = reference.path.iter();
                start
                    .iter()
                    .all(|name| names.next().is_some_and(|found| found == name))
            })
    };
    assert!(names("src/", &["crate", "schema"]));
    assert!(names("migrations-schema/", &["bincode"]));
}

#[test]
fn lib_rs_defines_nothing() {
    let sources = sources();
    let lib = sources.iter().find(|source| source.path == "src/lib.rs");
    assert_eq!(rules::definitions(lib.unwrap()), Vec::<String>::new());
}

/// Plants one line in one file and gives what the checker says.
fn planted(path: &str, line: &str) -> Vec<String> {
    rules::faults(&Source::new(
        path.to_owned(),
        format!("//! Docs.\n{line}\n"),
    ))
}

#[test]
fn a_planted_import_is_reported() {
    for (path, line, fault) in [
        (
            "src/machine/step.rs",
            "use crate::store::Tx;",
            "src/machine/step.rs:2: `machine` (rank 0) names `store` (rank 1): upward",
        ),
        (
            "src/machine/step.rs",
            "use crate::planner::Plan;",
            "src/machine/step.rs:2: `machine` (rank 0) names `planner` (rank 0): sideways",
        ),
        (
            "src/store/mod.rs",
            "use crate::{machine::step, tracker::{MigrationTracker as T, Error}};",
            "src/store/mod.rs:2: `store` (rank 1) names `tracker` (rank 2): upward",
        ),
        (
            "src/tracker/begin.rs",
            "fn f() { let x = crate::executor::Executor::new(); }",
            "src/tracker/begin.rs:2: `tracker` (rank 2) names `executor` (rank 3): upward",
        ),
        (
            "src/executor/pool.rs",
            "use super::super::movers::Directory;",
            "src/executor/pool.rs:2: `executor` (rank 3) names `movers` (rank 4): upward",
        ),
        (
            "src/machine/step.rs",
            "#[cfg(test)] mod tests { use super::super::super::store::Tx; }",
            "src/machine/step.rs:2: `machine` (rank 0) names `store` (rank 1): upward",
        ),
        (
            "src/tracker/mod.rs",
            "use crate::MigrationId;",
            "src/tracker/mod.rs:2: `tracker` names `crate::MigrationId`: name the module, not the crate root",
        ),
        (
            "src/tracker/mod.rs",
            "use crate::*;",
            "src/tracker/mod.rs:2: `tracker` names `crate::*`: name the module, not the crate root",
        ),
        (
            "src/extras/mod.rs",
            "",
            "src/extras/mod.rs:1: module `extras` has no rank: give it one in DESIGN.md and here",
        ),
    ] {
        assert!(
            planted(path, line).contains(&fault.to_owned()),
            "{line}: {:?}",
            planted(path, line)
        );
    }
}

#[test]
fn a_crate_in_the_wrong_place_is_reported() {
    for (path, line, name) in [
        ("src/tracker/mod.rs", "use redb::Database;", "redb"),
        (
            "cli/src/main.rs",
            "fn main() { ::redb::Builder::new(); }",
            "redb",
        ),
        ("tests/it/crash.rs", "use redb as database;", "redb"),
        ("src/store/rows.rs", "use bincode::config;", "bincode"),
        (
            "migrations-schema/src/v1/node.rs",
            "fn f() { bincode::config::standard() }",
            "bincode",
        ),
        (
            "migrations-schema/src/key.rs",
            "use shardferry::planner::Plan;",
            "shardferry",
        ),
        (
            "cli/src/main.rs",
            "use migrations_schema::NodeId;",
            "migrations_schema",
        ),
        (
            "src/tracker/mod.rs",
            "use migrations_schema::NodeId;",
            "migrations_schema",
        ),
    ] {
        let faults = planted(path, line);
        assert_eq!(faults.len(), 1, "{line}: {faults:?}");
        let start = format!("{path}:2: names `{name}`");
        assert!(faults[0].starts_with(&start), "{line}: {faults:?}");
    }
}

#[test]
fn what_is_allowed_is_not_reported() {
    for (path, line) in [
        (
            "src/machine/step.rs",
            "use crate::machine::Command; use super::path; use crate::schema::v1;",
        ),
        (
            "src/store/mod.rs",
            "use redb::Database; use crate::machine::step; pub(crate) use self::tx::Tx;",
        ),
        (
            "src/executor/mod.rs",
            "/// See [`crate::movers::Directory`].\nfn f() { /* crate::movers::X */ }",
        ),
        (
            "src/executor/mod.rs",
            r##"const A: (&str, char) = (r#"crate::movers::" redb::"#, '"');"##,
        ),
        (
            "src/movers/mod.rs",
            "use crate::{executor::ShardMover, schema::NodeId, tracker, store};",
        ),
        (
            "src/lib.rs",
            "pub mod tracker;\npub use tracker::MigrationTracker;\npub use migrations_schema as schema;",
        ),
        (
            "cli/src/main.rs",
            "use shardferry::schema::NodeId; use crate::args::Args;",
        ),
        ("migrations-schema/src/codec.rs", "use bincode::config;"),
        (
            "src/store/redb_tx.rs",
            "fn f<'a>(x: &'a str) -> impl Iterator<Item = u8> + use<'a> { super::redb_tx::f(x) }",
        ),
    ] {
        assert_eq!(planted(path, line), Vec::<String>::new(), "{line}");
    }
}

#[test]
fn a_definition_in_lib_rs_is_reported() {
    let definitions =
        |text: &str| rules::definitions(&Source::new("src/lib.rs".to_owned(), text.to_owned()));
    let clean = "//! Docs.\n#![doc = \"[x]\"]\n#[cfg(unix)]\nmod a;\npub(crate) mod b;\npub use a::{B, c::D};\n";
    assert_eq!(definitions(clean), Vec::<String>::new());
    for item in [
        "pub struct A;",
        "fn f() {}",
        "mod a { fn f() {} }",
        "pub const A: u8 = 1;",
        "pub type A = u8;",
        "macro_rules! a { () => {} }",
        "impl A {}",
    ] {
        let found = definitions(&format!("{clean}{item}\n"));
        assert_eq!(found.len(), 1, "{item}: {found:?}");
        assert!(found[0].starts_with("src/lib.rs:7: "), "{found:?}");
    }
}
