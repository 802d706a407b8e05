//! The write-ahead log: a file beside the database, of changes that the database has not got on the
//! disk yet.
//!
//! It is a page of [`PAGE_BYTES`] that says which log it is ([`Header`]), and then frames, each from
//! the start of a page. A frame ([`seal`]) holds what one commit changed: it is there whole, or not at
//! all. Frames are numbered; the database says in one row ([`Position`]) which number comes next, so
//! what an earlier lap left is known by its number.
//!
//! Decoding is total: hostile bytes give `None` or an error, never a panic.

use crate::table::TableId;

/// Frames begin at multiples of this: what is written never touches a page that was synced before.
pub const PAGE_BYTES: usize = 4096;

/// The name of the table, in the database, that holds the [`Position`]. It has no tag: it is about the
/// file, and no row of it is ever in the log.
pub const TABLE: &str = "wal";

/// The key of the [`Position`].
pub const POSITION: &[u8] = b"position";

/// The first bytes of a log.
const HEADER_MAGIC: &[u8; 16] = b"shardferry log 1";

/// The first bytes of a frame.
const FRAME_MAGIC: [u8; 4] = *b"SFWL";

/// The bytes of a frame before its changes: magic, length, number, log, checksum.
const FRAME_HEADER_BYTES: usize = 36;

/// Which log it is: drawn anew for each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogId(pub [u8; 16]);

/// What the database says of its log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// The log.
    pub log: LogId,
    /// The number of the first frame that is not in the database. 0: it does not need the log, which
    /// may be removed; so it is before the log is made, and after the database was closed.
    pub next: u64,
}

/// A position in the log is below this: it can always be counted on.
const NEXT_MAX: u64 = 1 << 63;

impl Position {
    const BYTES: usize = 28;

    /// The row.
    #[must_use]
    pub fn to_bytes(self) -> [u8; Self::BYTES] {
        let mut bytes = [0; Self::BYTES];
        let crc = crc32fast::hash(&self.said());
        let parts = self.said().into_iter().chain(crc.to_le_bytes());
        for (byte, part) in bytes.iter_mut().zip(parts) {
            *byte = part;
        }
        bytes
    }

    /// `None`: the row is damaged.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (log, rest) = bytes.split_first_chunk()?;
        let (next, _) = rest.split_first_chunk()?;
        let position = Self {
            log: LogId(*log),
            next: u64::from_le_bytes(*next),
        };
        (position.to_bytes() == bytes && position.next < NEXT_MAX).then_some(position)
    }

    fn said(self) -> [u8; 24] {
        let mut said = [0; 24];
        let parts = self.log.0.into_iter().chain(self.next.to_le_bytes());
        for (byte, part) in said.iter_mut().zip(parts) {
            *byte = part;
        }
        said
    }
}

/// What a log says of itself, in its first page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Which it is.
    pub log: LogId,
    /// The length of the file.
    pub bytes: u64,
}

impl Header {
    /// The start of the first page; zeros fill it.
    #[must_use]
    pub fn to_bytes(self) -> Vec<u8> {
        let parts = [
            HEADER_MAGIC.as_slice(),
            &self.log.0,
            &self.bytes.to_le_bytes(),
        ];
        let mut bytes = parts.concat();
        let crc = crc32fast::hash(&bytes);
        bytes.extend_from_slice(&crc.to_le_bytes());
        bytes
    }

    /// `None`: what begins with `page` is no log of ours.
    #[must_use]
    pub fn from_bytes(page: &[u8]) -> Option<Self> {
        let (_, rest) = page.split_first_chunk::<16>()?;
        let (log, rest) = rest.split_first_chunk()?;
        let header = Self {
            log: LogId(*log),
            bytes: u64::from_le_bytes(*rest.first_chunk()?),
        };
        page.starts_with(&header.to_bytes()).then_some(header)
    }
}

/// Rows that were written and removed, in their order.
///
/// ```
/// use migrations_schema::table::TableId;
/// use migrations_schema::wal::{Change, Changes, LogId, open, seal};
///
/// let mut changes = Changes::default();
/// changes.push(Change { table: TableId::Nodes, key: b"key", value: Some(b"value") });
/// changes.push(Change { table: TableId::Shards, key: b"other", value: None });
/// let frame = seal(LogId([7; 16]), 3, &changes);
///
/// let (frame, _) = open(&frame, LogId([7; 16])).unwrap();
/// assert_eq!(frame.number, 3);
/// let changes: Option<Vec<Change<'_>>> = frame.changes().collect();
/// assert_eq!(changes.unwrap()[1], Change { table: TableId::Shards, key: b"other", value: None });
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes(Vec<u8>);

/// A row that was written or removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Change<'a> {
    /// The table.
    pub table: TableId,
    /// The key of the row.
    pub key: &'a [u8],
    /// What it holds; `None`: it was removed.
    pub value: Option<&'a [u8]>,
}

impl Changes {
    /// A row is written or removed.
    pub fn push(&mut self, change: Change<'_>) {
        self.0.push(change.table.tag());
        self.bytes(change.key);
        self.0.push(change.value.is_some().into());
        if let Some(value) = change.value {
            self.bytes(value);
        }
    }

    /// What came after.
    pub fn append(&mut self, later: Self) {
        if self.is_empty() {
            *self = later;
        } else {
            self.0.extend_from_slice(&later.0);
        }
    }

