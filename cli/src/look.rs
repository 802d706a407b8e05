//! Looks at a database again and again, while others come and go.

use std::path::Path;
use std::time::{Duration, Instant, SystemTime};

use serde::{Deserialize, Serialize};
use shardferry::executor::StopToken;
use shardferry::schema::v1::{Pause, PauseScope};
use shardferry::store::OpenError;
use shardferry::tracker::Summary;
use shardferry::{Event, EventSeq, Migration, MigrationTracker, TimestampMs};

use crate::control;
use crate::failure::Failure;
use crate::holder::holder;
use crate::names::Names;
use crate::output::note;
use crate::text;

/// Most events of one look; what is more comes with the next.
const EVENTS_MAX: usize = 1_000;

/// How often it is looked whether the file has changed. One process at a time has it: whoever looks
/// keeps others out for a moment, and so does not open what has not changed.
const PAUSE: Duration = Duration::from_secs(1);

/// After this long it is opened all the same.
const LOOK_ANYWAY: Duration = Duration::from_secs(30);

/// How finely it waits: Ctrl-C is not to wait longer.
const TICK: Duration = Duration::from_millis(50);

/// Which part of the log is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// What is after this position.
    After(EventSeq),
    /// The newest.
    Newest(usize),
}

/// How everything stands, at one look.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct View {
    #[serde(with = "SummaryFields")]
    pub(crate) summary: Summary,
    /// What is under way, in the order in which it goes on.
    pub(crate) unfinished: Vec<Migration>,
    pub(crate) names: Names,
    /// Those that were asked for, oldest first.
    pub(crate) events: Vec<Event>,
    /// Whether another process answered.
    #[serde(skip)]
    is_answer: bool,
}

/// Why there is nothing to see.
#[derive(Debug)]
pub(crate) enum Unseen {
    /// For now: somebody else has the file, or it is not there.
    Away(String),
    /// And waiting does not help.
    Failed(Failure),
}

/// Opens the database, reads how everything stands and closes it again; where another process has it
/// open, asks that.
pub(crate) fn look(db: &Path, part: Part) -> Result<View, Unseen> {
    match MigrationTracker::open(db) {
        Ok(tracker) => read(&tracker, part).map_err(Unseen::Failed),
        Err(error @ OpenError::Locked { .. }) => asked(db, part).ok_or_else(|| unseen(error, db)),
        Err(error) => Err(unseen(error, db)),
    }
}

/// What the process answers that has the database open, if it answers.
fn asked(db: &Path, part: Part) -> Option<View> {
    let (option, number) = match part {
        Part::After(EventSeq(since)) => ("--after", since.to_string()),
        Part::Newest(most) => ("--newest", most.to_string()),
    };
    let answer = control::query(db, &["look", option, &number])?;
    let view: View = serde_json::from_str(&answer).ok()?;
    Some(View {
        is_answer: true,
        ..view
    })
}

/// The fields of a [`Summary`], for the way between two processes.
#[derive(Serialize, Deserialize)]
#[serde(remote = "Summary")]
struct SummaryFields {
    at_ms: TimestampMs,
    pending: u64,
    in_progress: u64,
    verifying: u64,
    held: u64,
    backing_off: u64,
    cancelling: u64,
    stalled: u64,
    ended: u64,
    pruned: u64,
    cleanups: u64,
    quarantined: u64,
    pauses: Vec<(PauseScope, Pause)>,
    bytes_migrated: u64,
    bytes_total: Option<u64>,
    bytes_per_second: u64,
    left_ms: Option<u64>,
}

pub(crate) fn read(tracker: &MigrationTracker, part: Part) -> Result<View, Failure> {
    Ok(View {
        summary: tracker.summary()?,
        unfinished: tracker.unfinished()?,
        names: Names::of(&tracker.snapshot()?),
        events: match part {
            Part::After(since) => tracker.events(since, EVENTS_MAX)?,
            Part::Newest(most) => tracker.recent_events(most)?,
        },
        is_answer: false,
    })
}

