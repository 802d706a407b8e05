//! Errors as they reach the top: what happened, why, and what to do next.

use std::fmt::Display;
use std::io;

use serde_json::{Value, json};
use shardferry::store::{OpenError, StoreError};
use shardferry::tracker::{BeginError, ForgiveError, RegistryError};

use crate::exit::Exit;
use crate::holder::holder;
use crate::output::Output;

/// Why a command did not do what it was asked for.
#[derive(Debug)]
pub struct Failure {
    /// How the program ends.
    pub exit: Exit,
    error: anyhow::Error,
    advice: Option<String>,
    problems: Vec<Problem>,
}

/// One of several things that are wrong with a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Where: file, line and column.
    pub place: String,
    /// What.
    pub message: String,
}

impl Failure {
    pub(crate) fn new(exit: Exit, error: impl Into<anyhow::Error>) -> Self {
        Self {
            exit,
            error: error.into(),
            advice: None,
            problems: Vec::new(),
        }
    }

    pub(crate) fn message(exit: Exit, message: impl Display) -> Self {
        Self::new(exit, anyhow::Error::msg(message.to_string()))
    }

    /// Several things are wrong with a file.
    pub(crate) fn problems(summary: String, problems: Vec<Problem>) -> Self {
        Self {
            problems,
            ..Self::message(Exit::Input, summary)
        }
    }

    /// This, ending the program in another way.
    #[must_use]
    pub(crate) fn ending(mut self, exit: Exit) -> Self {
        self.exit = exit;
        self
    }

    /// What to do next.
    #[must_use]
    pub(crate) fn advise(mut self, advice: impl Display) -> Self {
        self.advice = Some(advice.to_string());
        self
    }

    /// What was being done.
    #[must_use]
    pub(crate) fn context(mut self, context: impl Display) -> Self {
        self.error = self.error.context(context.to_string());
        self
    }

    /// Everything that is wrong with a file, place by place.
    #[must_use]
    pub fn found(&self) -> &[Problem] {
        &self.problems
    }

    /// Prints the whole chain, once.
    pub(crate) fn print(&self, out: &Output) {
        if out.is_json() {
            out.note(json!({ "error": self.json() }));
        } else {
            out.note(self.text(out.has_colour()));
        }
    }

    /// Whether another process has the database open.
    pub(crate) fn is_in_use(&self) -> bool {
        matches!(
            self.error.downcast_ref::<OpenError>(),
            Some(OpenError::Locked { .. })
        )
    }

    fn text(&self, colour: bool) -> String {
        let (on, off) = if colour {
            ("\x1b[1;31m", "\x1b[0m")
        } else {
            ("", "")
        };
        format!("{on}error:{off} {}", self.story())
    }

    /// What happened, why, and what to do next, where it is not the end of the command.
    pub(crate) fn story(&self) -> String {
        let mut text = self.error.to_string();
        for cause in self.causes() {
            text.push_str(&format!("\n  because: {cause}"));
        }
        for Problem { place, message } in &self.problems {
            text.push_str(&format!("\n  {place}: {message}"));
        }
        if let Some(advice) = &self.advice {
            text.push_str(&format!("\n  next: {advice}"));
        }
        text
    }

    /// As it is told with `--json`.
    pub(crate) fn json(&self) -> Value {
        let problems = self.problems.iter();
        json!({
            "kind": self.exit.as_str(),
            "code": self.exit.code(),
            "message": self.error.to_string(),
            "causes": self.causes(),
            "problems": problems
                .map(|problem| json!({ "place": problem.place, "message": problem.message }))
                .collect::<Vec<_>>(),
            "next": self.advice,
        })
    }

    /// The causes below the top, without those that only repeat the level above.
    fn causes(&self) -> Vec<String> {
        let mut causes: Vec<String> = self.error.chain().map(ToString::to_string).collect();
        causes.dedup();
        causes.drain(..1.min(causes.len()));
        causes
    }
}

/// What to do when another process has the database open.
const LOCKED: &str = "`shardferry status` says how far it is; wait for its end, or stop it (Ctrl-C; the next \
                      run goes on). One process owns a database; to move more at once, give that one \
                      run more `--workers`. Executors beside it come with the service";

/// What to do when the file system of the database is full.
const FULL: &str = "the file system of the database is full: make room there and repeat the \
                    command; it goes on where it was";

/// What to do when a database cannot be written to.
const NOT_WRITABLE: &str = "opening a database writes to it, also to only look at it: get the \
                            permission to write, or copy the file to where you have it and name \
                            the copy with `--db`";

/// What to do when a disk may be failing.
pub(crate) const DISK: &str = "look after the disk (space, errors), then repeat the command";

/// What to do when a new file could not be written.
pub(crate) fn writing_advice(error: &io::Error) -> &'static str {
    if matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
    ) {
        "create the folder first, or choose another path"
    } else if is_not_writable(error) {
        "get the permission to write there, or choose another path"
    } else {
        DISK
    }
}

fn is_not_writable(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem
    )
}

/// The whole chain, as it is printed without colours.
impl Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.text(false))
    }
}

