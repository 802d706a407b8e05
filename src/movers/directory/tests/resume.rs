use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::sync::Mutex;

use super::support::*;
use crate::executor::{MoverError, ShardMover};
use crate::movers::directory::cursor::Cursor;
use crate::schema::v1::SavedCheckpoint;

/// Interrupted at each single call of the reporter, once, and gone on with from the last checkpoint.
#[test]
fn interrupted_anywhere_it_goes_on_to_the_same_end() {
    let nodes = Nodes::in_memory();
    rich_tree(&nodes.from().join("s"));
    let mover = eager();
    let job = nodes.job("s");
    let full = Recorder::default();
    mover.copy(&job, None, &full).unwrap();
    let wanted = same(&mover, &job);
    let (calls, throttled) = (full.calls(), full.seen.lock().unwrap().throttled);
    assert!(calls > 80 && full.seen.lock().unwrap().checkpoints > 15);
    let mut saved_work = 0;
    for at in 0..2 * calls {
        mover.discard_destination(&job).unwrap();
        let mut first = Recorder::interrupting_at(at % calls);
        first.takes_last = at >= calls;
        let error = mover.copy(&job, None, &first).unwrap_err();
        assert!(matches!(error, MoverError::Interrupted(_)), "{error}");
        let checkpoint = first.saved();
        let second = Recorder::from(checkpoint.as_ref());
        mover.copy(&job, checkpoint.as_ref(), &second).unwrap();
        assert_eq!(same(&mover, &job), wanted, "interrupted at {at}");
        saved_work += usize::from(second.seen.lock().unwrap().throttled < throttled);
    }
    assert!(saved_work > calls, "{saved_work} of twice {calls}");
    assert_eq!(listing(&nodes.part()), listing(&nodes.from().join("s")));
}

/// Interrupted again and again, a few calls further each time.
#[test]
fn many_interruptions_of_one_copy_come_to_an_end() {
    let nodes = Nodes::new();
    rich_tree(&nodes.from().join("s"));
    let (mover, job) = (eager(), nodes.job("s"));
    let mut checkpoint: Option<SavedCheckpoint> = None;
    let mut attempts = 0;
    loop {
        let mut recorder = Recorder::from(checkpoint.as_ref());
        recorder.interrupt_at = Some(30 + attempts);
        attempts += 1;
        let result = mover.copy(&job, checkpoint.as_ref(), &recorder);
        checkpoint = recorder.saved().or(checkpoint);
        if result.is_ok() {
            break;
        }
        assert!(attempts < 500);
    }
    assert!(attempts > 2);
    same(&mover, &job);
}

/// A half-copied file of 100 kB, its checkpoint, and the copy gone on with after `change`.
fn half_copied(change: impl Fn(&Nodes)) -> (Nodes, u64) {
    let nodes = Nodes::new();
    fs::create_dir(nodes.from().join("s")).unwrap();
    fs::write(nodes.from().join("s/a"), noise(1, 10)).unwrap();
    fs::write(nodes.from().join("s/f"), noise(2, 100_000)).unwrap();
    let (mover, job) = (eager(), nodes.job("s"));
    let first = Recorder::interrupting_at(40);
    mover.copy(&job, None, &first).unwrap_err();
    let checkpoint = first.saved().unwrap();
    let cursor = Cursor::decode(checkpoint.cursor.as_bytes()).unwrap();
    assert_eq!(cursor.path.as_bytes(), b"f");
    assert!(cursor.offset > 0 && cursor.offset < 100_000);
    change(&nodes);
    let second = Recorder::from(Some(&checkpoint));
    mover.copy(&job, Some(&checkpoint), &second).unwrap();
    same(&mover, &job);
    let seen = second.seen.into_inner().unwrap();
    assert_eq!(seen.done, seen.total, "what was there before counts");
    (nodes, seen.throttled)
}

#[test]
fn a_half_copied_file_goes_on_in_the_middle() {
    let (_, moved) = half_copied(|_| {});
    assert!(moved < 90_000, "{moved}");
}

