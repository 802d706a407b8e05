use std::path::PathBuf;

use bytesize::ByteSize;
use clap::Args;
use serde::{Deserialize, Serialize};

use crate::drive::Pace;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::text;

/// Builds a real, skewed cluster of directories with real files, plans, moves, and verifies every
/// byte. Interrupted in any way (Ctrl-C, kill -9) and started again, it goes on where it was.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  shardferry demo\n  \
    shardferry demo --dir /mnt/scratch/demo --nodes 6 --shards 60 --size 16MiB --workers 4\n  \
    shardferry --db shardferry-demo/shardferry.redb list --all")]
pub(crate) struct Demo {
    /// Where it is built; its database is shardferry.redb in there (`--db` is not used)
    #[arg(long, value_name = "D", default_value = "shardferry-demo")]
    pub(super) dir: PathBuf,
    /// How many nodes (directories); 4 if not given
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    nodes: Option<u64>,
    /// How many shards; 40 if not given
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    shards: Option<u64>,
    /// How large a shard is on average, for instance 64KiB; 4MiB if not given
    #[arg(long, value_name = "BYTES", allow_negative_numbers = true)]
    size: Option<ByteSize>,
    /// What the contents are made from: the same seed gives the same bytes
    #[arg(long, value_name = "S")]
    seed: Option<u64>,
    /// Copy at most so many bytes per second, so that there is something to watch and to
    /// interrupt; 0: as fast as the disk
    #[arg(long, value_name = "BYTES", default_value = "24MiB")]
    rate: ByteSize,
    #[command(flatten)]
    pub(super) pace: Pace,
    /// Remove what an earlier demo left there, and start afresh
    #[arg(long)]
    pub(super) fresh: bool,
}

/// What is built.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Size {
    pub(super) nodes: u64,
    pub(super) shards: u64,
    pub(super) shard_bytes: u64,
    pub(super) seed: u64,
}

const NODES_DEFAULT: u64 = 4;
const SHARDS_DEFAULT: u64 = 40;
const SHARD_BYTES_DEFAULT: u64 = 4 * 1024 * 1024;
/// More directories than this show nothing further, and no terminal shows them.
const NODES_MAX: u64 = 1_000;
/// The manifest is written as a whole.
const SHARDS_MAX: u64 = 10_000;
/// A demo that fills a disk is a typing error.
const TOTAL_BYTES_MAX: u64 = 1 << 40;

/// Why nothing can be built like that.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum SizeError {
    #[error("--nodes {got}: a move needs two nodes, and {NODES_MAX} are the most")]
    Nodes { got: u64 },
    #[error("--shards {got}: there have to be from 1 to {SHARDS_MAX}")]
    Shards { got: u64 },
    #[error("--size 0: a shard has at least one byte")]
    Empty,
    #[error("{shards} shards of {shard_bytes} bytes are more than 1 TiB")]
    TooLarge { shards: u64, shard_bytes: u64 },
}

impl Size {
    fn check(self) -> Result<Self, SizeError> {
        let Self {
            nodes,
            shards,
            shard_bytes,
            ..
        } = self;
        if !(2..=NODES_MAX).contains(&nodes) {
            return Err(SizeError::Nodes { got: nodes });
        }
        if !(1..=SHARDS_MAX).contains(&shards) {
            return Err(SizeError::Shards { got: shards });
        }
        if shard_bytes == 0 {
            return Err(SizeError::Empty);
        }
        match shards.checked_mul(shard_bytes) {
            Some(0..=TOTAL_BYTES_MAX) => Ok(self),
            Some(_) | None => Err(SizeError::TooLarge {
                shards,
                shard_bytes,
            }),
        }
    }
}

impl Demo {
    /// The byte limit of the copies.
    pub(super) fn bytes_per_second_max(&self) -> Option<u64> {
        let rate = self.rate.as_u64();
        (rate > 0).then_some(rate)
    }

    /// What is to be built where nothing is.
    pub(super) fn size(&self) -> Result<Size, Failure> {
        let size = Size {
            nodes: self.nodes.unwrap_or(NODES_DEFAULT),
            shards: self.shards.unwrap_or(SHARDS_DEFAULT),
            shard_bytes: self.size.map_or(SHARD_BYTES_DEFAULT, |size| size.as_u64()),
            seed: self.seed.unwrap_or(0),
        };
        size.check()
            .map_err(|error| Failure::new(Exit::Usage, error))
    }

    /// Refuses to go on with a demo that was built otherwise than asked for now.
    pub(super) fn agrees_with(&self, built: Size) -> Result<(), Failure> {
        let asked = Size {
            nodes: self.nodes.unwrap_or(built.nodes),
            shards: self.shards.unwrap_or(built.shards),
            shard_bytes: self.size.map_or(built.shard_bytes, |size| size.as_u64()),
            seed: self.seed.unwrap_or(built.seed),
        };
        if asked == built {
            return Ok(());
        }
        let Size {
            nodes,
            shards,
            shard_bytes,
            seed,
        } = built;
        Err(Failure::message(
            Exit::Refused,
            format_args!(
                "the demo in {} was built with --nodes {nodes} --shards {shards} --size \
                 {shard_bytes} --seed {seed}",
                text::path(&self.dir)
            ),
        )
        .advise(
            "leave these options out to go on with it; `--fresh` starts again, `--dir` elsewhere",
        ))
    }
}
