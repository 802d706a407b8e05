use super::{Image, Violation};
use crate::schema::table::TableId;
use crate::schema::v1::PauseScope;

/// I14: what is held back is there to be held back. No migration of a shard in quarantine is under
/// way, and the pause of one migration ends with it.
///
/// Migrations that cannot be read, or that retention took, are not asked.
#[must_use]
pub fn invariant_i14_what_is_held_back_waits(image: &Image) -> Vec<Violation> {
    let mut violations = Vec::new();
    for migration in image.under_way() {
        if image.quarantine.contains_key(&migration.shard) {
            let rule = format!(
                "the shard is set aside, and migration {} of it is under way",
                migration.id
            );
            let shard = &migration.shard;
            violations.push(Violation::new("I14", TableId::Quarantine, shard, rule));
        }
    }
    for scope in image.pauses.keys() {
        let PauseScope::Migration(id) = scope else {
            continue;
        };
        let migration = image.migrations.get(id);
        if let Some(ended) = migration.filter(|row| row.status().is_terminal()) {
            let rule = format!("migration {id} is paused, and is {}", ended.status());
            violations.push(Violation::new("I14", TableId::Pauses, scope, rule));
        }
    }
    violations
}