impl From<OpenError> for Failure {
    fn from(error: OpenError) -> Self {
        let (exit, advice) = match &error {
            OpenError::NotFound { .. } => (Exit::Database, Some("`--db PATH` names another one")),
            OpenError::Exists { .. } => (
                Exit::Refused,
                Some("`shardferry apply FILE` goes on with it; `--db PATH` names another one"),
            ),
            OpenError::Locked { .. } => (Exit::Database, Some(LOCKED)),
            full if full.is_disk_full() => (Exit::Database, Some(FULL)),
            OpenError::Io {
                doing: "creating",
                source,
                ..
            } => (Exit::Database, Some(writing_advice(source))),
            OpenError::Io { source, .. } if is_not_writable(source) => {
                (Exit::Database, Some(NOT_WRITABLE))
            }
            OpenError::NotAFile { .. }
            | OpenError::NotOwner { .. }
            | OpenError::NotADatabase { .. }
            | OpenError::NewerFormat { .. }
            | OpenError::Upgrade { .. }
            | OpenError::Damaged { .. }
            | OpenError::WriteAheadLog { .. }
            | OpenError::Io { .. }
            | OpenError::Store { .. } => (Exit::Database, None),
        };
        let who = if let OpenError::Locked { path } = &error {
            holder(path)
        } else {
            None
        };
        let is_locked = matches!(error, OpenError::Locked { .. });
        let failure = Self::new(exit, error);
        match (advice, who) {
            (Some(advice), Some(who)) => failure.advise(format_args!("{who} has it: {advice}")),
            (Some(advice), None) if is_locked => {
                failure.advise(format_args!("a run that is under way has it: {advice}"))
            }
            (Some(advice), None) => failure.advise(advice),
            (None, _) => failure,
        }
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        match &error {
            StoreError::Encode { .. } => Self::new(Exit::Refused, error),
            StoreError::Row { .. }
            | StoreError::SetAside { .. }
            | StoreError::Key { .. }
            | StoreError::Inconsistent { .. } => Self::new(Exit::Database, error)
                .advise("`shardferry check` lists everything that is wrong with the file"),
            full if full.is_disk_full() => Self::new(Exit::Unexpected, error).advise(FULL),
            StoreError::Storage { .. }
            | StoreError::CommitUnknown { .. }
            | StoreError::ReopenNeeded => Self::new(Exit::Unexpected, error).advise(DISK),
        }
    }
}

impl From<BeginError> for Failure {
    fn from(error: BeginError) -> Self {
        let advice = match &error {
            BeginError::Store(_) => None,
            BeginError::AlreadyMigrating { migration, .. } => Some(format!(
                "`shardferry show {migration}` says how far it is, `shardferry cancel {migration}` \
                 calls it off"
            )),
            BeginError::CleanupOpen { node, .. } => Some(format!(
                "`shardferry cleanups` says why it is still there, `shardferry cleanups run --node \
                 id:{node}` removes it now; of a node that is down and never comes back, `shardferry \
                 cleanups forgive id:{node} --reason WHY` gives it up"
            )),
            BeginError::LowSpace { .. } => Some(
                "make room on the file system of the database; `shardferry run` goes on with what \
                 is under way all the same"
                    .to_owned(),
            ),
            BeginError::NotOwner { owner, .. } => {
                Some(format!("begin it from node {owner} instead"))
            }
            BeginError::VersionChanged { shard, .. } => Some(format!(
                "`shardferry explain id:{shard}` says where it is now, and its version"
            )),
            BeginError::SameNode(_)
            | BeginError::UnknownNode { .. }
            | BeginError::NodeState { .. }
            | BeginError::HasReplica { .. }
            | BeginError::Forbidden { .. }
            | BeginError::RequestConflict { .. } => None,
            BeginError::Quarantined {
                shard, migration, ..
            } => Some(format!(
                "`shardferry explain {shard}` says why; `shardferry retry {migration}` tries the same \
                 move again, `shardferry quarantine release {shard}` lets it out"
            )),
        };
        let failure = if let BeginError::Store(error) = error {
            error.into()
        } else {
            Self::new(Exit::Refused, error)
        };
        match advice {
            Some(advice) => failure.advise(advice),
            None => failure,
        }
    }
}

impl From<ForgiveError> for Failure {
    fn from(error: ForgiveError) -> Self {
        let advice = match error {
            ForgiveError::Store(error) => return error.into(),
            ForgiveError::NotSetAside { .. } => "`shardferry set-aside list` shows what is",
            ForgiveError::NoSettings => {
                "`shardferry settings --set KEY=VALUE` puts settings into force"
            }
        };
        Self::new(Exit::Refused, error).advise(advice)
    }
}

impl From<RegistryError> for Failure {
    fn from(error: RegistryError) -> Self {
        if let RegistryError::Store(error) = error {
            error.into()
        } else {
            Self::new(Exit::Refused, error)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_database_that_cannot_be_written_to_has_a_way_out() {
        for kind in [
            io::ErrorKind::PermissionDenied,
            io::ErrorKind::ReadOnlyFilesystem,
        ] {
            let failure = Failure::from(OpenError::Io {
                doing: "opening for writing",
                path: "monday.redb".into(),
                source: kind.into(),
            });
            assert_eq!(failure.exit, Exit::Database);
            assert!(
                failure
                    .to_string()
                    .contains("next: opening a database writes"),
                "{failure}"
            );
        }
    }
}
