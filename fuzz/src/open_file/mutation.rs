use arbitrary::{Arbitrary as _, Result, Unstructured};

use super::base::{Base, bases};
use super::pages::{PAGE, SLOTS, change_sealed, seal_slots};

/// A file is damaged in at most so many ways at once.
const MUTATIONS_MAX: usize = 8;

/// A file grows by at most this.
const GROWTH_MAX: usize = 1 << 20;

/// One way to damage a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mutation {
    Flip {
        at: usize,
        bit: u8,
    },
    Set {
        at: usize,
        bytes: Vec<u8>,
    },
    Fill {
        at: usize,
        len: usize,
        byte: u8,
    },
    SwapPages {
        one: usize,
        other: usize,
    },
    CopyPage {
        from: usize,
        to: usize,
    },
    Truncate {
        len: usize,
    },
    Extend {
        by: usize,
        byte: u8,
    },
    /// The bytes of another good file, from here on or a page of them.
    Splice {
        other: usize,
        at: usize,
        len: usize,
    },
    /// A field of the header or of a commit slot, with the checksum of the slot put right.
    Header {
        at: usize,
        value: u64,
        sealed: bool,
    },
    /// Bytes of a row, with every checksum of the file put right. That of the row is not.
    Row {
        page: usize,
        at: usize,
        bytes: Vec<u8>,
    },
}

impl Mutation {
    /// Damages `file`.
    pub fn apply(&self, file: &mut Vec<u8>) {
        match self {
            Self::Flip { at, bit } => {
                if let Some(byte) = file.get_mut(*at) {
                    *byte ^= 1 << bit;
                }
            }
            Self::Set { at, bytes } => set(file, *at, bytes),
            Self::Fill { at, len, byte } => {
                let end = at.saturating_add(*len).min(file.len());
                if let Some(range) = file.get_mut(*at..end) {
                    range.fill(*byte);
                }
            }
            Self::SwapPages { one, other } => {
                let (first, second) = (page(file, *one), page(file, *other));
                set(file, *one, &second);
                set(file, *other, &first);
            }
            Self::CopyPage { from, to } => {
                let bytes = page(file, *from);
                set(file, *to, &bytes);
            }
            Self::Truncate { len } => file.truncate(*len),
            Self::Extend { by, byte } => file.resize(file.len() + by, *byte),
            Self::Splice { other, at, len } => {
                let other = &bases()[*other].bytes;
                let end = at.saturating_add(*len).min(other.len());
                if let Some(bytes) = other.get(*at..end) {
                    set(file, *at, bytes);
                }
            }
            Self::Header { at, value, sealed } => {
                set(file, *at, &value.to_le_bytes());
                if *sealed {
                    seal_slots(file);
                }
            }
            Self::Row { page, at, bytes } => change_sealed(file, *page, |page| {
                if let Some(row) = row(page, *at) {
                    set(page, row + *at % 24, bytes);
                }
            }),
        }
    }
}

/// The beginning of the value that is nearest after `at` in a page.
fn row(page: &[u8], at: usize) -> Option<usize> {
    let from = at % PAGE;
    let found = page.get(from..)?.windows(2).position(|two| two == b"SF")?;
    Some(from + found)
}

fn page(file: &[u8], at: usize) -> Vec<u8> {
    let end = at.saturating_add(PAGE).min(file.len());
    file.get(at..end).unwrap_or_default().to_vec()
}

/// As much of `bytes` as there is room for.
fn set(file: &mut [u8], at: usize, bytes: &[u8]) {
    let target = file.get_mut(at..).unwrap_or_default();
    for (target, byte) in target.iter_mut().zip(bytes) {
        *target = *byte;
    }
}

/// The file and the damage that `input` says; where the bytes end, so does the damage.
#[must_use]
pub fn mutations(input: &[u8]) -> (&'static Base, Vec<Mutation>) {
    let mut u = Unstructured::new(input);
    let base = u.choose(bases()).unwrap_or(&bases()[0]);
    let mut mutations = Vec::new();
    while !u.is_empty() && mutations.len() < MUTATIONS_MAX {
        match mutation(&mut u, base) {
            Ok(mutation) => mutations.push(mutation),
            Err(_) => break,
        }
    }
    (base, mutations)
}

