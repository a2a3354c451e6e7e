//! The command line: what the operator may type, and the help that teaches it. It decides nothing.

use clap::{ArgAction, ArgMatches, Args, FromArgMatches, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;
use std::time::Duration;

/// PowerMTA monitoring that names the provider, the reason and the fix.
#[derive(Debug, Parser)]
#[command(
    name = "pmta-vitals",
    version,
    about,
    after_help = "New here? `pmta-vitals demo` shows what you would see, `pmta-vitals doctor` says what this host still lacks, \
                  `pmta-vitals config telegraf` prints the file to drop into Telegraf.",
    propagate_version = true,
    disable_help_subcommand = true
)]
pub struct Cli {
    #[command(flatten)]
    pub global: Global,
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Clone, Args)]
pub struct Global {
    /// Configuration file; none is needed on a PowerMTA host
    #[arg(long, global = true, value_name = "FILE", help_heading = "Everywhere")]
    pub config: Option<PathBuf>,
    /// Folder of the ledger (totals, cursors, seven-day memory)
    #[arg(long, global = true, value_name = "DIR", help_heading = "Everywhere")]
    pub state: Option<PathBuf>,
    /// Pretend that it is this time (RFC 3339): for tests and for replaying an old night
    #[arg(long, global = true, value_name = "TIME", help_heading = "Everywhere")]
    pub now: Option<String>,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Collect once and print metrics, findings and events: what a host agent runs
    Collect(Asked<Collect>),
    /// Nagios and Icinga plugin: one check, `all` of them, or `list` what there is
    Check(Asked<Check>),
    /// Say why an SMTP reply was given: one reply, or many with --tsv
    Explain(Asked<Explain>),
    /// Run old accounting files through the whole pipeline as if live, and print what would have been told
    Replay(Asked<Replay>),
    /// Check access, configuration and PowerMTA's own settings, and say how to mend each
    Doctor(Asked<Doctor>),
    /// Watch a simulated PowerMTA host have an incident, and what a host agent would be told
    Demo(Asked<Demo>),
    /// Keep a simulated PowerMTA host running, for trials and fire drills
    Simulate(Asked<Simulate>),
    /// Print the effective configuration, or the drop-in file for a host agent
    Config(Asked<Show>),
    /// Print a completion script for your shell
    Completions {
        /// bash, zsh, fish, elvish or powershell
        shell: clap_complete::Shell,
    },
}

/// A command's arguments, described to clap only when that command is asked for: a host agent asks
/// for the same one every ten seconds, and all the others were most of what parsing cost.
#[derive(Debug, Clone)]
pub struct Asked<T>(pub T);

impl<T: Args> Args for Asked<T> {
    fn augment_args(command: clap::Command) -> clap::Command {
        command.defer(T::augment_args)
    }

    fn augment_args_for_update(command: clap::Command) -> clap::Command {
        command.defer(T::augment_args_for_update)
    }
}

impl<T: FromArgMatches> FromArgMatches for Asked<T> {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        T::from_arg_matches(matches).map(Asked)
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        self.0.update_from_arg_matches(matches)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Line protocol for Telegraf and InfluxDB
    Influx,
    /// Vector's native JSON, one event a line
    NativeJson,
    /// One JSON document
    Json,
    /// Prometheus text exposition
    Prometheus,
    /// For people at a terminal
    Text,
}

impl Format {
    pub fn name(self) -> &'static str {
        match self {
            Format::Influx => "influx",
            Format::NativeJson => "native-json",
            Format::Json => "json",
            Format::Prometheus => "prometheus",
            Format::Text => "text",
        }
    }
}

#[derive(Debug, Clone, Args)]
#[command(after_help = "Exit code 0 whenever there is something to print: trouble is a metric \
                        (pmta_collector), not an exit code. 1: failed, the first line on stderr says why.")]
pub struct Collect {
    /// How to print
    #[arg(long, value_enum, default_value = "influx")]
    pub format: Format,
    /// Write Prometheus text to this file instead, atomically, for node_exporter's textfile collector
    #[arg(long, value_name = "PATH", conflicts_with_all = ["format", "stdin", "stream"])]
    pub textfile: Option<PathBuf>,
    /// Collect from these sources only; the others are neither read nor printed
    #[arg(long, value_name = "A,B", value_delimiter = ',')]
    pub only: Vec<String>,
    /// Whose event cursor to use; each host agent that should get every event has its own name
    #[arg(long, value_name = "NAME", value_parser = consumer)]
    pub consumer: Option<String>,
    /// Give up waiting and reading after this long, counted from the start of the process
    #[arg(long, value_name = "TIME", default_value = "4s", value_parser = duration)]
    pub deadline: Duration,
    /// Print what a run would print, and write nothing at all
    #[arg(long)]
    pub dry_run: bool,
    /// Read files that have no cursor yet from their beginning, moved folders included
    #[arg(long)]
    pub from_start: bool,
    /// Collect once for each line on standard input, until it ends (Telegraf's execd)
    #[arg(long, conflicts_with = "stream")]
    pub stdin: bool,
    /// Collect again and again at this interval by an own clock, until SIGTERM (Vector's streaming mode)
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub stream: Option<Duration>,
}

