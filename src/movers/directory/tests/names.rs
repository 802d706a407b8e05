use std::ffi::OsStr;
use std::fs;

use super::support::*;
use crate::executor::ShardMover;
use crate::movers::directory::{is_temporary_name, names, temporary_owner};

#[test]
fn hostile_names_are_refused_at_each_step() {
    let nodes = Nodes::new();
    fs::write(nodes.from().join("keep"), b"x").unwrap();
    let hostile: [&[u8]; 9] = [
        b".",
        b"..",
        b"/",
        b"../from/keep",
        b"keep/",
        b"a/b",
        b"a\0b",
        b".shardferry-x",
        b".shardferry-01890a5d-ac96-774b-bcce-b302099a8057.part",
    ];
    for name in hostile {
        let (mover, job) = (eager(), nodes.job(name));
        let reason = permanent(mover.copy(&job, None, &Recorder::default()));
        assert!(reason.contains("the shard name"), "{reason}");
        permanent(mover.verify(&job, &Recorder::default()).map(|_| ()));
        permanent(mover.activate(&job));
        permanent(mover.release_source(&job));
    }
    assert_eq!(entries(&nodes.from()), ["keep"]);
    assert_eq!(entries(&nodes.to()), [""; 0]);
}

#[test]
fn temporary_names_are_recognised_and_attributed() {
    let nodes = Nodes::new();
    for name in [
        names::part(nodes.migration),
        names::released(nodes.migration),
    ] {
        assert!(is_temporary_name(&name));
        assert_eq!(temporary_owner(&name), Some(nodes.migration));
    }
    for name in ["", "x", ".shardferry", "shardferry-1.part"] {
        assert!(!is_temporary_name(OsStr::new(name)), "{name}");
    }
    for name in [
        ".shardferry-x.part",
        ".shardferry-01890a5dac96774bbcceb302099a8057.part",
        ".shardferry-01890A5D-AC96-774B-BCCE-B302099A8057.part",
        ".shardferry-01890a5d-ac96-774b-bcce-b302099a8057.other",
    ] {
        assert!(is_temporary_name(OsStr::new(name)));
        assert_eq!(temporary_owner(OsStr::new(name)), None, "{name}");
    }
}
