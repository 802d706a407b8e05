//! The look at a shard before anything is copied.

use super::error::Problem;
use super::meta::Kind;
use super::relative::Relative;
use super::tree::Tree;
use super::walk::{Step, Walk};

/// The bytes of `source`. Refused when something in it cannot be copied, or when the destination
/// node, the directory `node`, is in it: the copy would contain itself.
pub(super) fn examine(source: &Tree, node: (u64, u64)) -> Result<u64, Problem> {
    let mut total = 0_u64;
    let mut walk = Walk::new(source);
    let mut seen = false;
    while let Some(visit) = walk.next()? {
        seen = true;
        if visit.step == Step::Leave {
            continue;
        }
        if visit.meta.kind == Kind::Other {
            return Err(special(source, &visit.path));
        }
        if visit.meta.identity == node {
            let path = source.path(&visit.path);
            return Err(Problem::Refused(format!(
                "{path:?} is the directory of the destination node and lies in the shard; a node \
                 needs a directory outside of every shard"
            )));
        }
        total = total.saturating_add(visit.meta.bytes());
    }
    if seen { Ok(total) } else { Err(gone(source)) }
}

/// Something that is neither file, folder nor link.
pub(super) fn special(source: &Tree, at: &Relative) -> Problem {
    let path = source.path(at);
    Problem::Refused(format!(
        "{path:?} is a socket, a pipe or a device, which cannot be copied; remove it from the shard"
    ))
}

/// The shard is not where it should be.
pub(super) fn gone(source: &Tree) -> Problem {
    let path = source.path(&Relative::top());
    Problem::Refused(format!(
        "{path:?} is not there; is its disk mounted, and is the shard's name the name of its entry?"
    ))
}
