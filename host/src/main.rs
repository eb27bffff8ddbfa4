//! Parses, runs, prints the error, sets the exit code.

use std::process::ExitCode;

fn main() -> ExitCode {
    ringfence::cli::main()
}