fn mutation(u: &mut Unstructured<'_>, base: &Base) -> Result<Mutation> {
    let len = base.bytes.len();
    Ok(match u.int_in_range(0..=15_u8)? {
        0 | 1 => Mutation::Flip {
            at: place(u, base)?,
            bit: u.int_in_range(0..=7)?,
        },
        2 => Mutation::Set {
            at: place(u, base)?,
            bytes: few(u)?,
        },
        kind @ 3..=5 => Mutation::Fill {
            at: place(u, base)?,
            len: usize::from(u.arbitrary::<u16>()?),
            byte: [0, 0xff, u.arbitrary()?][usize::from(kind - 3)],
        },
        6 => Mutation::SwapPages {
            one: page_of(u, base)?,
            other: page_of(u, base)?,
        },
        7 => Mutation::CopyPage {
            from: page_of(u, base)?,
            to: page_of(u, base)?,
        },
        8 => Mutation::Truncate {
            len: some_len(u, len)?,
        },
        9 => Mutation::Extend {
            by: some_len(u, GROWTH_MAX)?,
            byte: *u.choose(&[0, 0xff, 0x53])?,
        },
        10 => Mutation::Splice {
            other: u.choose_index(bases().len())?,
            at: page_of(u, base)?,
            len: if u.arbitrary()? { PAGE } else { usize::MAX },
        },
        11..=13 => Mutation::Header {
            at: field(u)?,
            value: value(u)?,
            sealed: u.arbitrary()?,
        },
        _ => Mutation::Row {
            page: page_of(u, base)?,
            at: u.int_in_range(0..=PAGE - 1)?,
            bytes: few(u)?,
        },
    })
}

/// A place: in the header, in a page that is used, or anywhere.
fn place(u: &mut Unstructured<'_>, base: &Base) -> Result<usize> {
    Ok(match u.int_in_range(0..=7_u8)? {
        0 | 1 => u.int_in_range(0..=319)?,
        2..=6 => page_of(u, base)? + u.int_in_range(0..=PAGE - 1)?,
        _ => u.int_in_range(0..=base.bytes.len() - 1)?,
    })
}

fn page_of(u: &mut Unstructured<'_>, base: &Base) -> Result<usize> {
    Ok(*u.choose(&base.pages)?)
}

fn few(u: &mut Unstructured<'_>) -> Result<Vec<u8>> {
    let len = u.int_in_range(1..=8)?;
    Ok(u.bytes(len)?.to_vec())
}

/// At a border of pages, beside one, or anywhere.
fn some_len(u: &mut Unstructured<'_>, max: usize) -> Result<usize> {
    let pages = u.int_in_range(0..=max / PAGE)? * PAGE;
    Ok(match u.int_in_range(0..=2_u8)? {
        0 => pages,
        1 => pages + 1,
        _ => u.int_in_range(0..=max)?,
    })
}

/// A field of the header, or a byte of it.
fn field(u: &mut Unstructured<'_>) -> Result<usize> {
    let fields = [
        9,  // flags
        12, // page size
        16, 20, 24, 28, // sizes of regions
    ];
    Ok(match u.int_in_range(0..=2_u8)? {
        0 => *u.choose(&fields)?,
        1 => *u.choose(&SLOTS)? + *u.choose(&[0, 1, 2, 8, 16, 32, 40, 48, 64, 104])?,
        _ => u.int_in_range(0..=319)?,
    })
}

/// A number of interest, or any.
fn value(u: &mut Unstructured<'_>) -> Result<u64> {
    Ok(match u8::arbitrary(u)? % 8 {
        0 => 0,
        1 => u64::MAX,
        2 => 1 << u.int_in_range(0..=63_u8)?,
        3 => u64::from(u.arbitrary::<u8>()?),
        4 => u64::from(u.arbitrary::<u32>()?),
        _ => u.arbitrary()?,
    })
}
