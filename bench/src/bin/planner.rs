//! `planner [REPORT..] [--tiny]`: prints tables about the planner; every report without a name.

use std::io;
use std::process::ExitCode;

use shardferry_bench::planner::{Report, run};
use shardferry_bench::{Counted, Size};

#[global_allocator]
static ALLOCATOR: Counted = Counted;

fn main() -> ExitCode {
    let mut size = Size::Full;
    let mut reports = Vec::new();
    for argument in std::env::args().skip(1) {
        match Report::by_name(&argument) {
            Some(report) => reports.push(report),
            None if argument == "--tiny" => size = Size::Tiny,
            None => {
                let known: Vec<&str> = Report::ALL.iter().map(|report| report.name()).collect();
                eprintln!("`{argument}` is no report; there are {}", known.join(", "));
                return ExitCode::from(2);
            }
        }
    }
    if reports.is_empty() {
        reports.extend(Report::ALL);
    }
    for report in reports {
        if let Err(error) = run(report, size, &mut io::stdout()) {
            eprintln!("{}: {error}", report.name());
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}
