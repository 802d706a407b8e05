//! Which boundaries become cases.

use super::point::{At, Point};

/// The boundaries of a run, of its reports at most so many, spread evenly; and how many reports
/// were left out.
pub(super) fn choose(trace: &[Point], reports_max: usize) -> (Vec<Point>, usize) {
    let asked = count(trace, |at| matches!(at, At::Asked(_)));
    let recorded = count(trace, |at| matches!(at, At::Recorded(_)));
    let (mut asked_seen, mut recorded_seen) = (0, 0);
    let mut chosen = Vec::new();
    let mut left_out = 0;
    for point in trace {
        let take = match point.at {
            At::Before | At::After => true,
            At::Asked(_) => spread(&mut asked_seen, asked, reports_max),
            At::Recorded(_) => spread(&mut recorded_seen, recorded, reports_max),
        };
        if take {
            chosen.push(*point);
        } else {
            left_out += 1;
        }
    }
    (chosen, left_out)
}

fn count(trace: &[Point], is: impl Fn(At) -> bool) -> usize {
    trace.iter().filter(|point| is(point.at)).count()
}

/// Whether the next of `all` is among `most` that are spread evenly.
fn spread(seen: &mut usize, all: usize, most: usize) -> bool {
    let before = share(*seen, all, most);
    *seen += 1;
    all <= most || share(*seen, all, most) > before
}

fn share(seen: usize, all: usize, most: usize) -> usize {
    seen.saturating_mul(most).checked_div(all).unwrap_or(0)
}
