//! Changes of the registry of nodes and shards: any number of them, all or none.

use super::{MigrationTracker, nodes, shards};
use crate::schema::text::{NodeName, ShardName};
use crate::schema::v1::{KeyRange, Node, NodeState, Shard};
use crate::schema::{MigrationId, NodeId, ShardId, TimestampMs};
use crate::store::{Procedure, StoreError, Tx};

/// One change of the registry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RegistryChange {
    /// A node that is not registered yet.
    RegisterNode(Node),
    /// A registered node, as it is to be.
    UpdateNode(Node),
    /// A node that holds nothing any more.
    RemoveNode(NodeId),
    /// A shard that is not registered yet.
    RegisterShard(Shard),
    /// A registered shard, as it is to be. Its owner and version stay: they change at a cutover.
    UpdateShard(Shard),
    /// A shard that is not migrating.
    RemoveShard(ShardId),
}

/// Why the registry stays as it is.
#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    /// The id is taken.
    #[error("node {node} is registered already, as {name}")]
    NodeExists {
        /// The node.
        node: NodeId,
        /// Its name.
        name: NodeName,
    },
    /// The name is taken.
    #[error("node {node} cannot be named {name}: that is node {other}")]
    NodeNameTaken {
        /// The node.
        node: NodeId,
        /// The name.
        name: NodeName,
        /// Whose it is.
        other: NodeId,
    },
    /// There is no such node.
    #[error("node {node} is not registered")]
    UnknownNode {
        /// The node.
        node: NodeId,
    },
    /// The state of the node does not allow it.
    #[error("node {node} is {state:?}: it has to be {needs}")]
    WrongState {
        /// The node.
        node: NodeId,
        /// Its state.
        state: NodeState,
        /// What it would have to be.
        needs: &'static str,
    },
    /// The node has shards.
    #[error("node {node} has shard {shard}; move what it has, then remove it")]
    NodeHasShards {
        /// The node.
        node: NodeId,
        /// One of its shards.
        shard: ShardId,
    },
    /// A copy on the node has to go first.
    #[error("node {node} has a copy of shard {shard} that has to go first; settle that cleanup")]
    CleanupOpen {
        /// The node.
        node: NodeId,
        /// The shard.
        shard: ShardId,
    },
    /// A cleanup needs the node.
    #[error(
        "node {node} is needed for a cleanup of shard {shard} (migration {migration}): \
         {change} has to wait until that is settled"
    )]
    NodeInCleanup {
        /// The node.
        node: NodeId,
        /// The shard.
        shard: ShardId,
        /// The migration that left the copy.
        migration: MigrationId,
        /// What was to be changed.
        change: &'static str,
    },
    /// A migration holds the node.
    #[error("node {node} takes part in migration {migration}: {change} has to wait for its end")]
    NodeInMigration {
        /// The node.
        node: NodeId,
        /// The migration.
        migration: MigrationId,
        /// What was to be changed.
        change: &'static str,
    },
    /// The id is taken.
    #[error("shard {shard} is registered already, as {name}")]
    ShardExists {
        /// The shard.
        shard: ShardId,
        /// Its name.
        name: ShardName,
    },
    /// The name is taken.
    #[error("shard {shard} cannot be named {name}: that is shard {other}")]
    ShardNameTaken {
        /// The shard.
        shard: ShardId,
        /// The name.
        name: ShardName,
        /// Whose it is.
        other: ShardId,
    },
    /// There is no such shard.
    #[error("shard {shard} is not registered")]
    UnknownShard {
        /// The shard.
        shard: ShardId,
    },
    /// Two shards would hold the same keys.
    #[error("the range {range} of shard {shard} overlaps {other_range} of shard {other}")]
    RangesOverlap {
        /// The shard.
        shard: ShardId,
        /// Its range.
        range: KeyRange,
        /// The shard that holds some of it.
        other: ShardId,
        /// Its range.
        other_range: KeyRange,
    },
    /// The owner changes at a cutover and nowhere else.
    #[error("shard {shard} belongs to node {owner}, not to {given}; begin a migration to move it")]
    OwnerFixed {
        /// The shard.
        shard: ShardId,
        /// Its owner.
        owner: NodeId,
        /// What was given.
        given: NodeId,
    },
    /// A migration holds the shard.
    #[error("shard {shard} is moved by migration {migration}: {change} has to wait for its end")]
    ShardInMigration {
        /// The shard.
        shard: ShardId,
        /// The migration.
        migration: MigrationId,
        /// What was to be changed.
        change: &'static str,
    },
    /// A copy of the shard has to go first.
    #[error(
        "shard {shard} still has a copy on node {node} that has to go: \
         {change} has to wait until that cleanup is settled"
    )]
    ShardInCleanup {
        /// The shard.
        shard: ShardId,
        /// Where the copy is.
        node: NodeId,
        /// What was to be changed.
        change: &'static str,
    },
    /// The file, or a record that contradicts itself ([`StoreError::Encode`]).
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl MigrationTracker {
    /// Makes several changes of the registry, in their order, in one transaction: all or none.
    ///
    /// # Errors
    /// [`RegistryError`] of the first that is refused; nothing changed.
    pub fn change_registry(&self, changes: &[RegistryChange]) -> Result<(), RegistryError> {
        self.write_alone(&ChangeRegistry {
            changes,
            now: self.now(),
        })
    }

    /// Registers a node.
    ///
    /// # Errors
    /// [`RegistryError`]; nothing changed.
    pub fn register_node(&self, node: Node) -> Result<(), RegistryError> {
        self.change_registry(&[RegistryChange::RegisterNode(node)])
    }

    /// Changes a registered node. Its address is fixed while a migration needs it.
    ///
    /// # Errors
    /// [`RegistryError`]; nothing changed.
    pub fn update_node(&self, node: Node) -> Result<(), RegistryError> {
        self.change_registry(&[RegistryChange::UpdateNode(node)])
    }

    /// Removes a node that has no shard, no migration and no copy that has to go.
    ///
    /// # Errors
    /// [`RegistryError`]; nothing changed.
    pub fn remove_node(&self, node: NodeId) -> Result<(), RegistryError> {
        self.change_registry(&[RegistryChange::RemoveNode(node)])
    }

    /// Registers a shard with its owner.
    ///
    /// # Errors
    /// [`RegistryError`]; nothing changed.
    pub fn register_shard(&self, shard: Shard) -> Result<(), RegistryError> {
        self.change_registry(&[RegistryChange::RegisterShard(shard)])
    }

    /// Changes a registered shard. Its owner and version stay; its name and range are fixed while
    /// it is migrating.
    ///
    /// # Errors
    /// [`RegistryError`]; nothing changed.
    pub fn update_shard(&self, shard: Shard) -> Result<(), RegistryError> {
        self.change_registry(&[RegistryChange::UpdateShard(shard)])
    }

    /// Takes a shard out of the registry. Its data is not touched.
    ///
    /// # Errors
    /// [`RegistryError`]; nothing changed.
    pub fn remove_shard(&self, shard: ShardId) -> Result<(), RegistryError> {
        self.change_registry(&[RegistryChange::RemoveShard(shard)])
    }
}

pub(super) struct ChangeRegistry<'a> {
    pub(super) changes: &'a [RegistryChange],
    pub(super) now: TimestampMs,
}

impl Procedure for ChangeRegistry<'_> {
    type Output = ();
    type Error = RegistryError;

    fn run(&self, tx: &mut dyn Tx) -> Result<(), RegistryError> {
        for change in self.changes {
            match change {
                RegistryChange::RegisterNode(node) => nodes::register(tx, node, self.now)?,
                RegistryChange::UpdateNode(node) => nodes::update(tx, node, self.now)?,
                RegistryChange::RemoveNode(node) => nodes::remove(tx, *node, self.now)?,
                RegistryChange::RegisterShard(shard) => shards::register(tx, shard)?,
                RegistryChange::UpdateShard(shard) => shards::update(tx, shard)?,
                RegistryChange::RemoveShard(shard) => shards::remove(tx, *shard)?,
            }
        }
        Ok(())
    }
}
