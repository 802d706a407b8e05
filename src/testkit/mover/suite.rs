use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread::Builder;

use super::cases;
use super::failure::Fault;
use super::point::Point;
use super::{Failure, Options, Report, Skipped, World, WorldError};

/// Runs every case against the mover of the worlds that `make` makes: each call is a fresh one.
///
/// A case that is stuck for longer than [`Options::patience`] is a failure; its threads are left
/// behind.
///
/// # Errors
/// [`Failure`]: the first case that did not pass, what the contract asks for there, and what was
/// found.
///
/// See the [module](super) for an example.
pub fn conformance<W: World>(
    make: impl Fn() -> Result<W, WorldError> + Send + Sync + 'static,
    options: &Options,
) -> Result<Report, Failure> {
    let mut suite = Suite {
        make: Arc::new(make),
        options: options.clone(),
        report: Report::default(),
    };
    cases::all(&mut suite)?;
    Ok(suite.report)
}

/// Makes a fresh world.
pub(super) type Make<W> = dyn Fn() -> Result<W, WorldError> + Send + Sync;

/// Whether a case came to its boundary.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reached {
    Yes,
    No,
}

/// The suite on its way.
pub(super) struct Suite<W> {
    pub(super) make: Arc<Make<W>>,
    pub(super) options: Options,
    pub(super) report: Report,
}

impl<W: World> Suite<W> {
    /// Runs one case, in a thread that may be left behind.
    pub(super) fn case<T: Send + 'static>(
        &self,
        name: &str,
        at: Option<Point>,
        work: impl FnOnce(&Make<W>, &Options) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, Failure> {
        let (make, options) = (Arc::clone(&self.make), self.options.clone());
        let (done, outcome) = channel();
        let spawned = Builder::new()
            .name("conformance case".to_owned())
            .spawn(move || {
                // The suite may have lost its patience, and listens no more.
                drop(done.send(work(&*make, &options)));
            });
        let patience = self.options.patience;
        let outcome = match spawned {
            Err(error) => Err(Fault::from(error)),
            Ok(_) => outcome.recv_timeout(patience).unwrap_or_else(|gone| {
                Err(match gone {
                    RecvTimeoutError::Timeout => Fault::new(
                        format!("an end within {patience:?}"),
                        "none; does the mover hold a lock of the world while it reports?",
                    ),
                    RecvTimeoutError::Disconnected => {
                        Fault::new("a world whose methods do not panic", "a panic")
                    }
                })
            }),
        };
        outcome.map_err(|fault| fault.in_case(name, at))
    }

    /// Runs a case and counts it.
    pub(super) fn pass(
        &mut self,
        name: String,
        at: Option<Point>,
        work: impl FnOnce(&Make<W>, &Options) -> Result<Reached, Fault> + Send + 'static,
    ) -> Result<(), Failure> {
        match self.case(&name, at, work)? {
            Reached::Yes => {}
            Reached::No => self.report.not_reached += 1,
        }
        self.report.cases.push(name);
        Ok(())
    }

    /// Says that cases were not run.
    pub(super) fn skip(&mut self, cases: &str, why: &str) {
        self.report.skipped.push(Skipped {
            cases: cases.to_owned(),
            why: why.to_owned(),
        });
    }
}
