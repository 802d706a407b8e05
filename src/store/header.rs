//! What redb's header says before redb believes it.

use std::io;

use redb::StorageBackend;

/// The length of what is looked at: the header and both commit slots.
const HEADER_BYTES: usize = 320;

/// Page size, pages of a region's header, most pages of a region: little-endian u32, at this place.
/// redb writes the same in every file, no checksum covers them, and with other ones it computes
/// places outside the file and allocates gigabytes.
const GEOMETRY: (usize, [u8; 12]) = (12, [0, 16, 0, 0, 0, 0, 0, 0, 0, 0, 16, 0]);

/// Where the two commit slots have the number of their transaction.
const TRANSACTION_IDS: [usize; 2] = [64 + 104, 192 + 104];

/// Where the slots name the roots of the two trees. The upper five bits of such a number are the
/// order of the page: it has 4096 bytes, doubled so many times.
const ROOTS: [usize; 4] = [64 + 8, 64 + 40, 192 + 8, 192 + 40];

/// What is wrong with the header of a file that calls itself one of redb; another file is left to
/// redb to refuse.
///
/// # Errors
/// When the file cannot be read.
pub(super) fn fault(file: &impl StorageBackend) -> io::Result<Option<&'static str>> {
    let mut header = [0; HEADER_BYTES];
    let len = file.len()?;
    if len < u64::try_from(HEADER_BYTES).unwrap_or(u64::MAX) {
        return Ok(None);
    }
    file.read(0, &mut header)?;
    if !header.starts_with(b"redb") {
        return Ok(None);
    }
    let (at, geometry) = GEOMETRY;
    if !header
        .get(at..)
        .is_some_and(|rest| rest.starts_with(&geometry))
    {
        return Ok(Some("the header speaks of pages of another size"));
    }
    // Little-endian. The upper half is never reached by counting, and near its end redb overflows.
    let exhausted = TRANSACTION_IDS
        .iter()
        .any(|at| header.get(at + 7).is_some_and(|top| *top >= 0x80));
    if exhausted {
        return Ok(Some("the header numbers a transaction that has no next"));
    }
    // A page is read at once, however long it says that it is.
    let too_long = ROOTS.iter().any(|at| {
        let order = header.get(at + 7).map_or(0, |top| top >> 3);
        4096_u64 << order > len
    });
    Ok(too_long.then_some("the header names a page that is longer than the file"))
}
