//! Why one shard, or one node, ends as the plan has it.

mod node;
mod shard;

pub(crate) use node::NodeAccount;
pub(crate) use shard::ShardAccount;

use crate::exit::Exit;
use crate::failure::Failure;

fn missing(what: &str, id: u64) -> Failure {
    Failure::message(Exit::Refused, format_args!("there is no {what} {id}"))
        .advise("look at the ids that the cluster has")
}
