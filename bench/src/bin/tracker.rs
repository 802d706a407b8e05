//! `tracker [REPORT..] [--tiny] [--rows N]`: prints tables about the tracker; every report without a
//! name.

use std::io;
use std::process::ExitCode;

use shardferry_bench::Size;
use shardferry_bench::tracker::{CHILD, Report, Scale, child, run};

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    if std::env::args().nth(1).as_deref() == Some(CHILD) {
        let rest: Vec<String> = arguments.skip(1).collect();
        return child(&rest);
    }
    let mut scale = Scale {
        size: Size::Full,
        rows: None,
    };
    let mut reports = Vec::new();
    while let Some(argument) = arguments.next() {
        match (Report::by_name(&argument), argument.as_str()) {
            (Some(report), _) => reports.push(report),
            (None, "--tiny") => scale.size = Size::Tiny,
            (None, "--rows") => match arguments.next().map(|rows| rows.parse()) {
                Some(Ok(rows)) => scale.rows = Some(rows),
                _ => return refuse("--rows needs a number"),
            },
            (None, _) => {
                let known: Vec<&str> = Report::ALL.iter().map(|report| report.name()).collect();
                let known = known.join(", ");
                return refuse(&format!("`{argument}` is no report; there are {known}"));
            }
        }
    }
    if reports.is_empty() {
        reports.extend(Report::ALL);
    }
    for report in reports {
        if let Err(error) = run(report, scale, &mut io::stdout()) {
            eprintln!("{}: {error}", report.name());
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}

fn refuse(why: &str) -> ExitCode {
    eprintln!("{why}");
    ExitCode::from(2)
}