fn unseen(error: OpenError, db: &Path) -> Unseen {
    let shown = text::path(db);
    match error {
        OpenError::Locked { .. } => {
            let who = holder(db).unwrap_or_else(|| "another process".to_owned());
            Unseen::Away(format!("{shown} is in use by {who}"))
        }
        OpenError::NotFound { .. } => Unseen::Away(format!("{shown} is not there")),
        OpenError::Exists { .. }
        | OpenError::NotAFile { .. }
        | OpenError::NotOwner { .. }
        | OpenError::NotADatabase { .. }
        | OpenError::NewerFormat { .. }
        | OpenError::Upgrade { .. }
        | OpenError::Damaged { .. }
        | OpenError::WriteAheadLog { .. }
        | OpenError::Io { .. }
        | OpenError::Store { .. } => Unseen::Failed(error.into()),
    }
}

/// Follows a database from a position of its log.
#[derive(Debug)]
pub(crate) struct Follower<'a> {
    db: &'a Path,
    part: Part,
    stop: &'a StopToken,
    seen: Option<(Stamp, Instant)>,
    more: bool,
    away: bool,
    /// Whether another process answered the last look.
    is_answered: bool,
}

/// When a file was last written, and how long it is.
type Stamp = (SystemTime, u64);

impl<'a> Follower<'a> {
    pub(crate) fn new(db: &'a Path, part: Part, stop: &'a StopToken) -> Self {
        Self {
            db,
            part,
            stop,
            seen: None,
            more: false,
            away: false,
            is_answered: false,
        }
    }

    /// The next look at something that has changed. While there is nothing to see it says so once and
    /// waits. `None`: it was asked to stop.
    pub(crate) fn next(&mut self) -> Result<Option<View>, Failure> {
        loop {
            if self.stop.is_stopped() {
                return Ok(None);
            }
            if !self.more && !self.away && self.is_as_it_was() {
                self.wait();
                continue;
            }
            match look(self.db, self.part) {
                Ok(view) => {
                    self.seen = self.stamp().map(|stamp| (stamp, Instant::now()));
                    self.more = view.events.len() >= EVENTS_MAX;
                    self.is_answered = view.is_answer;
                    self.went_on(&view);
                    return Ok(Some(view));
                }
                Err(Unseen::Failed(failure)) => return Err(failure),
                Err(Unseen::Away(why)) => {
                    if !self.away {
                        note(format_args!("{why}: waiting for it{}", self.position()));
                    }
                    self.away = true;
                    self.wait();
                }
            }
        }
    }

    /// Where to go on, for who starts again.
    pub(crate) fn since(&self) -> Option<EventSeq> {
        match self.part {
            Part::After(since) => Some(since),
            Part::Newest(_) => None,
        }
    }

    fn went_on(&mut self, view: &View) {
        if std::mem::take(&mut self.away) {
            note(format_args!("there it is{}", self.position()));
        }
        if let (Part::After(EventSeq(since)), Some(first)) = (self.part, view.events.first())
            && first.seq.0 > since.saturating_add(1)
        {
            let (from, to) = (since.saturating_add(1), first.seq.0.saturating_sub(1));
            note(format_args!("events {from} to {to} are no longer kept"));
        }
        match (view.events.last(), self.part) {
            (Some(last), _) => self.part = Part::After(last.seq),
            (None, Part::Newest(_)) => self.part = Part::After(EventSeq(0)),
            (None, Part::After(_)) => {}
        }
    }

    fn position(&self) -> String {
        let since = self.since();
        since.map_or_else(String::new, |since| {
            format!("; it goes on after event {since}")
        })
    }

    fn is_as_it_was(&self) -> bool {
        let Some((stamp, at)) = self.seen else {
            return false;
        };
        // Whoever has it open answers without closing it, and has not written everything yet.
        if self.is_answered {
            return at.elapsed() < PAUSE;
        }
        at.elapsed() < LOOK_ANYWAY && self.stamp() == Some(stamp)
    }

    fn stamp(&self) -> Option<Stamp> {
        let file = std::fs::metadata(self.db).ok()?;
        Some((file.modified().ok()?, file.len()))
    }

    fn wait(&self) {
        let since = Instant::now();
        while since.elapsed() < PAUSE && !self.stop.is_stopped() {
            std::thread::sleep(TICK);
        }
    }
}
