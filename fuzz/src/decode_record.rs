//! Any bytes as a row of any table: a row or a refusal, never a panic; and what decodes is to the
//! byte what would be written.
//!
//! The first byte of an input says which table, the second whether the value is taken as it is or
//! gets a header with the right checksum, and how long the key is; then the key, then the value.

use migrations_schema::table::TableId;

#[path = "../../migrations-schema/tests/it/reread.rs"]
mod reread;

use reread::{Refused, reread, sealed};

/// The bit of the second byte that asks for a header.
const SEALED: u8 = 0x80;

/// Decodes what `input` says.
///
/// # Panics
/// When something does not hold.
pub fn run(input: &[u8]) {
    // What it is does not matter here.
    let _ = decode(input);
}

/// The value as it would be written again; `None` when `input` says too little.
///
/// # Panics
/// When something does not hold.
fn decode(input: &[u8]) -> Option<Result<Vec<u8>, Refused>> {
    let (&[which, form], rest) = input.split_first_chunk()?;
    let table = TableId::ALL[usize::from(which) % TableId::ALL.len()];
    let len = usize::from(form & !SEALED).min(rest.len());
    let (key, payload) = rest.split_at(len);
    let value = if form & SEALED == 0 {
        payload.to_vec()
    } else {
        sealed(table, key, payload)
    };
    let again = reread(table, key, &value);
    if let Ok(again) = &again {
        assert_eq!(again, &value, "{table:?}: what is read is what was written");
    }
    Some(again)
}
