//! Each target on its seeds and on random inputs. What a fuzzer found is replayed by putting the
//! file into `seeds/<target>/`.

use crate::inputs::{Inputs, seeds};

macro_rules! targets {
    ($($target:ident: $random:literal;)*) => {$(
        #[test]
        fn $target() {
            let name = stringify!($target);
            for (path, input) in seeds(name) {
                println!("{}", path.display());
                shardferry_fuzz::$target::run(&input);
            }
            for input in Inputs::new(name, $random) {
                let shown = format!("{input:02x?}");
                let run = std::panic::AssertUnwindSafe(|| shardferry_fuzz::$target::run(&input));
                if let Err(panic) = std::panic::catch_unwind(run) {
                    println!("{name}: the input was {shown}");
                    std::panic::resume_unwind(panic);
                }
            }
        }
    )*};
}

targets! {
    transitions: 100;
    decode_record: 4000;
    plan: 1500;
    cluster_file: 300;
    open_file: 300;
    read_log: 300;
}
