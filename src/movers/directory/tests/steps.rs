use std::fs;

use super::support::*;
use crate::executor::{MoverError, ShardMover};

fn shard() -> Nodes {
    let nodes = Nodes::new();
    rich_tree(&nodes.from().join("s"));
    nodes
}

/// Each step twice, as after a crash before its end was recorded.
#[test]
fn each_step_can_be_called_again() {
    let nodes = shard();
    let before = listing(&nodes.from().join("s"));
    let (mover, job) = (eager(), nodes.job("s"));
    let recorder = Recorder::default();
    mover.copy(&job, None, &recorder).unwrap();
    let again = Recorder::default();
    mover.copy(&job, recorder.saved().as_ref(), &again).unwrap();
    assert_eq!(
        again.seen.lock().unwrap().throttled,
        0,
        "all of it was safe"
    );
    copy(&mover, &job);
    let evidence = same(&mover, &job);
    assert_eq!(same(&mover, &job), evidence);
    mover.activate(&job).unwrap();
    mover.activate(&job).unwrap();
    assert_eq!(same(&mover, &job), evidence, "after the rename");
    mover.release_source(&job).unwrap();
    mover.release_source(&job).unwrap();
    mover.activate(&job).unwrap();
    assert_eq!(listing(&nodes.to().join("s")), before);
    assert_eq!(entries(&nodes.from()), [""; 0]);
}

#[test]
fn a_half_done_removal_is_finished() {
    let nodes = shard();
    let (mover, job) = (eager(), nodes.job("s"));
    copy(&mover, &job);
    mover.activate(&job).unwrap();
    fs::rename(nodes.from().join("s"), nodes.released()).unwrap();
    fs::remove_file(nodes.released().join("large")).unwrap();
    mover.release_source(&job).unwrap();
    assert_eq!(entries(&nodes.from()), [""; 0]);
}

/// After the rename, an entry with the shard's name is another's: it came later.
#[test]
fn a_half_done_removal_leaves_a_newcomer() {
    let nodes = shard();
    let (mover, job) = (eager(), nodes.job("s"));
    copy(&mover, &job);
    mover.activate(&job).unwrap();
    fs::rename(nodes.from().join("s"), nodes.released()).unwrap();
    fs::write(nodes.from().join("s"), b"newcomer").unwrap();
    mover.release_source(&job).unwrap();
    assert_eq!(fs::read(nodes.from().join("s")).unwrap(), b"newcomer");
    assert_eq!(entries(&nodes.from()), ["s"]);
}

#[test]
fn the_source_is_kept_without_a_copy_in_place() {
    let nodes = shard();
    let before = listing(&nodes.from().join("s"));
    let (mover, job) = (eager(), nodes.job("s"));
    let kept = |reason: String| assert!(reason.contains("is kept"), "{reason}");
    kept(retriable(mover.release_source(&job)));
    copy(&mover, &job);
    kept(retriable(mover.release_source(&job)));
    // Something else took the name.
    fs::create_dir(nodes.to().join("s")).unwrap();
    kept(retriable(mover.release_source(&job)));
    assert_eq!(listing(&nodes.from().join("s")), before);
}

/// Once the source is gone, the shard may have moved on: its next home is no business of this move.
#[test]
fn a_finished_release_does_not_ask_for_the_copy() {
    let nodes = shard();
    let (mover, job) = (eager(), nodes.job("s"));
    copy(&mover, &job);
    mover.activate(&job).unwrap();
    mover.release_source(&job).unwrap();
    fs::rename(nodes.to().join("s"), nodes.root.path().join("elsewhere")).unwrap();
    mover.release_source(&job).unwrap();
}

#[test]
fn activation_overwrites_nothing() {
    let nodes = shard();
    let (mover, job) = (eager(), nodes.job("s"));
    copy(&mover, &job);
    for make in [
        |path: &std::path::Path| fs::write(path, b"another's").unwrap(),
        |path: &std::path::Path| {
            fs::remove_file(path).unwrap();
            // An empty folder: plain rename(2) would replace it.
            fs::create_dir(path).unwrap();
        },
    ] {
        make(&nodes.to().join("s"));
        let before = listing(&nodes.to().join("s"));
        let reason = permanent(mover.activate(&job));
        assert!(reason.contains("already there"), "{reason}");
        assert!(reason.contains("to/s"), "{reason}");
        assert_eq!(listing(&nodes.to().join("s")), before);
        assert!(nodes.part().exists());
        // Said before the cutover as well.
        permanent(mover.copy(&job, None, &Recorder::default()));
        permanent(mover.verify(&job, &Recorder::default()).map(|_| ()));
    }
}

