//! Every target without a fuzzer: its seeds, and random inputs. A stable toolchain is enough.

mod inputs;
mod targets;
