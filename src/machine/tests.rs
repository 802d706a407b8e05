mod progress;
mod regressions;
mod sequences;
mod subject;
mod table;
