use shardferry::MigrationTracker;
use shardferry::store::OpenOptions;
use shardferry::testkit::SimDisk;
use shardferry::tracker::check::{Image, invariants_of, invariants_of_step};

use crate::support::clean;

/// What holds when all callers are done: `check` is clean, and what was flushed survives a loss of power
/// in which nothing survives that was not synced.
pub(crate) fn settled(disk: &SimDisk, tracker: &MigrationTracker) -> Image {
    let image = clean(tracker);
    tracker.flush().unwrap();
    let last = disk.crash_points().last().unwrap();
    let after = last.image(Vec::new(), false);
    let tracker = after.disk().open(&OpenOptions::default()).unwrap();
    assert!(clean(&tracker) == image, "what was flushed is lost");
    image
}

/// Looks at everything so many times. Each look is of one instant, and none is of an earlier one than
/// the look before it.
pub(crate) fn look(tracker: &MigrationTracker, times: usize) {
    let mut before = Image::default();
    for time in 0..times {
        let image = tracker.image().unwrap();
        assert_eq!(invariants_of(&image), []);
        if time > 0 {
            assert_eq!(invariants_of_step(&before, &image), []);
            assert!(
                image.events.len() >= before.events.len(),
                "a reader went back in time"
            );
        }
        before = image;
    }
}
