//! Why a shard is where it is.

use serde_json::{Value, json};
use shardferry::tracker::ShardExplanation;
use shardferry::{Settings, TimestampMs};

use super::{cleanup_line, migration, migration_view};
use crate::names::Names;
use crate::{text, view};

/// A shard for people.
pub(crate) fn shard(
    why: &ShardExplanation,
    now: TimestampMs,
    settings: &Settings,
    names: &Names,
) -> Vec<String> {
    let mut lines = Vec::new();
    match &why.shard {
        Some(shard) => {
            let pinned = if shard.pinned {
                ", pinned: no plan moves it"
            } else {
                ""
            };
            lines.push(format!(
                "shard {}: {} has it, {}, version {}{pinned}",
                names.shard_and_id(why.id),
                names.node_and_id(shard.owner),
                text::bytes(shard.bytes),
                shard.version
            ));
        }
        None => lines.push(format!("shard {} is not registered", why.id)),
    }
    if let Some(last) = &why.last_move {
        let (from, to) = (names.node_and_id(last.from), names.node_and_id(last.to));
        let until = text::time(last.at_ms.plus_ms(settings.cooldown_ms));
        lines.push(format!(
            "It moved last at {}, {from} -> {to} (migration {}); no plan sends it back before {until} \
             (cooldown_ms).",
            text::time(last.at_ms),
            last.migration
        ));
    }
    if let Some(entry) = &why.quarantine {
        let since = text::time(entry.at_ms);
        lines.push(format!(
            "It is set aside since {since}, after migration {}:",
            entry.migration
        ));
        for one in &entry.failures {
            lines.push(format!(
                "  {}: {} ({})",
                text::time(one.at_ms),
                one.reason,
                one.class
            ));
        }
        lines.push(format!(
            "to do: `shardferry retry {}` tries the same move again, `shardferry quarantine release \
             id:{}` lets it out",
            entry.migration, why.id
        ));
    }
    for copy in &why.cleanups {
        lines.push(cleanup_line(copy, now, names));
        lines.push(format!(
            "to do: shardferry cleanups run --node id:{}",
            copy.node
        ));
    }
    match &why.migration {
        Some(moving) => lines.extend(migration(moving, names)),
        None => lines.push("Nothing moves it now.".to_owned()),
    }
    lines
}

/// A shard for scripts.
pub(crate) fn shard_view(why: &ShardExplanation, settings: &Settings, names: &Names) -> Value {
    let moving = why.migration.as_ref();
    let last = why.last_move.as_ref().map(|last| {
        json!({
            "migration": last.migration,
            "from": last.from,
            "from_name": names.node_name(last.from),
            "to": last.to,
            "to_name": names.node_name(last.to),
            "at_ms": last.at_ms,
            "cooldown_until_ms": last.at_ms.plus_ms(settings.cooldown_ms),
        })
    });
    json!({
        "id": why.id,
        "shard": why.shard.as_ref()
            .map(|shard| view::shard(shard, moving.map(|one| &one.migration), names)),
        "pinned": why.shard.as_ref().is_some_and(|shard| shard.pinned),
        "migration": moving.map(|one| migration_view(one, names)),
        "last_move": last,
        "cleanups": why.cleanups.iter().map(|copy| view::cleanup(copy, names)).collect::<Value>(),
        "quarantine": why.quarantine.as_ref().map(|entry| view::quarantined(why.id, entry, names)),
    })
}
