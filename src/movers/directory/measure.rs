//! The size of a tree.

use super::error::Problem;
use super::meta::Kind;
use super::tree::Tree;
use super::walk::{Step, Walk};

/// How much there is in a tree.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Size {
    /// The sum of the lengths of the files.
    pub(super) bytes: u64,
    /// Everything that is not a folder.
    pub(super) files: u64,
}

/// The size of `tree`; nothing when it is not there.
pub(super) fn measure(tree: &Tree) -> Result<Size, Problem> {
    let mut size = Size::default();
    let mut walk = Walk::new(tree);
    while let Some(visit) = walk.next()? {
        if visit.step != Step::Leave && visit.meta.kind != Kind::Folder {
            size.files = size.files.saturating_add(1);
            size.bytes = size.bytes.saturating_add(visit.meta.bytes());
        }
    }
    Ok(size)
}
