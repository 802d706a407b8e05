use std::fs;
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;

use super::support::*;
use crate::executor::{MoverError, ShardMover};
use crate::movers::DirectoryMover;

fn copy_error(nodes: &Nodes, name: &str) -> String {
    permanent(eager().copy(&nodes.job(name), None, &Recorder::default()))
}

#[test]
fn a_node_without_address_or_directory_says_what_to_do() {
    let nodes = Nodes::new();
    fs::write(nodes.from().join("s"), b"x").unwrap();
    let mut job = nodes.job("s");
    job.to.address = None;
    let reason = permanent(eager().copy(&job, None, &Recorder::default()));
    assert!(
        reason.contains("node 2 has no address; register"),
        "{reason}"
    );
    job.to = endpoint(2, &nodes.root.path().join("missing"));
    let reason = permanent(eager().copy(&job, None, &Recorder::default()));
    assert!(reason.contains("create or mount it"), "{reason}");
    job.to = endpoint(2, &nodes.from().join("s"));
    let reason = permanent(eager().copy(&job, None, &Recorder::default()));
    assert!(reason.contains("is no directory"), "{reason}");
}

#[test]
fn one_directory_under_two_paths_is_refused_at_each_step() {
    let nodes = Nodes::new();
    fs::write(nodes.from().join("s"), b"x").unwrap();
    fs::remove_dir(nodes.to()).unwrap();
    symlink("from", nodes.to()).unwrap();
    let (mover, job) = (eager(), nodes.job("s"));
    assert!(copy_error(&nodes, "s").contains("same directory"));
    permanent(mover.verify(&job, &Recorder::default()).map(|_| ()));
    permanent(mover.release_source(&job));
    mover.discard_destination(&job).unwrap();
    assert_eq!(fs::read(nodes.from().join("s")).unwrap(), b"x");
}

#[test]
fn a_destination_inside_the_shard_is_refused() {
    let nodes = Nodes::new();
    fs::create_dir_all(nodes.from().join("s/in/it")).unwrap();
    let mut job = nodes.job("s");
    for path in ["s/in/it", "s"] {
        job.to = endpoint(2, &nodes.from().join(path));
        let reason = permanent(eager().copy(&job, None, &Recorder::default()));
        assert!(reason.contains("lies in the shard"), "{reason}");
    }
}

#[test]
fn sockets_and_pipes_are_refused_by_name() {
    let nodes = Nodes::new();
    fs::create_dir_all(nodes.from().join("s/deep")).unwrap();
    let _socket = UnixListener::bind(nodes.from().join("s/deep/socket")).unwrap();
    let reason = copy_error(&nodes, "s");
    assert!(reason.contains("s/deep/socket"), "{reason}");
    assert_eq!(
        entries(&nodes.to()),
        [""; 0],
        "found before anything is copied"
    );
}

#[test]
fn a_missing_shard_is_named() {
    let nodes = Nodes::new();
    assert!(copy_error(&nodes, "s").contains("from/s\" is not there"));
}

#[test]
fn a_file_that_became_a_symlink_is_not_followed() {
    use crate::movers::directory::node::Node;
    use crate::movers::directory::relative::Relative;
    let nodes = Nodes::new();
    fs::create_dir_all(nodes.from().join("s")).unwrap();
    fs::write(nodes.root.path().join("secret"), b"secret").unwrap();
    symlink("../../secret", nodes.from().join("s/f")).unwrap();
    symlink("../..", nodes.from().join("s/d")).unwrap();
    let tree = Node::at(&nodes.from()).unwrap().tree("s".into());
    let at = |path: &[u8]| Relative::parse(path).unwrap();
    let read = rustix::fs::OFlags::RDONLY;
    tree.open_file(&at(b"f"), read).unwrap_err();
    tree.open_file(&at(b"d/secret"), read).unwrap_err();
    tree.folder(&at(b"d")).unwrap_err();
    tree.folder(&at(b"d/from")).unwrap_err();
}

/// Something put a symlink into our half-made copy: nothing is written or removed through it.
#[test]
fn a_symlink_in_the_copy_is_not_followed() {
    let nodes = Nodes::new();
    fs::create_dir_all(nodes.from().join("s/d")).unwrap();
    fs::write(nodes.from().join("s/d/f"), b"content").unwrap();
    fs::write(nodes.from().join("s/f"), b"content").unwrap();
    let (mover, job) = (eager(), nodes.job("s"));
    let recorder = Recorder::default();
    mover.copy(&job, None, &recorder).unwrap();
    let outside = nodes.root.path().join("outside");
    fs::create_dir(&outside).unwrap();
    fs::write(outside.join("f"), b"precious").unwrap();
    fs::remove_dir_all(nodes.part().join("d")).unwrap();
    symlink(&outside, nodes.part().join("d")).unwrap();
    fs::remove_file(nodes.part().join("f")).unwrap();
    symlink(outside.join("f"), nodes.part().join("f")).unwrap();
    for checkpoint in [recorder.saved(), None] {
        let again = Recorder::from(checkpoint.as_ref());
        mover.copy(&job, checkpoint.as_ref(), &again).unwrap();
        same(&mover, &job);
        assert_eq!(fs::read(outside.join("f")).unwrap(), b"precious");
    }
    fs::remove_dir_all(nodes.part()).unwrap();
    symlink(&outside, nodes.part()).unwrap();
    mover.discard_destination(&job).unwrap();
    assert_eq!(fs::read(outside.join("f")).unwrap(), b"precious");
}

#[test]
fn a_tree_as_deep_as_the_limit_is_moved_and_a_deeper_one_refused() {
    let nodes = Nodes::new();
    let deep = |levels: usize| {
        let top = nodes.from().join("s");
        fs::create_dir_all(&top).unwrap();
        let mut folder = fs::File::open(&top).unwrap();
        for _ in 1..levels {
            rustix::fs::mkdirat(&folder, "d", rustix::fs::Mode::RWXU).unwrap();
            let flags = rustix::fs::OFlags::DIRECTORY;
            folder = rustix::fs::openat(&folder, "d", flags, rustix::fs::Mode::empty())
                .unwrap()
                .into();
        }
    };
    deep(1024);
    let mover = DirectoryMover::new();
    let job = nodes.job("s");
    copy(&mover, &job);
    assert_eq!(same(&mover, &job).items, 1024);
    mover.activate(&job).unwrap();
    mover.release_source(&job).unwrap();
    assert_eq!(entries(&nodes.from()), [""; 0]);
    fs::remove_dir_all(nodes.to()).unwrap();
    fs::create_dir(nodes.to()).unwrap();
    deep(1025);
    assert!(copy_error(&nodes, "s").contains("nested deeper"));
}

#[test]
fn an_error_names_what_was_done_to_which_path_and_why() {
    use crate::movers::directory::error::Problem;
    use std::error::Error as _;
    let problem = |kind: std::io::ErrorKind| {
        let problem: Problem =
            Problem::io("write", || "/disk/f".into())(std::io::Error::from(kind));
        MoverError::from(problem)
    };
    let error = problem(std::io::ErrorKind::StorageFull);
    assert!(
        error.source().is_some()
            || matches!(
                &error,
                MoverError::Failed {
                    source: Some(_),
                    ..
                }
            )
    );
    let reason = retriable(Err(error));
    assert!(
        reason.contains("full") && reason.contains("could not write \"/disk/f\""),
        "{reason}"
    );
    permanent(Err(problem(std::io::ErrorKind::PermissionDenied)));
    retriable(Err(problem(std::io::ErrorKind::Other)));
}
