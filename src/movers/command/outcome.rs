//! What the end of a call means for the migration.

use std::io;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;

use super::Step;
use super::conversation::{Ended, Told};
use super::diary::Diary;
use super::hearing::Hearing;
use crate::executor::{Interrupted, MoverError};

/// Whether the call succeeded.
///
/// Every failure that the program does not class itself may be tried again: an operator can put a
/// program right while the migration waits, a machine that ran out of memory has some the next time,
/// and each step may be called again.
pub(super) fn of(
    step: Step,
    program: &str,
    ended: Ended,
    hearing: &mut Hearing<'_>,
    diary: &Diary,
) -> Result<(), MoverError> {
    let failed = |what: &str| {
        let words = diary.last_words();
        Err(MoverError::retriable(format!(
            "{step}: {program} {what}{words}"
        )))
    };
    if ended.told == Some(Told::Interrupted) {
        // Whatever it came to meanwhile: the step is not wanted.
        return Err(Interrupted.into());
    }
    if let Some(error) = hearing.error.take() {
        return Err(error);
    }
    match ended.told {
        Some(Told::Broken(why)) => return failed(&format!("was ended: {why}")),
        Some(Told::Silent(limit)) => {
            return failed(&format!("was ended: it was silent for {limit:?}"));
        }
        Some(Told::TooLong(limit)) => {
            return failed(&format!("was ended: it took longer than {limit:?}"));
        }
        Some(Told::Interrupted) | None => {}
    }
    if let Some(how) = failure(&ended.status) {
        return failed(&how);
    }
    match missing(step, hearing) {
        Some(kind) => failed(&format!(
            "ended with code 0 and without the line {kind:?} that the step needs"
        )),
        None => Ok(()),
    }
}

/// How the program failed.
fn failure(status: &io::Result<ExitStatus>) -> Option<String> {
    let status = match status {
        Ok(status) => status,
        Err(error) => return Some(format!("ended, and nobody knows how ({error})")),
    };
    match (status.code(), status.signal()) {
        (Some(0), _) => None,
        (Some(code), _) => Some(format!("ended with code {code}")),
        (None, Some(signal)) => Some(format!("was killed by signal {signal}")),
        (None, None) => Some("ended, and nobody knows how".to_owned()),
    }
}

/// The line without which the step is not done.
fn missing(step: Step, hearing: &Hearing<'_>) -> Option<&'static str> {
    match step {
        Step::CatchUp => hearing.caught_up.is_none().then_some("caught_up"),
        Step::Verify => hearing.proof.is_none().then_some("evidence"),
        Step::Copy
        | Step::Fence
        | Step::Unfence
        | Step::Activate
        | Step::ReleaseSource
        | Step::DiscardDestination => None,
    }
}