#[test]
fn what_is_past_the_checkpoint_is_not_trusted() {
    let (_, moved) = half_copied(|nodes| {
        let file = File::options()
            .write(true)
            .open(nodes.part().join("f"))
            .unwrap();
        file.write_all_at(&[0xee; 200_000], 90_000).unwrap();
    });
    assert!(moved < 90_000, "{moved}");
}

#[test]
fn a_copy_that_vanished_is_made_again() {
    half_copied(|nodes| fs::remove_dir_all(nodes.part()).unwrap());
    half_copied(|nodes| fs::remove_file(nodes.part().join("f")).unwrap());
    half_copied(|nodes| fs::remove_file(nodes.part().join("a")).unwrap());
}

#[test]
fn a_copy_that_lost_bytes_is_made_again() {
    half_copied(|nodes| {
        File::options()
            .write(true)
            .open(nodes.part().join("f"))
            .unwrap()
            .set_len(3)
            .unwrap();
    });
    half_copied(|nodes| fs::write(nodes.part().join("a"), b"short").unwrap());
}

#[test]
fn a_source_that_changed_between_two_attempts_is_copied_as_it_is_now() {
    half_copied(|nodes| fs::write(nodes.from().join("s/f"), b"shorter").unwrap());
    half_copied(|nodes| fs::write(nodes.from().join("s/f"), noise(9, 150_000)).unwrap());
    half_copied(|nodes| fs::write(nodes.from().join("s/a"), noise(9, 10)).unwrap());
    half_copied(|nodes| fs::write(nodes.from().join("s/B before"), b"new").unwrap());
    half_copied(|nodes| {
        fs::remove_file(nodes.from().join("s/f")).unwrap();
        fs::create_dir(nodes.from().join("s/f")).unwrap();
    });
    half_copied(|nodes| fs::remove_file(nodes.from().join("s/a")).unwrap());
    half_copied(|nodes| {
        fs::remove_dir_all(nodes.from().join("s")).unwrap();
        fs::write(nodes.from().join("s"), b"a file now").unwrap();
    });
}

#[test]
fn a_checkpoint_that_cannot_be_read_means_from_the_beginning() {
    let nodes = Nodes::new();
    rich_tree(&nodes.from().join("s"));
    let (mover, job) = (eager(), nodes.job("s"));
    copy(&mover, &job);
    fs::write(nodes.part().join("left over"), b"x").unwrap();
    for bytes in [&b""[..], b"\xff", b"\x01", &[1; 29], &[2; 40]] {
        let checkpoint = SavedCheckpoint {
            cursor: crate::schema::text::Checkpoint::new(bytes).unwrap(),
            bytes_migrated: 1,
        };
        let recorder = Recorder::from(Some(&checkpoint));
        mover.copy(&job, Some(&checkpoint), &recorder).unwrap();
        same(&mover, &job);
    }
}

#[test]
fn a_source_that_grows_makes_the_total_grow() {
    use crate::executor::{Interrupted, Reporter};
    use crate::schema::text::Checkpoint;
    /// Appends to the file that is copied last, at the first report.
    struct Growing<'a>(Recorder, &'a std::path::Path);
    impl Reporter for Growing<'_> {
        fn progress(&self, done: u64, total: Option<u64>) -> Result<(), Interrupted> {
            fs::write(self.1, noise(1, 500_000)).unwrap();
            self.0.progress(done, total)
        }
        fn checkpoint(&self, c: Checkpoint, d: u64, t: Option<u64>) -> Result<(), Interrupted> {
            self.0.checkpoint(c, d, t)
        }
        fn verified(&self, done: u64, total: u64) -> Result<(), Interrupted> {
            self.0.verified(done, total)
        }
        fn throttle(&self, bytes: u64) -> Result<(), Interrupted> {
            self.0.throttle(bytes)
        }
    }
    let nodes = Nodes::new();
    fs::create_dir(nodes.from().join("s")).unwrap();
    let file = nodes.from().join("s/f");
    fs::write(&file, b"tiny").unwrap();
    let growing = Growing(Recorder::default(), &file);
    crate::movers::DirectoryMover::new()
        .copy(&nodes.job("s"), None, &growing)
        .unwrap();
    assert_eq!(growing.0.seen.lock().unwrap().total, 500_000);
}

