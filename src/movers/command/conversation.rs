//! One call from the start of the program to its end.

use std::collections::VecDeque;
use std::io;
use std::process::ExitStatus;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use super::Limits;
use super::diary::Diary;
use super::hearing::{Answer, Halt, Hearing, LINE_BYTES_MAX};
use super::job::GO;
use super::lines::{Line, Lines};
use super::running::{CHUNK_BYTES, Running, Seen};

/// How often the reporter is asked whether the step is still wanted, also while the program is
/// silent.
const ASK_EVERY: Duration = Duration::from_millis(100);

/// How soon, and how often at last, to look whether a program has ended that can say nothing any
/// more: it is mostly about to.
const LOOK_FIRST: Duration = Duration::from_micros(200);
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Answers that the program has not read. One that asks and never reads would make us hold any
/// number of them.
const ANSWERS_BYTES_MAX: usize = 64 * 1024;

/// Read at most from each pipe after the program has ended: more than a pipe holds. Somebody else
/// may still write to it.
const LAST_BYTES_MAX: usize = 2 * 1024 * 1024;

/// Why a program was told to end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Told {
    /// The step is not wanted any more.
    Interrupted,
    /// It said something that is not in the protocol.
    Broken(String),
    /// It was silent for longer than this.
    Silent(Duration),
    /// It took longer than this.
    TooLong(Duration),
}

/// How a call ended.
#[derive(Debug)]
pub(super) struct Ended {
    pub(super) status: io::Result<ExitStatus>,
    pub(super) told: Option<Told>,
}

/// A program that was told to end.
struct Ending {
    told: Told,
    /// When it is killed; `None`: it was, or never.
    kill_at: Option<Instant>,
}

pub(super) struct Conversation<'a, 'r> {
    running: Running,
    outgoing: VecDeque<u8>,
    lines: Lines,
    hearing: &'a mut Hearing<'r>,
    diary: &'a mut Diary,
    limits: Limits,
    grace: Duration,
    heard_at: Instant,
    over_at: Option<Instant>,
    asked_at: Option<Instant>,
    look_in: Duration,
    ending: Option<Ending>,
}

impl<'a, 'r> Conversation<'a, 'r> {
    pub(super) fn new(
        running: Running,
        job: Vec<u8>,
        hearing: &'a mut Hearing<'r>,
        diary: &'a mut Diary,
        (limits, grace): (Limits, Duration),
    ) -> Self {
        let now = Instant::now();
        Self {
            running,
            outgoing: job.into(),
            lines: Lines::new(LINE_BYTES_MAX),
            hearing,
            diary,
            limits,
            grace,
            heard_at: now,
            over_at: limits.total.and_then(|total| now.checked_add(total)),
            asked_at: None,
            look_in: LOOK_FIRST,
            ending: None,
        }
    }

    /// Talks with the program until it has ended.
    pub(super) fn hold(mut self) -> Ended {
        let mut buffer = vec![0; CHUNK_BYTES];
        while !self.running.has_ended() {
            self.ask();
            self.watch_the_clock();
            let patience = self.patience();
            self.running.wait(!self.outgoing.is_empty(), patience);
            self.write();
            self.read_stdout(&mut buffer);
            self.read_stderr(&mut buffer);
        }
        // Whatever it started and left behind in its group goes with it.
        self.running.signal(Signal::KILL);
        let status = self.running.reap();
        self.read_the_last(&mut buffer, status.as_ref().is_ok_and(ExitStatus::success));
        Ended {
            status,
            told: self.ending.map(|ending| ending.told),
        }
    }

    fn ask(&mut self) {
        let due = self.asked_at.is_none_or(|at| at.elapsed() >= ASK_EVERY);
        if self.ending.is_none() && due {
            if self.hearing.ask().is_err() {
                self.tell_to_end(Told::Interrupted);
            }
            self.asked_at = Some(Instant::now());
        }
    }

    fn watch_the_clock(&mut self) {
        let now = Instant::now();
        if let Some(ending) = &mut self.ending {
            if ending.kill_at.is_some_and(|at| at <= now) {
                ending.kill_at = None;
                self.running.signal(Signal::KILL);
            }
            return;
        }
        if let Some(idle) = self.limits.idle
            && now.duration_since(self.heard_at) >= idle
        {
            self.tell_to_end(Told::Silent(idle));
        } else if let Some(total) = self.limits.total
            && self.over_at.is_some_and(|at| at <= now)
        {
            self.tell_to_end(Told::TooLong(total));
        }
    }

