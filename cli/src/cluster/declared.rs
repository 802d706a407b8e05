//! The cluster file as it is written (docs/CLUSTER_FILE.md): its keys are a contract.

use serde::Deserialize;
use shardferry::NodeState;
use toml::Spanned;

use super::source::Source;
use crate::failure::Failure;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Declared {
    #[serde(default)]
    pub(super) nodes: Vec<Spanned<DeclaredNode>>,
    #[serde(default)]
    pub(super) shards: Vec<Spanned<DeclaredShard>>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct DeclaredNode {
    pub(super) id: Spanned<u64>,
    pub(super) name: Spanned<String>,
    pub(super) path: Option<Spanned<String>>,
    pub(super) address: Option<Spanned<String>>,
    pub(super) zone: Option<Spanned<String>>,
    pub(super) capacity_bytes: Option<u64>,
    pub(super) state: Option<NodeState>,
    #[serde(default)]
    pub(super) scan: bool,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct DeclaredShard {
    pub(super) id: Spanned<u64>,
    pub(super) name: Spanned<String>,
    pub(super) node: Spanned<u64>,
    pub(super) bytes: Option<u64>,
    pub(super) keys: Option<u64>,
    pub(super) load: Option<u64>,
    #[serde(default)]
    pub(super) replicas: Vec<Spanned<u64>>,
    pub(super) range: Option<Spanned<DeclaredRange>>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct DeclaredRange {
    #[serde(default)]
    pub(super) start: String,
    pub(super) end: Option<String>,
}

/// Reads the file as TOML. The first mistake ends it: what follows it cannot be trusted.
pub(super) fn parse(source: &mut Source) -> Result<Declared, Failure> {
    match toml::from_str(source.text()) {
        Ok(declared) => Ok(declared),
        Err(error) => {
            source.problem(
                error.span().unwrap_or(0..0),
                error.message().replace('\n', "; "),
            );
            source.sound()?;
            Ok(Declared {
                nodes: Vec::new(),
                shards: Vec::new(),
            })
        }
    }
}
