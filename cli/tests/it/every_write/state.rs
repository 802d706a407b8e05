//! What a database holds, without what differs between two runs of the same commands: ids of
//! migrations, and times.

use std::collections::BTreeMap;

use shardferry::MigrationTracker;
use shardferry::tracker::check::Image;

use super::stage::Stage;

/// A database, clean.
#[derive(Clone, Debug)]
pub(super) struct State {
    pub(super) image: Image,
    /// What two runs have in common.
    pub(super) rows: Vec<String>,
    /// The kind and the shard of each event, by its number.
    pub(super) log: BTreeMap<u64, String>,
}

impl State {
    /// Reads the database of `stage`; `None` when there is none.
    pub(super) fn read(stage: &Stage) -> Result<Option<Self>, String> {
        if !stage.database().exists() {
            return Ok(None);
        }
        let tracker = MigrationTracker::open(stage.database()).map_err(|e| e.to_string())?;
        let report = tracker.check().map_err(|e| e.to_string())?;
        if !report.is_clean() {
            return Err(format!("{:?}", report.violations));
        }
        Ok(Some(Self::of(tracker.image().map_err(|e| e.to_string())?)))
    }

    fn of(image: Image) -> Self {
        let mut rows = vec![format!("{:?}", image.settings)];
        rows.extend(image.nodes.values().map(|node| format!("{node:?}")));
        rows.extend(image.shards.values().map(|shard| format!("{shard:?}")));
        let mut migrations: Vec<_> = image
            .migrations
            .values()
            .map(|row| {
                let (shard, from, to, status) = (row.shard, row.from, row.to, row.status());
                format!("{shard} {from} -> {to} {status} {:?}", row.reason)
            })
            .collect();
        migrations.sort_unstable();
        rows.extend(migrations);
        rows.extend(image.cleanups.keys().map(|key| format!("cleanup {key:?}")));
        rows.extend(image.requests.keys().map(|key| format!("request {key}")));
        rows.push(format!("pruned {}", image.pruned().migrations));
        let mut log = BTreeMap::new();
        for (seq, event) in &image.events {
            // An event with details is a map from its kind to them.
            let kind = serde_json::to_value(&event.kind).unwrap();
            let kind = kind
                .as_object()
                .and_then(|fields| fields.keys().next().cloned())
                .unwrap_or_else(|| kind.to_string());
            log.insert(seq.0, format!("{kind} {:?}", event.shard));
        }
        Self { image, rows, log }
    }

    /// All of the two is the same, but for ids and times.
    pub(super) fn is(&self, other: &Self) -> bool {
        self.rows == other.rows && self.log == other.log
    }

    /// The number of the newest event.
    pub(super) fn newest(&self) -> u64 {
        self.log.keys().next_back().copied().unwrap_or(0)
    }
}
