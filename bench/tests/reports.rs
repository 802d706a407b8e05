//! Every report can be made.

use std::process::Command;

use shardferry_bench::{Size, planner, tracker};

/// Those of test data say so where there is none.
#[test]
fn every_report_about_the_planner_has_a_table() {
    for report in planner::Report::ALL {
        let mut out = Vec::new();
        planner::run(report, Size::Tiny, &mut out)
            .unwrap_or_else(|error| panic!("{report:?}: {error}"));
        let text = String::from_utf8(out).expect("a report is text");
        let skipped = text.contains("skipped");
        assert!(skipped || text.contains("\n| -"), "{report:?}: {text}");
    }
}

/// In processes of their own, as some of them start and kill further ones.
#[test]
fn every_report_about_the_tracker_has_figures() {
    for report in tracker::Report::ALL {
        let output = Command::new(env!("CARGO_BIN_EXE_tracker"))
            .args([report.name(), "--tiny"])
            .output()
            .expect("the program runs");
        let text = String::from_utf8_lossy(&output.stdout);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{report:?}: {text}{said}");
        let rows = text.lines().filter(|line| line.starts_with("| "));
        let rows: Vec<&str> = rows.filter(|line| !line.starts_with("| -")).collect();
        let has_digits = |row: &&str| row.contains(|digit: char| digit.is_ascii_digit());
        assert!(rows.len() > 1, "{report:?}: {text}");
        // The first one is the header.
        assert!(rows.iter().skip(1).any(has_digits), "{report:?}: {text}");
        assert!(!text.contains("NaN"), "{report:?}: {text}");
    }
}
