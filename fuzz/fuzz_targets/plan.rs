//! Clusters to balance; see `shardferry_fuzz::plan`.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| shardferry_fuzz::plan::run(input));
