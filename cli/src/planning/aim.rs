use std::num::{NonZeroU32, NonZeroUsize};

use bytesize::ByteSize;
use clap::Args;

use super::wish::Wish;

/// What to balance, how closely, and within which limits.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct Aim {
    /// What is balanced: `count`, `bytes`, `load`, or a resource of the input file. Of several, a
    /// later one only by moves that harm no earlier one [default: bytes, else the first]
    #[arg(long, value_name = "RESOURCE", value_delimiter = ',')]
    by: Vec<String>,
    /// How far a node may be from its fair share, as a fraction, before anything moves [default: 0.1]
    #[arg(long, value_name = "FRACTION", allow_negative_numbers = true)]
    threshold: Option<f64>,
    /// How close to its fair share each node is then brought [default: half of the threshold, and of
    /// the number of shards to the unit]
    #[arg(long, value_name = "FRACTION", allow_negative_numbers = true)]
    target: Option<f64>,
    /// At most so many moves
    #[arg(long, value_name = "N")]
    max_moves: Option<NonZeroUsize>,
    /// Move at most so many bytes (`10GiB`)
    #[arg(long, value_name = "SIZE")]
    max_bytes: Option<ByteSize>,
    /// At most so many moves at a time
    #[arg(long, value_name = "N")]
    max_in_flight: Option<NonZeroUsize>,
    /// At most so many moves at a time into a node
    #[arg(long, value_name = "N")]
    max_in_per_node: Option<NonZeroUsize>,
    /// At most so many moves at a time out of a node
    #[arg(long, value_name = "N")]
    max_out_per_node: Option<NonZeroUsize>,
    /// Spread each replica group over at least so many zones
    #[arg(long, value_name = "N")]
    min_zones: Option<NonZeroU32>,
    /// Leave out balancing moves that gain less than this, in what is balanced, for each MiB moved
    #[arg(long, value_name = "N")]
    min_gain_per_mib: Option<u64>,
}

impl Aim {
    pub(crate) fn wish(&self) -> Wish {
        Wish {
            balance: self.by.clone(),
            trigger: self.threshold,
            target: self.target,
            max_moves: self.max_moves.map(NonZeroUsize::get),
            max_bytes: self.max_bytes.map(|size| size.as_u64()),
            max_in_flight: self.max_in_flight.map(NonZeroUsize::get),
            max_in_per_node: self.max_in_per_node.map(NonZeroUsize::get),
            max_out_per_node: self.max_out_per_node.map(NonZeroUsize::get),
            min_gain_per_mib: self.min_gain_per_mib,
            charge_both_ends: None,
            min_zones_per_group: self.min_zones.map(NonZeroU32::get),
        }
    }
}
