use shardferry::tracker::check::Image;

use super::base::{Base, bases};
use super::mutation::Mutation;
use super::pages::HEADER;

/// Where the rows of a damaged file come from, when it keeps every invariant and they are not those
/// that it had.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Origin {
    /// They are those of another good file, of which enough was spliced in.
    AnotherFile,
    /// They are those of a commit before the last one: the slot of the last one is damaged, and the
    /// file has two. Nothing in the file says that there was a later one.
    EarlierCommitByHeader,
    /// They are those of a commit before the last one: the slot of the last one is whole, and what
    /// it points to is not.
    EarlierCommitByPage,
    /// They are of no commit, and a commit slot was changed under a right checksum.
    SealedHeader,
    /// They are of no commit, and a row was changed under right checksums of its pages.
    SealedRow,
    /// They are of no commit, and no checksum was put right: damage that nobody noticed.
    Unknown,
}

/// Where `image` comes from, which was read from `base` with `mutations`, in the bytes `file`.
pub(super) fn origin(image: &Image, base: &Base, mutations: &[Mutation], file: &[u8]) -> Origin {
    let mut others = bases().iter().filter(|other| other.name != base.name);
    let sealed_header = |one: &Mutation| matches!(one, Mutation::Header { sealed: true, .. });
    let sealed_row = |one: &Mutation| matches!(one, Mutation::Row { .. });
    if others.any(|other| other.image == *image || other.earlier.contains(image)) {
        Origin::AnotherFile
    } else if base.earlier.contains(image) {
        match file.get(..HEADER) == base.bytes.get(..HEADER) {
            true => Origin::EarlierCommitByPage,
            false => Origin::EarlierCommitByHeader,
        }
    } else if mutations.iter().any(sealed_header) {
        Origin::SealedHeader
    } else if mutations.iter().any(sealed_row) {
        Origin::SealedRow
    } else {
        Origin::Unknown
    }
}
