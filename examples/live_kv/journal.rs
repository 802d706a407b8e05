//! What a client wanted and what it was told, in a file of its own beside the store. Each line is
//! one `write` to the system, so that killing the process loses none.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::Path;

use shardferry::{MigrationId, NodeId, ShardId};

use crate::node::Ack;

/// What a write does to its key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Op {
    Put,
    Delete,
}

/// One write of a key by the client that owns the key; `number` grows with each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Want {
    pub(crate) number: u64,
    pub(crate) op: Op,
}

/// What is known about a key.
#[derive(Clone, Debug, Default)]
pub(crate) struct KeyPast {
    /// The newest acknowledged write.
    pub(crate) done: Option<(Want, Ack)>,
    /// Writes after that, of which nobody knows.
    pub(crate) maybe: Vec<Want>,
    /// The number of the next write.
    pub(crate) next: u64,
}

impl KeyPast {
    pub(crate) fn want(&mut self, want: Want) {
        self.maybe.push(want);
        self.next = want.number.saturating_add(1);
    }

    /// A client has one write at a time: what came before this one is no longer open.
    pub(crate) fn done(&mut self, number: u64, ack: Ack) {
        let wanted = self.maybe.iter().find(|want| want.number == number);
        if let Some(want) = wanted.copied() {
            self.done = Some((want, ack));
            self.maybe.retain(|other| other.number > number);
        }
    }

    /// Whether the key may hold the value of write `found`; `None`: nothing.
    pub(crate) fn allows(&self, found: Option<u64>) -> bool {
        let gives = |want: &Want| match (want.op, found) {
            (Op::Put, Some(number)) => number == want.number,
            (Op::Delete, None) => true,
            (Op::Put, None) | (Op::Delete, Some(_)) => false,
        };
        let never_written = self.done.is_none() && found.is_none();
        never_written
            || self.done.iter().any(|(want, _)| gives(want))
            || self.maybe.iter().any(gives)
    }
}

/// An acknowledged write, for the audit.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Acknowledged {
    pub(crate) shard: ShardId,
    pub(crate) ack: Ack,
}

/// All that a client left.
#[derive(Default)]
pub(crate) struct Past {
    pub(crate) keys: BTreeMap<u32, KeyPast>,
    pub(crate) acknowledged: Vec<Acknowledged>,
}

impl Past {
    /// Reads a journal; one that is not there is empty. A last line that a kill cut off is what
    /// the client had not heard yet.
    pub(crate) fn read(path: &Path) -> io::Result<Self> {
        let text = match fs::read_to_string(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
            text => text?,
        };
        let whole = text.rsplit_once('\n').map_or("", |(whole, _)| whole);
        let mut past = Self::default();
        for line in whole.lines().filter(|line| !line.is_empty()) {
            if past.line(line).is_none() {
                let why = format!("{}: not a line of a journal: {line}", path.display());
                return Err(io::Error::other(why));
            }
        }
        Ok(past)
    }

    fn line(&mut self, line: &str) -> Option<()> {
        let mut words = line.split(' ');
        let what = words.next()?;
        let key = self.keys.entry(words.next()?.parse().ok()?).or_default();
        let number = words.next()?.parse().ok()?;
        match what {
            "put" | "delete" => {
                let op = if what == "put" { Op::Put } else { Op::Delete };
                key.want(Want { number, op });
            }
            "done" => {
                let shard = ShardId(words.next()?.parse().ok()?);
                let ack = Ack {
                    seq: words.next()?.parse().ok()?,
                    node: NodeId(words.next()?.parse().ok()?),
                    since: match words.next()? {
                        "-" => None,
                        id => Some(id.parse::<MigrationId>().ok()?),
                    },
                };
                key.done(number, ack);
                self.acknowledged.push(Acknowledged { shard, ack });
            }
            _ => return None,
        }
        Some(())
    }
}

/// A journal that is written to.
pub(crate) struct Journal(File);

impl Journal {
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        let whole = match fs::read(path) {
            Ok(bytes) => bytes
                .iter()
                .rposition(|byte| *byte == b'\n')
                .map_or(0, |at| at + 1),
            Err(error) if error.kind() == io::ErrorKind::NotFound => 0,
            Err(error) => return Err(error),
        };
        let file = OpenOptions::new().append(true).create(true).open(path)?;
        file.set_len(u64::try_from(whole).unwrap_or(u64::MAX))?;
        Ok(Self(file))
    }

    pub(crate) fn want(&mut self, key: u32, want: Want) -> io::Result<()> {
        let op = match want.op {
            Op::Put => "put",
            Op::Delete => "delete",
        };
        self.line(&format!("{op} {key} {}\n", want.number))
    }

    pub(crate) fn done(
        &mut self,
        key: u32,
        number: u64,
        shard: ShardId,
        ack: &Ack,
    ) -> io::Result<()> {
        let Ack { seq, node, since } = ack;
        let since = since.map_or("-".to_owned(), |id| id.to_string());
        self.line(&format!(
            "done {key} {number} {shard} {seq} {node} {since}\n"
        ))
    }

    fn line(&mut self, line: &str) -> io::Result<()> {
        self.0.write_all(line.as_bytes())
    }
}
