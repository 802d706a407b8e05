use clap::Args;
use serde_json::json;

use super::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::{database, text};

/// Creates a database. Each cutover will demand that both copies were compared.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  shardferry --db cluster.redb init")]
pub(crate) struct Init {}

pub(crate) fn run(context: Context<'_>) -> Result<Exit, Failure> {
    database::create(context.db)?;
    let path = text::path(context.db);
    context.out.result(
        || format!("created {path}; declare nodes and shards with `shardferry apply FILE`"),
        || json!({ "created": path }),
    );
    Ok(Exit::Success)
}
