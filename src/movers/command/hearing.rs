//! What the lines of a program mean in the step that it was called for.

use super::Step;
use super::cursor::{self, CURSOR_BYTES_MAX};
use super::figures::Figures;
use super::lines::{Line, shown};
use super::message::Message;
use crate::executor::{CatchUp, Interrupted, MoverError, Proof, Reporter};
use crate::schema::text::Reason;
use crate::schema::v1::FailureClass;

/// The longest line: a cursor of the greatest length, with each character escaped, and some room.
pub(super) const LINE_BYTES_MAX: usize = 6 * CURSOR_BYTES_MAX + 4096;

/// Of a line that is refused, so much is quoted: a reason has 1 KiB.
const QUOTED_BYTES_MAX: usize = 200;

/// Whether the program waits for an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    None,
    Go,
}

/// Why nothing more is heard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Halt {
    /// The reporter said so.
    Interrupted,
    /// A line is not in the protocol.
    Broken(String),
}

impl From<Interrupted> for Halt {
    fn from(Interrupted: Interrupted) -> Self {
        Self::Interrupted
    }
}

/// Listens to one call.
pub(super) struct Hearing<'a> {
    step: Step,
    reporter: Option<&'a dyn Reporter>,
    /// What was shown before the call; `None` when nobody knows.
    floor: Option<Figures>,
    /// What the program said itself.
    said: Figures,
    /// Bytes compared and in all.
    verified: (u64, u64),
    pub(super) proof: Option<Proof>,
    pub(super) caught_up: Option<CatchUp>,
    pub(super) error: Option<MoverError>,
}

impl<'a> Hearing<'a> {
    pub(super) fn new(
        step: Step,
        reporter: Option<&'a dyn Reporter>,
        floor: Option<Figures>,
    ) -> Self {
        let to_compare = floor.and_then(|figures| figures.total).unwrap_or(0);
        Self {
            step,
            reporter,
            floor,
            said: Figures::default(),
            // Not 0 of 0: that would be all.
            verified: (0, to_compare.saturating_mul(2).max(1)),
            proof: None,
            caught_up: None,
            error: None,
        }
    }

    /// What was shown last.
    pub(super) fn figures(&self) -> Figures {
        self.said.over(self.floor.unwrap_or_default())
    }

    /// Whether the step is still wanted.
    pub(super) fn ask(&self) -> Result<(), Interrupted> {
        let Some(reporter) = self.reporter else {
            return Ok(());
        };
        match self.step {
            Step::Copy | Step::CatchUp if self.floor.is_some() => {
                let Figures { bytes, total } = self.figures();
                reporter.progress(bytes, total)
            }
            // What was shown before is not known, and a lower figure would be refused.
            Step::Copy | Step::CatchUp => reporter.throttle(0),
            Step::Verify => reporter.verified(self.verified.0, self.verified.1),
            Step::Fence
            | Step::Unfence
            | Step::Activate
            | Step::ReleaseSource
            | Step::DiscardDestination => Ok(()),
        }
    }

    /// The program said `line`.
    pub(super) fn hear(&mut self, line: Line<'_>) -> Result<Answer, Halt> {
        // What it says after its error changes nothing.
        if self.error.is_some() || is_blank(line) {
            return Ok(Answer::None);
        }
        let message = self.read(line)?;
        self.take(message, line)
    }

    /// As [`Self::hear`], of a program that was told to stop: one last checkpoint counts.
    pub(super) fn hear_last(&mut self, line: Line<'_>) {
        if self.error.is_none()
            && let Ok(message @ Message::Checkpoint { .. }) = self.read(line)
        {
            // The answer is known: stop.
            drop(self.take(message, line));
        }
    }

    fn read(&self, line: Line<'_>) -> Result<Message, Halt> {
        if !line.whole {
            let why = format!("longer than {LINE_BYTES_MAX} bytes");
            return Err(broken(line, &why));
        }
        let message =
            Message::read(line.bytes).map_err(|error| broken(line, &error.to_string()))?;
        if !message.belongs_to(self.step) {
            let why = format!(
                "{:?} has no place in the step {}",
                message.kind(),
                self.step
            );
            return Err(broken(line, &why));
        }
        Ok(message)
    }

