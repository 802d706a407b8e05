use std::fs;
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;
use std::path::Path;

use super::support::*;
use crate::movers::directory::{names, scan};

#[test]
fn every_entry_is_a_shard_but_ours_and_lost_and_found() {
    let nodes = Nodes::new();
    let at = |name: &str| nodes.from().join(name);
    fs::create_dir_all(at("folder/in")).unwrap();
    fs::write(at("folder/in/a"), [0; 10]).unwrap();
    fs::write(at("folder/b"), [0; 5]).unwrap();
    symlink("b", at("folder/link")).unwrap();
    fs::write(at(".hidden"), b"123").unwrap();
    fs::write(at("B"), b"").unwrap();
    fs::create_dir(at("lost+found")).unwrap();
    fs::create_dir(nodes.released()).unwrap();
    fs::write(nodes.from().join(names::part(nodes.migration)), b"x").unwrap();
    symlink("/", at("link")).unwrap();
    let _socket = UnixListener::bind(at("socket")).unwrap();
    let found: Vec<_> = scan(&nodes.from())
        .unwrap()
        .into_iter()
        .map(|shard| (shard.name.to_string(), shard.bytes, shard.files))
        .collect();
    let wanted = [
        (".hidden", 3, 1),
        ("B", 0, 1),
        ("folder", 15, 3),
        ("link", 0, 1),
    ];
    assert_eq!(found, wanted.map(|(name, b, f)| (name.to_owned(), b, f)));
}

#[test]
fn a_missing_directory_is_named() {
    let error = scan(Path::new("/nowhere at all")).unwrap_err();
    assert_eq!(
        error.to_string(),
        "could not open the directory \"/nowhere at all\""
    );
}
