//! Moves shards by calling a program: one call for each step of a move.
//!
//! The program gets its job as one line of JSON on stdin, and says how far it is, and what it found,
//! as lines of JSON on stdout. What it writes to stderr goes to the log. `docs/MOVERS.md` in the
//! repository has the protocol in full, with what each step has to do after a crash, and two programs
//! to start from: `rsync` between directories, and a range of a PostgreSQL table between servers.
//!
//! ```text
//! stdin    {"protocol":1,"step":"copy","migration":"01a2...","epoch":3,"shard":{...},"from":{...},...}
//! stdout   {"type":"checkpoint","cursor":"orders/0007","bytes":1048576,"bytes_total":4194304}
//! stderr   rsync: 12 files to consider
//! code     0: done
//! ```
//!
//! **Its end.** The program runs in a process group of its own. When the move is called off, the
//! executor stops, the attempt is overtaken, or a time limit is over, the whole group gets SIGTERM, and
//! SIGKILL after a grace period; when the program ends, what it left in its group is killed. Its stdin
//! stays open until the step is over and says nothing, except for answers that it asked for: when it
//! ends, the program has to end too. That is how it learns that this process was killed.
//!
//! That it ended well shows in its exit code, so a process that uses this must not ignore `SIGCHLD`.
//!
//! **No shell.** The program and its arguments are handed to the system as they are.

// How a program is described.
mod builder;
mod config;
mod error;
mod limits;
mod step;

// What is said.
mod cursor;
mod job;
mod lines;
mod message;
mod object;

// One call.
mod conversation;
mod diary;
mod figures;
mod hearing;
mod outcome;
mod running;

pub use builder::CommandMoverBuilder;
pub use config::{CommandConfig, Limit, LimitsConfig};
pub use cursor::CURSOR_BYTES_MAX;
pub use error::CommandError;
pub use job::PROTOCOL;
pub use limits::Limits;
pub use step::Step;

use std::ffi::OsString;
use std::path::Path;
use std::process::Command;

use conversation::Conversation;
use diary::Diary;
use figures::{Figures, Ledger};
use hearing::Hearing;
use running::Running;

use crate::executor::{CatchUp, Job, MoverError, Proof, Reporter, ShardMover};
use crate::schema::v1::SavedCheckpoint;

/// Moves shards by calling a program. See the [module](self).
///
/// ```
/// use shardferry::movers::CommandMover;
/// use shardferry::movers::command::{CommandError, Step};
///
/// let mover = CommandMover::builder("/usr/local/lib/movers/rsync.py")
///     .arg("--bwlimit=50m")
///     .env("RSYNC_RSH", "ssh -o BatchMode=yes")
///     .steps([
///         Step::Copy,
///         Step::Verify,
///         Step::Activate,
///         Step::ReleaseSource,
///         Step::DiscardDestination,
///     ])
///     .build()?;
///
/// // Writes that one step stops, another one has to let go on.
/// let refused = CommandMover::builder("sh").steps(Step::ALL.into_iter().filter(|step| *step != Step::Unfence));
/// assert!(matches!(refused.build(), Err(CommandError::Unpaired { missing: Step::Unfence, .. })));
/// # drop(mover);
/// # Ok::<(), CommandError>(())
/// ```
#[derive(Debug)]
pub struct CommandMover {
    command: CommandMoverBuilder,
    figures: Ledger,
}

impl CommandMover {
    /// Describes a mover that calls `program`: a path, or a name that is looked for in `PATH`.
    #[must_use]
    pub fn builder(program: impl Into<OsString>) -> CommandMoverBuilder {
        CommandMoverBuilder::new(program.into())
    }

    fn of(command: CommandMoverBuilder) -> Self {
        Self {
            command,
            figures: Ledger::default(),
        }
    }

    fn has(&self, step: Step) -> bool {
        self.command.steps.contains(&step)
    }

    /// A step that the program may not have, and that then is nothing to do.
    fn plain(&self, step: Step, job: &Job) -> Result<(), MoverError> {
        if !self.has(step) {
            return Ok(());
        }
        self.call(step, job, None, &mut Hearing::new(step, None, None))
    }

