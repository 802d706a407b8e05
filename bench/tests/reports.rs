//! Every report can be made.

use shardferry_bench::{Report, Size, run};

/// Those of test data say so where there is none.
#[test]
fn every_report_has_a_table() {
    for report in Report::ALL {
        let mut out = Vec::new();
        run(report, Size::Tiny, &mut out).unwrap_or_else(|error| panic!("{report:?}: {error}"));
        let text = String::from_utf8(out).expect("a report is text");
        let skipped = text.contains("skipped");
        assert!(skipped || text.contains("\n| -"), "{report:?}: {text}");
    }
}