    /// The length, to come back to.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.0.len()
    }

    /// Forgets what came after they had this length.
    pub fn truncate(&mut self, len: usize) {
        self.0.truncate(len);
    }

    /// Nothing has changed.
    pub fn clear(&mut self) {
        self.0.clear();
    }

    /// Whether nothing has changed.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Each of them. `None` where they cannot be read, and nothing after that.
    pub fn iter(&self) -> impl Iterator<Item = Option<Change<'_>>> {
        changes_in(&self.0)
    }

    /// The bytes that a frame of them takes, to the end of its last page.
    #[must_use]
    pub const fn frame_bytes(&self) -> usize {
        (FRAME_HEADER_BYTES + self.0.len()).next_multiple_of(PAGE_BYTES)
    }

    fn bytes(&mut self, bytes: &[u8]) {
        // Keys and values are far shorter than that.
        let len = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        self.0.extend_from_slice(&len.to_le_bytes());
        self.0.extend_from_slice(bytes);
    }
}

/// The frame with this number of this log, to the end of its last page.
#[must_use]
pub fn seal(log: LogId, number: u64, changes: &Changes) -> Vec<u8> {
    // One that does not fit is never opened: its length is a lie. Nobody asks for it.
    let len = u32::try_from(changes.0.len()).unwrap_or(u32::MAX);
    let mut frame = Vec::with_capacity(changes.frame_bytes());
    frame.extend_from_slice(&FRAME_MAGIC);
    frame.extend_from_slice(&len.to_le_bytes());
    frame.extend_from_slice(&number.to_le_bytes());
    frame.extend_from_slice(&log.0);
    let crc = checksum(&frame, &changes.0);
    frame.extend_from_slice(&crc.to_le_bytes());
    frame.extend_from_slice(&changes.0);
    frame.resize(changes.frame_bytes(), 0);
    frame
}

/// A frame that is whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame<'a> {
    /// Its number.
    pub number: u64,
    changes: &'a [u8],
}

impl<'a> Frame<'a> {
    /// What it says. `None` where it cannot be read, and nothing after that.
    pub fn changes(&self) -> impl Iterator<Item = Option<Change<'a>>> + use<'a> {
        changes_in(self.changes)
    }
}

fn changes_in(bytes: &[u8]) -> impl Iterator<Item = Option<Change<'_>>> {
    let mut left = Some(bytes);
    std::iter::from_fn(move || {
        let bytes = left.filter(|bytes| !bytes.is_empty())?;
        let change = next_change(bytes);
        left = change.map(|(_, rest)| rest);
        Some(change.map(|(change, _)| change))
    })
}

/// The number and the length, to the end of its last page, that a frame of `log` would have that `bytes`
/// begin with. Whether it is whole, only [`open`] says.
#[must_use]
pub fn announced(bytes: &[u8], log: LogId) -> Option<(u64, usize)> {
    let (header, _) = bytes.split_first_chunk::<FRAME_HEADER_BYTES>()?;
    let (magic, fields) = header.split_first_chunk::<4>()?;
    let (len, fields) = fields.split_first_chunk::<4>()?;
    let (number, fields) = fields.split_first_chunk::<8>()?;
    let len = usize::try_from(u32::from_le_bytes(*len)).ok()?;
    let whole = FRAME_HEADER_BYTES.checked_add(len)?;
    let is_ours = *magic == FRAME_MAGIC && fields.starts_with(&log.0);
    is_ours.then_some((
        u64::from_le_bytes(*number),
        whole.checked_next_multiple_of(PAGE_BYTES)?,
    ))
}

/// The frame of `log` that `bytes` begin with, and what follows its last page. `None`: there is none,
/// or not all of it.
#[must_use]
pub fn open(bytes: &[u8], log: LogId) -> Option<(Frame<'_>, &[u8])> {
    let (number, whole) = announced(bytes, log)?;
    let (frame, rest) = bytes.split_at_checked(whole)?;
    let (header, padded) = frame.split_first_chunk::<FRAME_HEADER_BYTES>()?;
    let (said, crc) = header.split_last_chunk::<4>()?;
    let len = u32::from_le_bytes(*said.get(4..)?.first_chunk()?);
    let changes = padded.get(..usize::try_from(len).ok()?)?;
    if checksum(said, changes) != u32::from_le_bytes(*crc) {
        return None;
    }
    Some((Frame { number, changes }, rest))
}

fn next_change(bytes: &[u8]) -> Option<(Change<'_>, &[u8])> {
    let (tag, rest) = bytes.split_first()?;
    let table = TableId::from_tag(*tag)?;
    let (key, rest) = next_bytes(rest)?;
    let (is_there, rest) = rest.split_first()?;
    let (value, rest) = match is_there {
        0 => (None, rest),
        1 => {
            let (value, rest) = next_bytes(rest)?;
            (Some(value), rest)
        }
        _ => return None,
    };
    Some((Change { table, key, value }, rest))
}

fn next_bytes(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (len, rest) = bytes.split_first_chunk()?;
    rest.split_at_checked(usize::try_from(u32::from_le_bytes(*len)).ok()?)
}

fn checksum(header: &[u8], changes: &[u8]) -> u32 {
    let mut crc = crc32fast::Hasher::new();
    crc.update(header);
    crc.update(changes);
    crc.finalize()
}
