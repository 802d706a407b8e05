use std::path::Path;

use shardferry::schema::text::{Address, NodeName, ShardName};
use shardferry::store::OpenError;
use shardferry::tracker::RegistryChange;
use shardferry::{MigrationTracker, Node, NodeId, Settings, Shard, ShardId};

use super::build::directory;
use super::manifest::Manifest;
use crate::database::Database;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::text;
use crate::{database, marks};

/// The name of the database in the demo's folder.
pub(super) const DATABASE: &str = "shardferry.redb";

/// The database of the demo, with everything registered. A crash before leaves it missing or
/// empty, and then it is made here.
pub(super) fn database(folder: &Path, manifest: &Manifest) -> Result<Database, Failure> {
    let path = folder.join(DATABASE);
    let tracker = match database::open_if_there(&path) {
        Err(OpenError::NotFound { .. }) => database::create(&path)?,
        opened => opened?,
    };
    let before = tracker.snapshot()?;
    if before.nodes.is_empty() {
        let changes = changes(folder, manifest)?;
        let _kept = marks::make_missing(&changes, &before)?;
        tracker.change_registry(&changes)?;
    }
    Ok(tracker.serving(&path))
}

/// Puts the byte limit of this run into force.
pub(super) fn limit_rate(
    tracker: &MigrationTracker,
    bytes_per_second_max: Option<u64>,
) -> Result<(), Failure> {
    let before = tracker.settings()?;
    let settings = Settings {
        bytes_per_second_max,
        ..before.clone()
    };
    if settings != before {
        tracker.set_settings(&settings)?;
    }
    Ok(())
}

fn changes(folder: &Path, manifest: &Manifest) -> Result<Vec<RegistryChange>, Failure> {
    let unnamed = |error| Failure::new(Exit::Usage, error).context("the demo cannot be registered");
    let mut changes = Vec::new();
    for number in 1..=manifest.size.nodes {
        let directory = directory(folder, number);
        let absolute = std::path::absolute(&directory)
            .map_err(|error| Failure::new(Exit::Unexpected, error))?;
        let address = absolute.to_str().ok_or_else(|| {
            let shown = text::path(&absolute);
            Failure::message(Exit::Usage, format_args!("{shown} is not UTF-8"))
                .advise("choose another `--dir`")
        })?;
        let name = NodeName::new(format!("node-{number}")).map_err(unnamed)?;
        let mut node = Node::new(NodeId(number), name);
        node.address = Some(Address::new(address).map_err(unnamed)?);
        node.scan = true;
        changes.push(RegistryChange::RegisterNode(node));
    }
    for (id, built) in (1..).zip(&manifest.shards) {
        let name = ShardName::new(built.name.as_bytes()).map_err(unnamed)?;
        let mut shard = Shard::new(ShardId(id), name, NodeId(built.node));
        shard.bytes = built.bytes;
        changes.push(RegistryChange::RegisterShard(shard));
    }
    Ok(changes)
}
