use super::{Image, Violation};
use crate::schema::table::TableId;
use crate::schema::v1::Progress;

/// I8, of one image: progress is within the total. Decoding refuses such a row already.
#[must_use]
pub fn invariant_i8_progress_within_total(image: &Image) -> Vec<Violation> {
    let mut violations = Vec::new();
    for migration in image.migrations.values() {
        let Progress {
            bytes_migrated,
            bytes_total,
            ..
        } = migration.progress;
        if let Some(total) = bytes_total
            && bytes_migrated > total
        {
            let rule = format!("{bytes_migrated} of {total} bytes are copied");
            let id = &migration.id;
            violations.push(Violation::new("I8", TableId::Migrations, id, rule));
        }
    }
    violations
}

/// I8, of one step: within an attempt progress does not go back, and epochs never do.
#[must_use]
pub fn invariant_i8_progress_is_monotone_within_an_attempt(
    before: &Image,
    after: &Image,
) -> Vec<Violation> {
    let mut violations = Vec::new();
    for (id, was) in &before.migrations {
        let Some(is) = after.migrations.get(id) else {
            continue;
        };
        let (had, has) = (was.progress.bytes_migrated, is.progress.bytes_migrated);
        if is.epoch == was.epoch && has < had {
            let rule = format!("progress went back from {had} to {has} bytes within an attempt");
            violations.push(Violation::new("I8", TableId::Migrations, id, rule));
        }
        if is.epoch < was.epoch {
            let rule = format!("the epoch went back from {} to {}", was.epoch, is.epoch);
            violations.push(Violation::new("I8", TableId::Migrations, id, rule));
        }
    }
    violations
}
