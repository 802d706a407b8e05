//! The marks of the nodes' directories, and when they are made.

use std::path::{Path, PathBuf};

use shardferry::movers::directory::{ScanError, is_marked, mark, unmark};
use shardferry::store::Snapshot;
use shardferry::tracker::RegistryChange;
use shardferry::{Node, NodeId};

use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::note;
use crate::{registered, text};

/// Marks that were made for nodes that are not registered yet.
#[must_use]
#[derive(Debug, Default)]
pub(crate) struct NewMarks(Vec<(PathBuf, NodeId)>);

impl NewMarks {
    /// Removes them: what they were made for was refused.
    pub(crate) fn take_back(self) {
        for (directory, node) in self.0 {
            if let Err(error) = unmark(&directory, node) {
                let directory = text::path(&directory);
                note(format_args!(
                    "warning: the mark of node {node} stays in {directory}: {:#}",
                    anyhow::Error::from(error)
                ));
            }
        }
    }
}

/// The directory of `node`, when it lacks the mark and is to get it: the node is new, or has
/// another directory than the one that it is `known` with. One that is as it was is not marked
/// again: it may only be the mount point of a disk that is away.
pub(crate) fn missing<'a>(
    node: &'a Node,
    known: Option<&Node>,
) -> Result<Option<&'a Path>, ScanError> {
    let known = known.and_then(|node| node.address.as_ref());
    let Some(address) = node.address.as_ref().filter(|one| known != Some(one)) else {
        return Ok(None);
    };
    let directory = Path::new(address.as_str());
    // That of a node that is down may be away; its mark is asked for when it is back.
    if !directory.is_dir() || is_marked(directory, node.id)? {
        return Ok(None);
    }
    Ok(Some(directory))
}

/// Marks the directories that lack it, all of them or none.
///
/// This comes before the nodes are registered. After a crash in between, the same registration
/// finds the marks that it would make; the other way round there would be nodes without a mark,
/// which nothing makes again.
pub(crate) fn make_missing(
    changes: &[RegistryChange],
    before: &Snapshot,
) -> Result<NewMarks, Failure> {
    let refused = |node: &Node| {
        let context = format!("node {} cannot have its directory", node.name);
        |error: ScanError| {
            Failure::new(Exit::Refused, error)
                .context(context)
                .advise("see to the directory, or correct `path`, and apply the file again")
        }
    };
    // Every one is looked at before the first is made.
    let mut all = Vec::new();
    for change in changes {
        let (RegistryChange::RegisterNode(node) | RegistryChange::UpdateNode(node)) = change else {
            continue;
        };
        let known = registered::node(before, node.id);
        if let Some(directory) = missing(node, known).map_err(refused(node))? {
            all.push((directory, node));
        }
    }
    let mut made = NewMarks::default();
    for (directory, node) in all {
        if let Err(error) = mark(directory, node.id) {
            made.take_back();
            return Err(refused(node)(error));
        }
        made.0.push((directory.to_owned(), node.id));
    }
    Ok(made)
}
