//! Operations on a tracker; see `shardferry_fuzz::transitions`.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| shardferry_fuzz::transitions::run(input));
