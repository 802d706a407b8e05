//! What a file says, without what differs between two lives: ids and times; and without progress,
//! which may be lost.

use shardferry::tracker::check::Image;

/// Everything that was decided.
pub(super) fn shape(image: &Image) -> String {
    let mut lines = Vec::new();
    for row in image.migrations.values() {
        let failures = row.failures.len();
        lines.push(format!(
            "migration of {}: {} epoch {} fenced {} evidence {} failures {failures} key {:?}",
            row.shard,
            row.status(),
            row.epoch,
            row.fenced_at_ms.is_some(),
            row.evidence.is_some(),
            row.request,
        ));
    }
    lines.sort();
    for row in image.events.values() {
        let kind = format!("{:?}", row.kind);
        let kind = kind.split(' ').next().unwrap_or_default();
        lines.push(format!("event {:?} {kind} {:?}", row.seq, row.shard));
    }
    lines.push(format!("nodes {:?}", image.nodes.keys()));
    for (id, row) in &image.shards {
        lines.push(format!(
            "shard {id} on {} version {}",
            row.owner, row.version
        ));
    }
    for (key, row) in &image.cleanups {
        lines.push(format!("cleanup {key:?} {:?} {}", row.kind, row.activated));
    }
    lines.push(format!("requests {:?}", image.requests.keys()));
    lines.push(format!("in flight {:?}", image.in_flight));
    lines.push(format!("pruned {:?}", image.pruned()));
    lines.push(format!("{:?}", image.settings));
    lines.join("\n")
}

/// What came of it in the end, however often it was tried.
pub(super) fn ends(image: &Image) -> String {
    let mut lines: Vec<String> = image
        .migrations
        .values()
        .map(|row| format!("migration of {}: {}", row.shard, row.status()))
        .collect();
    lines.sort();
    for (id, row) in &image.shards {
        lines.push(format!(
            "shard {id} on {} version {}",
            row.owner, row.version
        ));
    }
    lines.push(format!("cleanups {:?}", image.cleanups.keys()));
    lines.push(format!("active {:?}", image.active_shards.keys()));
    lines.push(format!("{:?}", image.settings));
    lines.join("\n")
}
