use std::ops::Range;

use shardferry::store::Snapshot;
use shardferry::tracker::{RegistryChange, RegistryError};
use shardferry::{Node, NodeId, Shard, ShardId};

use super::nodes::WantedNode;
use super::shards::WantedShard;
use super::source::Source;
use crate::failure::Failure;
use crate::registered;

/// What the cluster file would change.
#[derive(Debug)]
pub struct Changes {
    /// In the order in which they have to be made, in one transaction.
    pub registry: Vec<RegistryChange>,
    /// What becomes of the nodes.
    pub nodes: Counts,
    /// As for the nodes.
    pub shards: Counts,
    /// What the operator should know.
    pub notes: Vec<String>,
    places: Vec<(Subject, String)>,
}

/// What is new, what changed, and how many are as they were.
#[derive(Debug, Default)]
pub struct Counts {
    /// The labels of what is new.
    pub added: Vec<String>,
    /// The labels of what changed.
    pub updated: Vec<String>,
    /// How many are as they were.
    pub unchanged: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Subject {
    Node(NodeId),
    Shard(ShardId),
}

impl Changes {
    pub(super) fn between(
        source: &Source,
        now: &Snapshot,
        nodes: Vec<WantedNode>,
        shards: Vec<WantedShard>,
        notes: Vec<String>,
    ) -> Self {
        let mut changes = Self {
            registry: Vec::new(),
            nodes: Counts::default(),
            shards: Counts::default(),
            notes,
            places: Vec::new(),
        };
        for WantedNode { node, span, .. } in nodes {
            changes.place(source, Subject::Node(node.id), Some(span));
            changes.node(now, node);
        }
        let mut later = Vec::new();
        for WantedShard { shard, span, .. } in shards {
            changes.place(source, Subject::Shard(shard.id), span);
            changes.shard(now, shard, &mut later);
        }
        changes.registry.append(&mut later);
        changes
    }

    fn place(&mut self, source: &Source, subject: Subject, span: Option<Range<usize>>) {
        if let Some(span) = span {
            self.places.push((subject, source.place(&span)));
        }
    }

    fn node(&mut self, now: &Snapshot, node: Node) {
        let registered = registered::node(now, node.id);
        let label = format!("{} (id {})", node.name, node.id);
        match registered {
            Some(registered) if *registered == node => self.nodes.unchanged += 1,
            Some(_) => {
                self.nodes.updated.push(label);
                self.registry.push(RegistryChange::UpdateNode(node));
            }
            None => {
                self.nodes.added.push(label);
                self.registry.push(RegistryChange::RegisterNode(node));
            }
        }
    }

    /// A range that changes is let go first: two neighbours whose bound moves would else overlap
    /// for a moment, in one order or the other.
    fn shard(&mut self, now: &Snapshot, shard: Shard, later: &mut Vec<RegistryChange>) {
        let registered = registered::shard(now, shard.id);
        let label = format!("{} (id {})", shard.name, shard.id);
        match registered {
            Some(registered) if *registered == shard => self.shards.unchanged += 1,
            Some(registered) => {
                if registered.range.is_some() && registered.range != shard.range {
                    let range = None;
                    let bare = Shard {
                        range,
                        ..registered.clone()
                    };
                    self.registry.push(RegistryChange::UpdateShard(bare));
                }
                self.shards.updated.push(label);
                later.push(RegistryChange::UpdateShard(shard));
            }
            None => {
                self.shards.added.push(label);
                later.push(RegistryChange::RegisterShard(shard));
            }
        }
    }

    /// A refusal of the registry, with the place in the file that it is about.
    #[must_use]
    pub fn refused(&self, error: RegistryError) -> Failure {
        let place = subject(&error).and_then(|subject| {
            let mut places = self.places.iter();
            places
                .find(|(one, _)| *one == subject)
                .map(|(_, place)| place)
        });
        if matches!(error, RegistryError::Store(_)) {
            return Failure::from(error);
        }
        let failure = Failure::from(error);
        let failure = match place {
            Some(place) => failure.context(format_args!("{place}: refused; nothing was changed")),
            None => failure.context("the file is refused; nothing was changed"),
        };
        failure.advise("wait for the migration's end or cancel it, or correct the file")
    }
}

/// What a refusal is about.
fn subject(error: &RegistryError) -> Option<Subject> {
    match error {
        RegistryError::NodeExists { node, .. }
        | RegistryError::NodeNameTaken { node, .. }
        | RegistryError::UnknownNode { node }
        | RegistryError::NodeHasShards { node, .. }
        | RegistryError::NodeInCleanup { node, .. }
        | RegistryError::WrongState { node, .. }
        | RegistryError::NodeInMigration { node, .. } => Some(Subject::Node(*node)),
        RegistryError::CleanupOpen { shard, .. }
        | RegistryError::ShardExists { shard, .. }
        | RegistryError::ShardNameTaken { shard, .. }
        | RegistryError::UnknownShard { shard }
        | RegistryError::RangesOverlap { shard, .. }
        | RegistryError::OwnerFixed { shard, .. }
        | RegistryError::ShardInCleanup { shard, .. }
        | RegistryError::ShardInMigration { shard, .. } => Some(Subject::Shard(*shard)),
        RegistryError::Store(_) => None,
    }
}
