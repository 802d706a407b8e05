//! Work that another process has to do: the test binary runs itself again.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use shardferry::store::OpenError;
use shardferry::{MigrationTracker, ShardId};

use crate::support::{A, B};

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
