//! Work that another process has to do: the test binary runs itself again.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use shardferry::schema::v1::FailureClass;
use shardferry::store::{Durability, OpenError, OpenOptions};
use shardferry::tracker::BeginError;
use shardferry::tracker::check::Acknowledged;
use shardferry::{MigrationId, MigrationTracker, NodeId, ShardId, Status};

use crate::support::{A, B, blake3, side, worker};

/// What the child is to do, and with which file.
const TASK: &str = "SHARDFERRY_TEST_TASK";
const FILE: &str = "SHARDFERRY_TEST_FILE";
/// Before everything the child says: the test harness talks on the same pipe.
const SAYS: &str = "child says: ";

/// This binary, to do `task` with `file`.
pub(crate) fn command(task: &str, file: &Path) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    tell(&mut command, task, file);
    command
}

/// As [`command`], under another program with its own arguments.
pub(crate) fn command_under(program: &str, arguments: &[&str], task: &str, file: &Path) -> Command {
    let mut command = Command::new(program);
    command
        .args(arguments)
        .arg(std::env::current_exe().unwrap());
    tell(&mut command, task, file);
    command
}

fn tell(command: &mut Command, task: &str, file: &Path) {
    command
        .args(["--exact", "child::child", "--nocapture", "--test-threads=1"])
        .env(TASK, task)
        .env(FILE, file)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
}

/// What the child of `command` said, once it has ended.
pub(crate) fn answer(mut command: Command) -> std::io::Result<Option<String>> {
    let output = command.stdin(Stdio::null()).output()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let said = text
        .lines()
        .find_map(|line| Some(line.split_once(SAYS)?.1.to_owned()));
    Ok(said)
}

/// A child that has the file open until it is told to end, or killed.
pub(crate) struct Holder(Child);

impl Holder {
    pub(crate) fn start(file: &Path) -> Self {
        let mut child = command("hold", file).spawn().unwrap();
        let out = BufReader::new(child.stdout.as_mut().unwrap());
        let said = out
            .lines()
            .map(Result::unwrap)
            .find(|line| line.contains(SAYS));
        assert!(said.unwrap().ends_with("opened"));
        Self(child)
    }

    pub(crate) fn kill(mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

/// Where a child puts the backup of `file`.
pub(crate) fn backup_of(file: &Path) -> std::path::PathBuf {
    file.with_extension("backup")
}

/// Not a test of its own: does nothing unless another test started it with a task.
#[test]
fn child() {
    let Ok(task) = std::env::var(TASK) else {
        return;
    };
    let file = std::env::var_os(FILE).unwrap();
    let file = Path::new(&file);
    let said = match task.split_once(' ').unwrap_or((&task, "")) {
        ("create", _) => shown(MigrationTracker::create(file)),
        ("open", _) => shown(MigrationTracker::open(file)),
        ("hold", _) => {
            let tracker = MigrationTracker::open(file);
            say(&shown_ref(&tracker));
            let _ = std::io::stdin().read(&mut [0]);
            return;
        }
        ("churn", seed) => return churn(file, Durability::Standard, seed.parse().unwrap()),
        ("churn-ahead", seed) => {
            return churn(file, Durability::WriteAhead, seed.parse().unwrap());
        }
        ("backup", _) => {
            let tracker = MigrationTracker::open(file).unwrap();
            tracker.backup(backup_of(file)).unwrap();
            "backed up".to_owned()
        }
        ("begin", count) => {
            let tracker = MigrationTracker::create(file).unwrap();
            for shard in 0..count.parse().unwrap() {
                tracker.begin_migration(ShardId(shard), A, B).unwrap();
            }
            "begun".to_owned()
        }
        other => panic!("{other:?}"),
    };
    say(&said);
}

/// Moves shards round and round until it is killed, and says each answer that it was given.
fn churn(file: &Path, durability: Durability, seed: u64) {
    let options = OpenOptions {
        durability,
        // It is full every few operations.
        wal_bytes: 64 * 1024,
        ..OpenOptions::default()
    };
    let tracker = MigrationTracker::open_with(file, &options).unwrap();
    let said = |id: MigrationId, status: Status| say(&format!("{id} {status}"));
    for round in seed.. {
        let shard = ShardId(round % 7);
        let (from, to) = (NodeId(round / 7 % 5), NodeId((round / 7 + 1) % 5));
        // What an earlier life left is gone on with, as after any restart.
        let id = match tracker.active_migration(shard).unwrap() {
            Some(migration) => migration.id,
            None => match tracker.begin_migration(shard, from, to) {
                Ok(id) => id,
                Err(BeginError::CleanupOpen { node, .. }) => {
                    tracker.settle_cleanup(node, shard).unwrap();
                    continue;
                }
                Err(other) => panic!("{other}"),
            },
        };
        said(id, Status::Pending);
        let claim = tracker.claim(id, &worker()).unwrap();
        said(id, Status::InProgress);
        claim.report(round, None, None).unwrap();
        let ended = match round % 4 {
            0 => claim.fail_attempt(FailureClass::Permanent, "broken", false),
            1 => {
                claim.begin_verification().unwrap();
                said(id, Status::Verifying);
                claim.submit_evidence(blake3(), side(1), side(1)).unwrap();
                claim.complete()
            }
            2 => claim.release(),
            _ => claim.complete(),
        };
        said(id, ended.unwrap().status());
    }
}

/// What a child that was to churn had been told when it was killed: `wait` after its start, or
/// (`answered`) after its first answer, however long a loaded machine takes to get there.
pub(crate) fn churn_and_kill(
    file: &Path,
    durability: Durability,
    seed: u64,
    wait: Duration,
    answered: bool,
) -> Vec<Acknowledged> {
    let task = match durability {
        Durability::WriteAhead => "churn-ahead",
        Durability::Standard | Durability::Careful | Durability::FastRestart => "churn",
    };
    let mut child = command(&format!("{task} {seed}"), file).spawn().unwrap();
    let out = child.stdout.take().unwrap();
    let (first, first_seen) = std::sync::mpsc::channel();
    let reader = std::thread::spawn(move || {
        let mut text = String::new();
        let mut out = BufReader::new(out);
        while out.read_line(&mut text).is_ok_and(|read| read > 0) {
            if text.contains(SAYS) {
                let _ = first.send(());
            }
        }
        text
    });
    if answered {
        first_seen.recv_timeout(Duration::from_secs(60)).unwrap();
    }
    std::thread::sleep(wait);
    child.kill().unwrap();
    child.wait().unwrap();
    let text = reader.join().unwrap();
    // The last line may have been cut off by the kill.
    let whole = text.rsplit_once('\n').map_or("", |(whole, _)| whole);
    let answers = whole.lines().filter_map(|line| {
        let (id, status) = line.split_once(SAYS)?.1.split_once(' ')?;
        let status = Status::ALL
            .into_iter()
            .find(|known| known.as_str() == status);
        Some(Acknowledged {
            id: id.parse().unwrap(),
            status: status.unwrap(),
        })
    });
    answers.collect()
}

fn say(text: &str) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{SAYS}{text}").unwrap();
    out.flush().unwrap();
}

fn shown(opened: Result<MigrationTracker, OpenError>) -> String {
    shown_ref(&opened)
}

fn shown_ref(opened: &Result<MigrationTracker, OpenError>) -> String {
    match opened {
        Ok(_) => "opened".to_owned(),
        Err(error @ OpenError::Io { source, .. }) => {
            format!("{error}: {:?}", source.kind())
        }
        Err(error) => error.to_string(),
    }
}