#[derive(Debug, Clone, Args)]
#[command(
    after_help = "Exit code 0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN, also for usage errors and this help. \
                        Ranges: 10 (outside 0 to 10), 10:, ~:10, 10:20, @10:20 (inside). `check list` names \
                        the checks, their figures and defaults."
)]
pub struct Check {
    /// A check's name, `all` or `list`
    pub name: String,
    /// Warning range of the check's own figure, in per cent for ratios; without -w and -c the findings decide
    #[arg(short, long, value_name = "RANGE", allow_hyphen_values = true)]
    pub warning: Option<String>,
    /// Critical range
    #[arg(short, long, value_name = "RANGE", allow_hyphen_values = true)]
    pub critical: Option<String>,
    /// Answer within this time, whatever happens
    #[arg(short, long, value_name = "TIME", default_value = "10s", value_parser = duration)]
    pub timeout: Duration,
    /// The state to answer with when that time is over
    #[arg(long, value_enum, value_name = "STATE", default_value = "unknown")]
    pub timeout_state: PluginState,
    /// Ask PowerMTA on this host instead; for checks that ask PowerMTA itself
    #[arg(short = 'H', long, value_name = "ADDRESS")]
    pub hostname: Option<String>,
    /// Say more: -v the figures and troubles, -vv every finding's evidence
    #[arg(short, long, action = ArgAction::Count)]
    pub verbose: u8,
    /// How much of the recorded past a ratio looks at
    #[arg(long, value_name = "TIME", default_value = "5m", value_parser = duration)]
    pub window: Duration,
    /// Only this provider, as `list` and the metrics spell it
    #[arg(long, value_name = "NAME")]
    pub provider: Option<String>,
    /// Leave the findings of these providers out of `all`: somebody else is told of them
    #[arg(long, value_name = "NAME,...", value_delimiter = ',', conflicts_with = "provider")]
    pub except: Vec<String>,
    /// Only this VMTA
    #[arg(long, value_name = "NAME")]
    pub vmta: Option<String>,
    /// Only this queue, `domain/vmta`
    #[arg(long, value_name = "QUEUE")]
    pub queue: Option<String>,
    /// Only this recipient domain
    #[arg(long, value_name = "DOMAIN")]
    pub domain: Option<String>,
    /// Longest output in bytes: 1000 for old NRPE
    #[arg(long, value_name = "BYTES", default_value_t = 8_000, value_parser = clap::value_parser!(u32).range(80..=65_536))]
    pub max_output: u32,
    /// Data older than this that cannot be renewed are UNKNOWN
    #[arg(long, value_name = "TIME", default_value = "5m", value_parser = duration)]
    pub stale: Duration,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum PluginState {
    Ok,
    Warning,
    Critical,
    Unknown,
}

#[derive(Debug, Clone, Args)]
pub struct Explain {
    /// A reply, as PowerMTA logs it in dsnDiag, or an accounting file (also .gz) to be summed up;
    /// without one, standard input is read line by line
    #[arg(value_name = "REPLY|FILE")]
    pub reply: Option<String>,
    /// Lines `dsnStatus<TAB>dsnDiag[<TAB>dsnMta[<TAB>type]]` on standard input; answers
    /// `reason<TAB>provider<TAB>stage<TAB>rule`, one line each
    #[arg(long, conflicts_with = "reply")]
    pub tsv: bool,
    /// List the collected replies that no rule knows, by volume: ready to become rules
    #[arg(long, conflicts_with_all = ["reply", "tsv"])]
    pub unknown: bool,
    /// List the collected replies first seen in the last day (with --unknown: of those no rule knows)
    #[arg(long, conflicts_with_all = ["reply", "tsv"])]
    pub new: bool,
}

#[derive(Debug, Clone, Args)]
#[command(
    after_help = "Prints each change of state of a finding as one JSON line, sorted by time, the same bytes \
                        each time; a summary goes to stderr."
)]
pub struct Replay {
    /// Old accounting files, also .gz, in any order
    #[arg(required_unless_present = "series", value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// Waiting recipients over time: JSON lines with time, provider and recipients
    #[arg(long, value_name = "FILE")]
    pub status: Option<PathBuf>,
    /// Judge by another method: reasons or mean-stddev
    #[arg(long, value_name = "NAME")]
    pub method: Option<String>,
    /// Judge with another setting, for example judge.alpha=1e-6; may be given several times
    #[arg(long, value_name = "KEY=VALUE")]
    pub what_if: Vec<String>,
    /// Keep what is usual in the ledger, from records older than its first live one
    #[arg(long)]
    pub learn: bool,
    /// Instead: find anomalies in a file of `timestamp,value[,label]` lines at five-minute steps
    #[arg(long, value_name = "FILE", conflicts_with_all = ["files", "status", "method", "learn"])]
    pub series: Option<PathBuf>,
}

