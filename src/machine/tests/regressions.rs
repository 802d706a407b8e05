use super::subject::{NOW, OURS, after, begun, claim, evidence, fail_attempt};
use crate::machine::{self, By, Command, StepError};
use crate::schema::Epoch;
use crate::schema::v1::{FailureClass, Settings, Verification};

/// An executor verified, then its attempt failed; the epoch stayed, because nobody claimed since.
/// A caller who then began a verification and submitted nothing could cut over by the evidence of
/// the failed attempt.
#[test]
fn evidence_of_a_failed_attempt_proves_nothing_later() {
    let by = By::Attempt(Epoch(1));
    let migration = after(
        begun(),
        &[
            claim(OURS),
            Command::BeginVerification { by },
            evidence(by, true),
            fail_attempt(1, FailureClass::Retriable, true),
            Command::BeginVerification { by: By::Caller },
        ],
    );
    let settings = Settings {
        verification: Verification::Required,
        ..Settings::default()
    };
    let complete = Command::Complete {
        by: By::Caller,
        waived: None,
    };
    let refused = machine::step(&migration, &complete, &settings, NOW);
    assert!(
        matches!(refused, Err(StepError::NotVerified { .. })),
        "{refused:?}"
    );
}
