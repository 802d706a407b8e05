use std::io::Read as _;
use std::path::Path;

use serde::Deserialize;
use shardferry::planner::{NodeLoad, PerResource, Plan, Policy, Resources, Warning};

use super::{FORMAT, PlanDocument, VERSION, WarningDocument};
use crate::exit::Exit;
use crate::failure::{Failure, Problem};
use crate::planning::input::{is_stdin, shown};

/// A plan that was written, and what it was made with.
#[derive(Debug)]
pub(crate) struct PlanFile {
    pub(crate) resources: Resources,
    pub(crate) policy: Policy,
    pub(crate) plan: Plan,
}

/// What a file says that it is.
#[derive(Deserialize)]
struct Header {
    format: Option<String>,
    version: Option<u32>,
}

/// Reads the plan at `path`; `-` is standard input.
pub(crate) fn read(path: &Path) -> Result<PlanFile, Failure> {
    let shown = shown(path);
    let mut bytes = Vec::new();
    let read = if is_stdin(path) {
        std::io::stdin().lock().read_to_end(&mut bytes).map(drop)
    } else {
        std::fs::read(path).map(|read| bytes = read)
    };
    read.map_err(|error| {
        Failure::new(Exit::Input, error)
            .context(format_args!("{shown} cannot be read"))
            .advise("`shardferry plan --json > PLAN.json` writes a plan")
    })?;
    let header: Header = serde_json::from_slice(&bytes).map_err(|error| wrong(&shown, &error))?;
    if header.format.as_deref() != Some(FORMAT) {
        return Err(not_a_plan(
            &shown,
            format!("its `format` is not `{FORMAT}`"),
        ));
    }
    if header.version != Some(VERSION) {
        let found = header
            .version
            .map_or_else(|| "none".to_owned(), |version| version.to_string());
        return Err(not_a_plan(
            &shown,
            format!("its `version` is {found}; this program reads version {VERSION}"),
        ));
    }
    let document: PlanDocument =
        serde_json::from_slice(&bytes).map_err(|error| wrong(&shown, &error))?;
    document
        .file()
        .map_err(|message| not_a_plan(&shown, message))
}

fn wrong(shown: &str, error: &serde_json::Error) -> Failure {
    let (line, column) = (error.line(), error.column());
    let message = error.to_string();
    let suffix = format!(" at line {line} column {column}");
    problem(
        shown,
        format!("{shown}:{line}:{column}"),
        message.strip_suffix(&suffix).unwrap_or(&message).to_owned(),
    )
}

fn not_a_plan(shown: &str, message: String) -> Failure {
    problem(shown, shown.to_owned(), message)
}

fn problem(shown: &str, place: String, message: String) -> Failure {
    let problem = Problem { place, message };
    Failure::problems(format!("{shown} is not a plan"), vec![problem])
        .advise("`shardferry plan --json > PLAN.json` writes one; docs/PLAN_FILE.md describes it")
}

impl PlanDocument {
    fn file(&self) -> Result<PlanFile, String> {
        let resources = Resources::new(self.resources.iter().map(String::as_str));
        let resources = resources.map_err(|error| error.to_string())?;
        let policy = self.policy.policy(&resources)?;
        let mut moves = Vec::with_capacity(self.moves.len());
        for (at, one) in self.moves.iter().enumerate() {
            let one = one.one(&resources);
            moves.push(one.map_err(|error| format!("moves[{at}]: {error}"))?);
        }
        let mut left = Vec::with_capacity(self.left.len());
        for (at, one) in self.left.iter().enumerate() {
            let one = one.left(&resources);
            left.push(one.map_err(|error| format!("left[{at}]: {error}"))?);
        }
        let loads = self.loads.iter().map(|load| NodeLoad {
            node: load.node,
            before: PerResource::from_slice(&load.before),
            after: PerResource::from_slice(&load.after),
            bands: load.bands.iter().map(|band| band.band()).collect(),
        });
        let warnings = self.warnings.iter().map(WarningDocument::warning);
        let plan = Plan {
            moves,
            total_bytes: self.total_bytes,
            lower_bound_moves: self.lower_bound_moves,
            lower_bound_bytes: self.lower_bound_bytes,
            loads: loads.collect(),
            left,
            warnings: warnings.collect::<Result<_, _>>()?,
        };
        Ok(PlanFile {
            resources,
            policy,
            plan,
        })
    }
}

impl WarningDocument {
    fn warning(&self) -> Result<Warning, String> {
        match (self.kind.as_str(), self.shard, self.zones, self.wanted) {
            ("unknown-in-flight", Some(shard), _, _) => Ok(Warning::UnknownInFlight { shard }),
            ("too-few-zones", _, Some(zones), Some(wanted)) => {
                Ok(Warning::TooFewZones { zones, wanted })
            }
            (other, ..) => Err(format!("there is no such warning as `{other}`")),
        }
    }
}
