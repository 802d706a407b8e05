use std::time::Instant;

use tracing::Span;

use crate::machine::CommandName;
use crate::schema::MigrationId;
use crate::schema::v1::Migration;

/// What observers are told of a command: a span from before its transaction to after its commit, and
/// an event at its end. What is known only afterwards is recorded then.
pub(super) struct Told {
    span: Span,
    quiet: bool,
    started: Instant,
}

impl Told {
    pub(super) fn of(id: MigrationId, command: CommandName) -> Self {
        use tracing::field::Empty;
        // These come many times a second.
        let quiet = matches!(command, CommandName::Progress | CommandName::Renew);
        let span = if quiet {
            tracing::trace_span!(
                "transition", %id, %command, shard = Empty, from = Empty, to = Empty, epoch = Empty
            )
        } else {
            tracing::info_span!(
                "transition", %id, %command, shard = Empty, from = Empty, to = Empty, epoch = Empty
            )
        };
        Self {
            span,
            quiet,
            started: Instant::now(),
        }
    }

    /// Does `work`, and tells what came of it. A refusal is the caller's to tell.
    pub(super) fn doing<E>(
        &self,
        work: impl FnOnce() -> Result<Migration, E>,
    ) -> Result<Migration, E> {
        self.span.in_scope(|| {
            let next = work()?;
            self.span.record("shard", next.shard.0);
            self.span.record("from", next.from.0);
            self.span.record("to", next.to.0);
            self.span.record("epoch", next.epoch.0);
            let took_us = u64::try_from(self.started.elapsed().as_micros()).unwrap_or(u64::MAX);
            let status = next.status();
            if self.quiet {
                tracing::trace!(%status, took_us, "done");
            } else {
                tracing::info!(%status, took_us, "done");
            }
            Ok(next)
        })
    }
}
