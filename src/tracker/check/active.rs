use std::collections::BTreeMap;

use super::{Image, Violation};
use crate::schema::table::TableId;

/// I1: at most one migration of a shard has not ended.
#[must_use]
pub fn invariant_i1_one_active_migration_per_shard(image: &Image) -> Vec<Violation> {
    let mut first = BTreeMap::new();
    let mut violations = Vec::new();
    for migration in image.under_way() {
        if let Some(other) = first.insert(migration.shard, migration.id) {
            violations.push(Violation::new(
                "I1",
                TableId::Migrations,
                &migration.id,
                format!(
                    "shard {} has two migrations under way: this one and {other}",
                    migration.shard
                ),
            ));
        }
    }
    violations
}