    /// How long to wait for the program before something else is to be done.
    fn patience(&mut self) -> Duration {
        if !self.running.is_mute() {
            return ASK_EVERY;
        }
        let now = self.look_in;
        self.look_in = now.saturating_mul(2).min(LOOK_EVERY);
        now
    }

    /// The program is asked to end, with all that it started, and killed when it does not.
    fn tell_to_end(&mut self, told: Told) {
        if self.ending.is_some() {
            return;
        }
        self.outgoing.clear();
        self.running.hang_up();
        self.running.signal(Signal::TERM);
        self.ending = Some(Ending {
            told,
            kill_at: Instant::now().checked_add(self.grace),
        });
    }

    fn write(&mut self) {
        while !self.outgoing.is_empty() {
            let (front, _) = self.outgoing.as_slices();
            match self.running.write(front) {
                Some(0) => return,
                Some(count) => drop(self.outgoing.drain(..count)),
                None => self.outgoing.clear(),
            }
        }
    }

    fn read_stdout(&mut self, buffer: &mut [u8]) -> Seen {
        let seen = self.running.read_stdout(buffer);
        if let Seen::Bytes(count) = seen {
            self.heard_at = Instant::now();
            self.listen(buffer.get(..count).unwrap_or_default());
        }
        seen
    }

    fn read_stderr(&mut self, buffer: &mut [u8]) -> Seen {
        let seen = self.running.read_stderr(buffer);
        if let Seen::Bytes(count) = seen {
            self.heard_at = Instant::now();
            self.diary.feed(buffer.get(..count).unwrap_or_default());
        }
        seen
    }

    fn listen(&mut self, chunk: &[u8]) {
        // A line may end the program: the borrow of the lines must not stand in the way.
        let mut lines = std::mem::replace(&mut self.lines, Lines::new(0));
        let fed: Result<(), std::convert::Infallible> = lines.feed(chunk, |line| {
            self.take(line);
            Ok(())
        });
        let Ok(()) = fed;
        self.lines = lines;
    }

    fn take(&mut self, line: Line<'_>) {
        match self.ending.as_ref().map(|ending| &ending.told) {
            Some(Told::Interrupted) => return self.hearing.hear_last(line),
            Some(Told::Broken(_) | Told::Silent(_) | Told::TooLong(_)) => return,
            None => {}
        }
        let began = Instant::now();
        match self.hearing.hear(line) {
            Ok(Answer::None) => {}
            Ok(Answer::Go) if self.outgoing.len() >= ANSWERS_BYTES_MAX => {
                let told = format!(
                    "it asked for more answers than it read, at line {}",
                    line.number
                );
                self.tell_to_end(Told::Broken(told));
            }
            Ok(Answer::Go) => {
                self.outgoing.extend(GO);
                self.write();
                self.pardon(began);
            }
            Err(Halt::Interrupted) => self.tell_to_end(Told::Interrupted),
            Err(Halt::Broken(why)) => self.tell_to_end(Told::Broken(why)),
        }
    }

    /// The time that the program waited for us is not its own.
    fn pardon(&mut self, began: Instant) {
        self.over_at = self.over_at.and_then(|at| at.checked_add(began.elapsed()));
        self.heard_at = Instant::now();
    }

    /// What is still in the pipes. A line without an end is one when it is complete, and of a program
    /// that failed it need not be.
    fn read_the_last(&mut self, buffer: &mut [u8], success: bool) {
        let mut left = LAST_BYTES_MAX;
        while let Seen::Bytes(count) = self.read_stdout(buffer)
            && left > 0
        {
            left = left.saturating_sub(count);
        }
        left = LAST_BYTES_MAX;
        while let Seen::Bytes(count) = self.read_stderr(buffer)
            && left > 0
        {
            left = left.saturating_sub(count);
        }
        self.diary.end();
        let mut lines = std::mem::replace(&mut self.lines, Lines::new(0));
        if let Some(line) = lines.rest()
            && (success || serde_json::from_slice::<serde::de::IgnoredAny>(line.bytes).is_ok())
        {
            self.take(line);
        }
    }
}
