//! The cursor of a program, as it is stored in the migration.

use crate::schema::text::{Checkpoint, TextError};

/// What marks a cursor as one of a program: that of another mover, which had the migration in hand
/// before, means nothing to it.
const PREFIX: &[u8] = b"command 1\n";

/// The longest cursor of a program, in bytes.
pub const CURSOR_BYTES_MAX: usize = Checkpoint::MAX_BYTES - PREFIX.len();

pub(super) fn encode(cursor: &str) -> Result<Checkpoint, TextError> {
    Checkpoint::new([PREFIX, cursor.as_bytes()].concat())
}

/// What the program said; `None` when no program said it.
pub(super) fn decode(saved: &Checkpoint) -> Option<&str> {
    std::str::from_utf8(saved.as_bytes().strip_prefix(PREFIX)?).ok()
}
