use std::fmt::Debug;

/// What the file and the model say to an operation.
#[derive(Debug)]
pub(super) struct Answer {
    /// Whether the file accepted it.
    pub(super) real: bool,
    /// Whether the model did.
    pub(super) fits: bool,
    /// Where it was accepted: whether the disk has it, and everything before it.
    pub(super) durable: bool,
    /// Although it was refused, something changed that the model knows of.
    pub(super) changes: bool,
    /// It was refused as a report of an attempt that is over, and the log says so.
    pub(super) late: bool,
    /// What came of it, for the count: `accepted`, or the names of the refusal.
    pub(super) told: String,
}

impl Answer {
    pub(super) fn of<T, E: Debug>(real: Result<T, E>, fits: bool) -> Self {
        Self {
            real: real.is_ok(),
            fits,
            durable: true,
            changes: false,
            late: false,
            told: match &real {
                Ok(_) => "accepted".to_owned(),
                Err(error) => names(&format!("{error:?}")),
            },
        }
    }

    /// There was nothing to do it to.
    pub(super) fn nothing() -> Self {
        Self {
            durable: false,
            ..Self::of(Ok::<(), ()>(()), true)
        }
    }

    pub(super) fn told(self, what: &str) -> Self {
        Self {
            told: what.to_owned(),
            ..self
        }
    }
}

/// The variants of an error: of `Refused(Fenced { .. })` it is `Refused(Fenced`.
fn names(shown: &str) -> String {
    shown.split([' ', '{']).next().unwrap_or(shown).to_owned()
}
