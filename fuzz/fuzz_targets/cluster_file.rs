//! Cluster files; see `shardferry_fuzz::cluster_file`.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| shardferry_fuzz::cluster_file::run(input));