    /// Calls the program.
    fn call(
        &self,
        step: Step,
        job: &Job,
        checkpoint: Option<&SavedCheckpoint>,
        hearing: &mut Hearing<'_>,
    ) -> Result<(), MoverError> {
        // A step that is not wanted any more is not begun.
        hearing.ask()?;
        let line = job::line(step, job, checkpoint)
            .map_err(|error| MoverError::permanent("the job is no JSON").because(error))?;
        let program = self.shown();
        let mut command = Command::new(&self.command.program);
        command
            .args(&self.command.args)
            .envs(&self.command.env)
            .envs(job::variables(step, job));
        let running = Running::start(command).map_err(|error| {
            let what = format!("{step}: {program} could not be started; install or correct it");
            MoverError::retriable(what).because(error)
        })?;
        let limits = self.command.limits.get(&step).copied();
        let times = (
            limits.unwrap_or_else(|| Limits::of(step)),
            self.command.grace,
        );
        let mut diary = Diary::new(step, job.migration);
        let ended = Conversation::new(running, line, hearing, &mut diary, times).hold();
        outcome::of(step, &program, ended, hearing, &diary)
    }

    /// The program, for people.
    fn shown(&self) -> String {
        let path = Path::new(&self.command.program);
        let name = path.file_name().unwrap_or(&self.command.program);
        lines::shown(name.as_encoded_bytes(), 100)
    }
}

impl ShardMover for CommandMover {
    fn copy(
        &self,
        job: &Job,
        checkpoint: Option<&SavedCheckpoint>,
        reporter: &dyn Reporter,
    ) -> Result<(), MoverError> {
        let floor = Figures {
            bytes: checkpoint.map_or(0, |saved| saved.bytes_migrated),
            total: None,
        };
        let mut hearing = Hearing::new(Step::Copy, Some(reporter), Some(floor));
        let done = self.call(Step::Copy, job, checkpoint, &mut hearing);
        match done {
            Ok(()) => self.figures.note(job, hearing.figures()),
            Err(_) => self.figures.forget(job),
        }
        done
    }

    fn catch_up(&self, job: &Job, reporter: &dyn Reporter) -> Result<CatchUp, MoverError> {
        if !self.has(Step::CatchUp) {
            return Ok(CatchUp::Done);
        }
        let floor = self.figures.of(job);
        let mut hearing = Hearing::new(Step::CatchUp, Some(reporter), floor);
        let done = self.call(Step::CatchUp, job, None, &mut hearing);
        match &done {
            Ok(()) if floor.is_some() => self.figures.note(job, hearing.figures()),
            Ok(()) => {}
            Err(_) => self.figures.forget(job),
        }
        done?;
        Ok(hearing.caught_up.unwrap_or(CatchUp::Done))
    }

    fn fence(&self, job: &Job) -> Result<(), MoverError> {
        self.plain(Step::Fence, job)
            .inspect_err(|_| self.figures.forget(job))
    }

    fn unfence(&self, job: &Job) -> Result<(), MoverError> {
        self.plain(Step::Unfence, job)
    }

    fn verify(&self, job: &Job, reporter: &dyn Reporter) -> Result<Proof, MoverError> {
        let copied = self.figures.of(job);
        self.figures.forget(job);
        let mut hearing = Hearing::new(Step::Verify, Some(reporter), copied);
        self.call(Step::Verify, job, None, &mut hearing)?;
        // A call that ends well has said it.
        (hearing.proof).ok_or_else(|| MoverError::retriable("verify: no evidence"))
    }

    fn activate(&self, job: &Job) -> Result<(), MoverError> {
        self.plain(Step::Activate, job)
    }

    fn release_source(&self, job: &Job) -> Result<(), MoverError> {
        self.plain(Step::ReleaseSource, job)
    }

    fn discard_destination(&self, job: &Job) -> Result<(), MoverError> {
        self.plain(Step::DiscardDestination, job)
    }
}