/// The look before the rename can be too early: the rename itself does not overwrite either.
#[test]
fn the_rename_overwrites_nothing() {
    use crate::movers::directory::node::Node;
    let nodes = Nodes::new();
    let node = Node::at(&nodes.to()).unwrap();
    let (a, b) = (node.tree("a".into()), node.tree("b".into()));
    fs::create_dir(nodes.to().join("a")).unwrap();
    fs::create_dir(nodes.to().join("b")).unwrap();
    permanent(node.rename(&a, &b).map_err(MoverError::from));
    fs::remove_dir(nodes.to().join("b")).unwrap();
    node.rename(&a, &b).unwrap();
    assert_eq!(entries(&nodes.to()), ["b"]);
}

#[test]
fn activation_without_a_copy_says_what_is_missing() {
    let nodes = shard();
    let reason = permanent(eager().activate(&nodes.job("s")));
    assert!(reason.contains("neither"), "{reason}");
}

#[test]
fn verification_without_a_copy_starts_over() {
    let nodes = shard();
    let error = eager()
        .verify(&nodes.job("s"), &Recorder::default())
        .unwrap_err();
    assert!(
        matches!(
            error,
            MoverError::Failed {
                from_scratch: true,
                ..
            }
        ),
        "{error}"
    );
}

#[test]
fn verification_stops_when_it_is_told() {
    let nodes = shard();
    let (mover, job) = (eager(), nodes.job("s"));
    copy(&mover, &job);
    let full = Recorder::default();
    mover.verify(&job, &full).unwrap();
    for at in 0..full.calls() {
        // The other thread may be told once more, so no `Recorder` that insists.
        let recorder = Recorder::interrupting_at(at);
        let error = mover.verify(&job, &recorder).unwrap_err();
        assert!(matches!(error, MoverError::Interrupted(_)), "{error}");
    }
}

#[test]
fn a_discard_removes_our_copy_and_nothing_else() {
    let nodes = shard();
    let (mover, job) = (eager(), nodes.job("s"));
    mover.discard_destination(&job).unwrap();
    copy(&mover, &job);
    let others = [
        "s",
        ".shardferry-01890a5d-ac96-774b-bcce-b302099a8058.part",
        "x.part",
        ".shardferry-01890a5d-ac96-774b-bcce-b302099a8057.released",
    ];
    for name in others {
        fs::write(nodes.to().join(name), b"another's").unwrap();
    }
    let source = listing(&nodes.from().join("s"));
    for _ in 0..2 {
        mover.discard_destination(&job).unwrap();
        assert_eq!(entries(&nodes.to()).len(), others.len());
        assert!(!nodes.part().exists());
    }
    assert_eq!(listing(&nodes.from().join("s")), source);
    // Never copied there, or the disk is gone.
    fs::remove_dir_all(nodes.to()).unwrap();
    let error = mover.discard_destination(&job).unwrap_err();
    assert!(
        error.to_string().contains("create or mount it"),
        "a disk that is away may come back with the copy: {error}"
    );
}

#[test]
fn a_source_that_changes_during_the_copy_is_seen() {
    let nodes = shard();
    let (mover, job) = (eager(), nodes.job("s"));
    let recorder = Recorder::interrupting_at(60);
    mover.copy(&job, None, &recorder).unwrap_err();
    fs::write(nodes.from().join("s/a/small"), b"other").unwrap();
    mtime(&nodes.from().join("s/a/small"), 1_000_000_007, 123_456_789);
    mover
        .copy(&job, recorder.saved().as_ref(), &Recorder::default())
        .unwrap();
    let proof = mover.verify(&job, &Recorder::default()).unwrap();
    assert_ne!(proof.source.digest, proof.destination.digest);
    // And copied again, from the beginning, it is right.
    copy(&mover, &job);
    same(&mover, &job);
}