/// Stopped in the middle of a file, long before the next checkpoint is due.
#[test]
fn a_copy_that_is_told_to_stop_leaves_a_last_checkpoint() {
    let nodes = Nodes::new();
    fs::write(nodes.from().join("s"), vec![7; 5 << 20]).unwrap();
    let (mover, job) = (crate::movers::DirectoryMover::new(), nodes.job("s"));
    let mut first = Recorder::interrupting_at(8);
    first.takes_last = true;
    mover.copy(&job, None, &first).unwrap_err();
    let checkpoint = first.saved().expect("it is there");
    assert!(checkpoint.bytes_migrated >= 2 << 20, "{checkpoint:?}");
    let second = Recorder::from(Some(&checkpoint));
    mover.copy(&job, Some(&checkpoint), &second).unwrap();
    let again = second.seen.lock().unwrap().throttled;
    assert_eq!(
        again + checkpoint.bytes_migrated,
        5 << 20,
        "nothing is copied twice"
    );
    same(&mover, &job);
}

/// An attempt stood still in the middle of a file for so long that another one took the migration
/// over, went on in the same file, and cut over. Then the first one was told to stop, and for its
/// last checkpoint cut the file to what it had copied of it itself: the shard that was moved, and
/// served, lost its end.
#[test]
fn an_attempt_that_was_overtaken_does_not_cut_the_file_that_serves() {
    use crate::executor::{Interrupted, Reporter};
    use crate::schema::text::Checkpoint;
    /// At the first report after a checkpoint the migration is finished by another attempt.
    struct Overtaken<'a>(&'a Nodes, Recorder, Mutex<bool>);
    impl Overtaken<'_> {
        fn overtake(&self) -> Result<(), Interrupted> {
            let (Some(checkpoint), false) = (self.1.saved(), *self.2.lock().unwrap()) else {
                return Ok(());
            };
            *self.2.lock().unwrap() = true;
            let (mover, job) = (eager(), self.0.job("s"));
            let second = Recorder::from(Some(&checkpoint));
            mover.copy(&job, Some(&checkpoint), &second).unwrap();
            mover.activate(&job).unwrap();
            mover.release_source(&job).unwrap();
            Err(Interrupted)
        }
    }
    impl Reporter for Overtaken<'_> {
        fn progress(&self, done: u64, total: Option<u64>) -> Result<(), Interrupted> {
            self.overtake()?;
            self.1.progress(done, total)
        }
        fn checkpoint(&self, c: Checkpoint, d: u64, t: Option<u64>) -> Result<(), Interrupted> {
            if *self.2.lock().unwrap() {
                return Err(Interrupted);
            }
            self.1.checkpoint(c, d, t)
        }
        fn verified(&self, done: u64, total: u64) -> Result<(), Interrupted> {
            self.1.verified(done, total)
        }
        fn throttle(&self, bytes: u64) -> Result<(), Interrupted> {
            self.1.throttle(bytes)
        }
    }
    let nodes = Nodes::new();
    fs::write(nodes.from().join("s"), noise(1, 100_000)).unwrap();
    let first = Overtaken(&nodes, Recorder::default(), Mutex::new(false));
    let error = eager().copy(&nodes.job("s"), None, &first).unwrap_err();
    assert!(matches!(error, MoverError::Interrupted(_)), "{error}");
    let moved = fs::read(nodes.to().join("s")).unwrap();
    assert_eq!(moved.len(), 100_000);
    assert_eq!(moved, noise(1, 100_000));
}