#[derive(Debug, Clone, Args)]
pub struct Doctor {
    /// Print the exact commands and configuration lines that mend what was found; runs none of them
    #[arg(long)]
    pub fix_commands: bool,
}

#[derive(Debug, Clone, Args)]
pub struct Demo {
    /// Which incident to let happen: a name or a list, see `simulate --help`
    #[arg(long, value_name = "NAMES", default_value = "yahoo-handshake")]
    pub scenario: String,
    /// What to print
    #[arg(long, value_enum, default_value = "text")]
    pub format: Format,
    /// Makes the same traffic every time
    #[arg(long, value_name = "N", default_value_t = 7)]
    pub seed: u64,
}

#[derive(Debug, Clone, Args)]
pub struct Simulate {
    /// Folder for the host's files; default: a temporary folder, named at the start and removed at the end
    #[arg(long, value_name = "DIR")]
    pub dir: Option<PathBuf>,
    /// Port of the web monitor on loopback, 0 for any
    #[arg(long, value_name = "N", default_value_t = 8080)]
    pub port: u16,
    /// Port of the SMTP listener on loopback, 0 for any
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub smtp_port: u16,
    /// Incidents, `name[@start+duration[xstrength]]` in seconds, separated by commas
    #[arg(long, value_name = "NAMES", default_value = "quiet")]
    pub scenario: String,
    /// Recipients a second
    #[arg(long, value_name = "N", default_value_t = 20.0)]
    pub rate: f64,
    /// Makes the same traffic every time
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,
    /// Begin the traffic after this long; files and pages are there from the start
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub after: Option<Duration>,
    /// Stop by itself when the traffic has lasted this long
    #[arg(long = "for", value_name = "TIME", value_parser = duration)]
    pub lasting: Option<Duration>,
    /// Rotate the accounting files every so often (PowerMTA itself does it at midnight and by size)
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub rotate_every: Option<Duration>,
    /// Move finished accounting files to another folder, as PowerMTA's move-to does
    #[arg(long)]
    pub move_to: bool,
    /// Instead: write a labelled month at once and end (accounting files, status.jsonl, truth.jsonl)
    #[arg(long, requires = "out")]
    pub month: bool,
    /// Folder for the month
    #[arg(long, value_name = "DIR", requires = "month")]
    pub out: Option<PathBuf>,
    /// Days of the month; the first quarter of them is quiet
    #[arg(long, value_name = "N", default_value_t = 28, requires = "month", value_parser = clap::value_parser!(u32).range(1..=366))]
    pub days: u32,
    /// Volume of the month: 1 is about 260,000 recipients a day
    #[arg(long, value_name = "X", default_value_t = 1.0, requires = "month")]
    pub scale: f64,
    /// Write t and tq records to a file of their own, as many sites do
    #[arg(long)]
    pub separate_diag: bool,
}

#[derive(Debug, Clone, Args)]
pub struct Show {
    /// A host agent's drop-in file instead of our own configuration
    #[arg(value_enum)]
    pub host: Option<HostAgent>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum HostAgent {
    Telegraf,
    TelegrafExecd,
    TelegrafCheck,
    Vector,
    Icinga,
    Nagios,
    Nrpe,
    /// Recording and alert rules
    Prometheus,
    /// systemd's unit that writes node_exporter's text file
    TextfileService,
    TextfileTimer,
}

/// `4s`, `500ms`, `2m`, or a bare number of seconds.
fn duration(text: &str) -> Result<Duration, String> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let number: f64 = digits.parse().map_err(|_| format!("`{text}` is not a time; write 4s, 500ms or 2m"))?;
    let scale = match text.get(digits.len()..).unwrap_or_default() {
        "ms" => 0.001,
        "" | "s" => 1.0,
        "m" => 60.0,
        "h" => 3600.0,
        other => return Err(format!("`{other}` is no unit of time; use ms, s, m or h")),
    };
    let seconds = number * scale;
    if !(0.001..=86_400.0).contains(&seconds) {
        return Err(format!("`{text}` is out of range: from 1ms to 24h"));
    }
    Ok(Duration::from_secs_f64(seconds))
}

/// A consumer's name becomes a key in the ledger and a word in output.
fn consumer(text: &str) -> Result<String, String> {
    let good = text.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b));
    if text.is_empty() || text.len() > 64 || !good {
        return Err("a consumer's name is 1 to 64 letters, digits, dots, dashes or underscores".to_owned());
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }

    #[test]
    fn times_are_read_with_their_units() {
        assert_eq!(duration("4s"), Ok(Duration::from_secs(4)));
        assert_eq!(duration("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(duration("2m"), Ok(Duration::from_secs(120)));
        assert_eq!(duration("1.5"), Ok(Duration::from_millis(1500)));
        for bad in ["", "s", "4x", "-1s", "0s", "2d", "nan", "inf"] {
            assert!(duration(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_consumer_name_is_a_plain_word() {
        assert!(consumer("telegraf-mx1.example").is_ok());
        for bad in ["", "a b", "a/b", "ä", &"x".repeat(65)] {
            assert!(consumer(bad).is_err(), "{bad}");
        }
    }
}
