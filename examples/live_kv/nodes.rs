use std::collections::BTreeMap;
use std::path::Path;

use shardferry::NodeId;

use crate::error::NodeError;
use crate::node::Node;

/// Every node of the cluster. Here they live in one process; a call of one stands for a request
/// over the network.
pub(crate) struct Nodes {
    nodes: BTreeMap<NodeId, Node>,
}

impl Nodes {
    /// Opens nodes 1 to `count`, each in a folder of its own.
    pub(crate) fn open(folder: &Path, count: u64) -> Result<Self, NodeError> {
        let nodes = (1..=count)
            .map(|id| {
                let (id, folder) = (NodeId(id), folder.join(format!("node-{id}")));
                Ok((id, Node::open(id, &folder)?))
            })
            .collect::<Result<_, NodeError>>()?;
        Ok(Self { nodes })
    }

    pub(crate) fn get(&self, id: NodeId) -> Option<&Node> {
        self.nodes.get(&id)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Node> {
        self.nodes.values()
    }
}
