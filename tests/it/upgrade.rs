//! A file of an older format becomes one of the newest: whole or not at all, and an older library
//! refuses it then. The newer formats are those of [`LaterVersion`].

use std::fs;

use shardferry::schema::FORMAT;
use shardferry::schema::key::MetaKey;
use shardferry::store::OpenError;
use shardferry::testkit::LaterVersion;
use shardferry::tracker::check::Image;
use shardferry::{MigrationTracker, ShardId, Status};

use crate::support::{A, B, Place, clean, cluster, worker};

/// More events than a step holds in memory at once.
const SHARDS: u64 = 700;

/// A closed file with rows in many tables, some migrations under way and some ended.
fn older() -> (Place, Image) {
    let place = Place::new();
    let tracker = cluster(&place, 3, SHARDS);
    for id in 1..=SHARDS {
        let id = tracker.begin_migration(ShardId(id), A, B).unwrap();
        if id.0.as_u128().is_multiple_of(2) {
            tracker.start_migration(id).unwrap();
        }
    }
    for migration in tracker.unfinished().unwrap().iter().take(200) {
        if migration.status() == Status::Pending {
            tracker.cancel_migration(migration.id, "no longer").unwrap();
        } else {
            tracker.complete_migration(migration.id).unwrap();
        }
    }
    let image = clean(&tracker);
    assert!(image.events.len() > 1024);
    (place, image)
}

fn image_rows(tracker: &MigrationTracker) -> u64 {
    tracker.check().unwrap().rows()
}

/// The image of the same file in another format.
fn in_format(mut image: Image, format: u32) -> Image {
    image.meta.get_mut(&MetaKey::File).unwrap().format = format;
    image
}

#[test]
fn an_upgrade_changes_every_row_and_loses_none() {
    let (place, image) = older();
    let rows = image_rows(&place.open());
    let half_way = LaterVersion::of_format_2().open(&place.path()).unwrap();
    let bad_rows = half_way.image().unwrap().bad_rows.len() as u64;
    assert_eq!(image_rows(&half_way), rows);
    assert_eq!(bad_rows, rows - 1, "only what the file is stays as it was");
    drop(half_way);

    let tracker = LaterVersion::of_format_3().open(&place.path()).unwrap();
    assert_eq!(clean(&tracker), in_format(image, 3));
}

#[test]
fn several_steps_are_one_upgrade_and_work_goes_on_after_it() {
    let (place, image) = older();
    let tracker = LaterVersion::of_format_3().open(&place.path()).unwrap();
    assert_eq!(clean(&tracker), in_format(image, 3));
    for migration in tracker.unfinished().unwrap() {
        let claim = tracker.claim(migration.id, &worker()).unwrap();
        claim.report(1, Some(1), None).unwrap();
        claim.complete().unwrap();
    }
    let image = clean(&tracker);
    drop(tracker);
    let again = LaterVersion::of_format_3().open(&place.path()).unwrap();
    assert_eq!(
        clean(&again),
        image,
        "an upgraded file is not upgraded again"
    );
}

#[test]
fn an_older_library_refuses_an_upgraded_file_and_leaves_it() {
    let (place, _) = older();
    drop(LaterVersion::of_format_3().open(&place.path()).unwrap());
    let bytes = fs::read(place.path()).unwrap();

    let error = MigrationTracker::open(place.path()).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!(
            "{} has format 3; this version knows formats up to {FORMAT}: use a newer one",
            place.path().display()
        )
    );
    let error = LaterVersion::of_format_2().open(&place.path()).unwrap_err();
    assert!(matches!(
        error,
        OpenError::NewerFormat {
            found: 3,
            known: 2,
            ..
        }
    ));
    assert!(fs::read(place.path()).unwrap() == bytes, "byte for byte");
}

#[test]
fn an_upgrade_that_fails_leaves_the_older_format() {
    let (place, image) = older();
    let error = LaterVersion::with_a_fault()
        .open(&place.path())
        .unwrap_err();
    let said = error.to_string();
    assert!(
        matches!(
            error,
            OpenError::Upgrade {
                found: 1,
                newest: 3,
                ..
            }
        ),
        "{said}"
    );
    assert!(
        said.ends_with("from format 1 to 3: open it again"),
        "{said}"
    );
    assert_eq!(clean(&place.open()), image);
}
