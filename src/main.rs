//! Parse, run, exit code. What a command does is in `run`.

use clap::Parser;
use pmta_vitals::cli::Cli;
use pmta_vitals::run;
use std::io::Write;
use std::process::ExitCode;
use std::time::Instant;

fn main() -> ExitCode {
    let started = Instant::now();
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(usage) => return run::answer_usage(&usage),
    };
    match run::run(&cli, started) {
        Ok(code) => code,
        Err(error) => {
            // Telegraf shows the first line of stderr, 512 bytes of it.
            let line: String = format!("pmta-vitals: {error}").chars().take(400).collect();
            let _ = writeln!(std::io::stderr(), "{}", line.replace('\n', " "));
            ExitCode::FAILURE
        }
    }
}