    fn take(&mut self, message: Message, line: Line<'_>) -> Result<Answer, Halt> {
        match message {
            Message::Progress {
                bytes,
                bytes_total,
                wait,
            } => {
                let Figures { bytes, total } = self.advance(bytes, bytes_total, line)?;
                self.with_reporter(|reporter| reporter.progress(bytes, total))?;
                Ok(answer(wait))
            }
            Message::Checkpoint {
                cursor,
                bytes,
                bytes_total,
                wait,
            } => {
                let stored = cursor::encode(&cursor).map_err(|_| {
                    let len = cursor.len();
                    let why = format!(
                        "the cursor has {len} bytes; at most {CURSOR_BYTES_MAX} are possible"
                    );
                    broken(line, &why)
                })?;
                let Figures { bytes, total } = self.advance(bytes, bytes_total, line)?;
                self.with_reporter(|reporter| reporter.checkpoint(stored, bytes, total))?;
                Ok(answer(wait))
            }
            Message::Throttle { bytes } => {
                self.with_reporter(|reporter| reporter.throttle(bytes))?;
                Ok(Answer::Go)
            }
            Message::Verified {
                bytes,
                bytes_total,
                wait,
            } => {
                if bytes > bytes_total {
                    return Err(past_total(line, bytes, bytes_total));
                }
                self.verified = (bytes, bytes_total);
                self.with_reporter(|reporter| reporter.verified(bytes, bytes_total))?;
                Ok(answer(wait))
            }
            Message::CaughtUp { again } => once(&mut self.caught_up, catch_up(again), line),
            Message::Evidence {
                algorithm,
                source,
                destination,
            } => {
                let proof = Proof {
                    algorithm,
                    source: source.into(),
                    destination: destination.into(),
                };
                once(&mut self.proof, proof, line)
            }
            Message::Error {
                class,
                message,
                from_scratch,
            } => {
                let error = MoverError::Failed {
                    class: FailureClass::from(class),
                    reason: format!(
                        "{}: {}",
                        self.step,
                        shown(message.as_bytes(), Reason::MAX_BYTES)
                    ),
                    from_scratch,
                    source: None,
                };
                once(&mut self.error, error, line)
            }
        }
    }

    /// The program is this far; what is to be shown.
    fn advance(&mut self, bytes: u64, total: Option<u64>, line: Line<'_>) -> Result<Figures, Halt> {
        let before = self.said.bytes;
        if bytes < before {
            let why = format!("{bytes} bytes after {before}: progress never goes back");
            return Err(broken(line, &why));
        }
        let total = total.or(self.said.total);
        if let Some(total) = total
            && bytes > total
        {
            return Err(past_total(line, bytes, total));
        }
        self.said = Figures { bytes, total };
        Ok(self.figures())
    }

    fn with_reporter(
        &self,
        report: impl FnOnce(&dyn Reporter) -> Result<(), Interrupted>,
    ) -> Result<(), Halt> {
        self.reporter.map_or(Ok(()), report).map_err(Halt::from)
    }
}

fn answer(wait: bool) -> Answer {
    if wait { Answer::Go } else { Answer::None }
}

fn catch_up(again: bool) -> CatchUp {
    if again { CatchUp::Again } else { CatchUp::Done }
}

/// What is said once in a call.
fn once<T>(place: &mut Option<T>, said: T, line: Line<'_>) -> Result<Answer, Halt> {
    if place.is_some() {
        return Err(broken(line, "it was said already"));
    }
    *place = Some(said);
    Ok(Answer::None)
}

fn is_blank(line: Line<'_>) -> bool {
    line.bytes.iter().all(u8::is_ascii_whitespace)
}

fn past_total(line: Line<'_>, bytes: u64, total: u64) -> Halt {
    let why = format!("{bytes} bytes of {total}: progress never passes the total");
    broken(line, &why)
}

fn broken(line: Line<'_>, why: &str) -> Halt {
    Halt::Broken(format!(
        "line {} of its stdout is not in the protocol ({why}): {}",
        line.number,
        shown(line.bytes, QUOTED_BYTES_MAX)
    ))
}
